"""Comparison of two sides: their comparability, the paired test, and the remarks on both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hemosweep.comparison.check_sides import check_sides
from hemosweep.comparison.seed_noise import Baseline, find_baseline
from hemosweep.comparison.sides import Side, in_common_repeats, read_sides
from hemosweep.errors import NotComparable
from hemosweep.report.terminal.comparison import comparison_lines
from hemosweep.runs import RunStore
from hemosweep.scores.catalogue import find_metric
from hemosweep.stats.paired import PairedComparison, paired_comparison, to_json


@dataclass(frozen=True, kw_only=True, slots=True)
class SideComparison:
    """Two sides, the check of their comparability, and their paired comparison.

    `overridden` are the reasons against the comparison that --allow-incomparable overrides. `in_family` says what the
    claim becomes among the comparisons that its sweep declares; empty where there is no claim or no such family.
    """

    a: Side
    b: Side
    baseline: Baseline
    comparison: PairedComparison
    warnings: tuple[str, ...]
    overridden: tuple[str, ...]
    in_family: str = ""

    @property
    def all_warnings(self) -> tuple[str, ...]:
        """Warnings about the sides, then those about their scores."""
        return (*self.warnings, *self.comparison.warnings)

    def as_json(self) -> dict[str, Any]:
        """The comparison's own keys first; the order is part of the interface."""
        values = to_json(self.comparison)
        values["warnings"] = list(self.all_warnings)
        for letter, side in (("a", self.a), ("b", self.b)):
            values[letter] = side.name
            values[f"run_ids_{letter}"] = [run.run_id for run in side.runs]
            values[f"run_id_{letter}"] = side.runs[0].run_id if len(side.runs) == 1 else None
        values["baseline_run_ids"] = [run.run_id for run in self.baseline.runs]
        values["incomparable_reasons_overridden"] = list(self.overridden)
        values["in_family"] = self.in_family or None
        return values

    def as_lines(self, *, styled: bool = False) -> list[str]:
        """The headline first, the rest beside it, one sentence last."""
        lines = [
            *(f"{letter}  {_with_id(side)}" for letter, side in (("A", self.a), ("B", self.b))),
            *comparison_lines(self.comparison, baseline=self.baseline.name if self.baseline.runs else None),
            *(f"NOT COMPARABLE, overridden: {reason}" for reason in self.overridden),
            *(f"warning: {warning}" for warning in self.all_warnings),
            "",
            self.comparison.verdict,
            *([self.in_family] if self.in_family else []),
        ]
        return lines


def compare(
    store: RunStore,
    reference_a: str,
    reference_b: str,
    *,
    metric: str = "dsc",
    labels: Sequence[str] = (),
    margin: float | None = None,
    allow_incomparable: bool = False,
    store_b: RunStore | None = None,
) -> SideComparison:
    """Compare two sides case by case. The difference is B - A.

    Args:
        store_b: where B is recorded; None for the store of A.

    Raises:
        BadInput: a side does not exist or cannot be used (`read_sides`), or its scores cannot be paired.
        NotComparable: they differ in data, folds, metric digest or checkpoint rule, and that was not overridden.
    """
    a, b = read_sides(store, (reference_a, reference_b), metric, labels, store_b)
    known = store if a.runs else store_b or store
    return compare_sides(a, b, known, metric=metric, margin=margin, allow_incomparable=allow_incomparable)


def compare_sides(
    a: Side,
    b: Side,
    store: RunStore | None = None,
    *,
    metric: str = "dsc",
    margin: float | None = None,
    allow_incomparable: bool = False,
) -> SideComparison:
    """Compare two sides that were read, beside the seed noise that a store has of them.

    Raises:
        BadInput: scores that cannot be paired.
        NotComparable: as `compare`.
    """
    a, b, left_out = in_common_repeats(a, b)
    check = check_sides(a, b, metric)
    if check.reasons and not allow_incomparable:
        raise NotComparable(f"not comparable: {'; '.join(check.reasons)} (--allow-incomparable overrides)")
    baseline = Baseline() if store is None else find_baseline(store, a, b, metric)
    ivh, relabelled = _agreed(a.ivh, b.ivh, "IVH label", unknown="n/a")
    patients, reassigned = _agreed(a.patients, b.patients, "patient")
    comparison = paired_comparison(
        a.seeds,
        b.seeds,
        metric=a.description or b.description or find_metric(metric),
        ivh=ivh,
        folds_a=a.folds,
        folds_b=b.folds,
        splits_a=a.splits,
        splits_b=b.splits,
        patients=patients,
        margin=margin,
        baseline_seeds=baseline.seeds,
        by_looks=a.by_looks or b.by_looks,
        seconds_per_seed=_sum(a.seconds_per_seed, b.seconds_per_seed),
        incomparable=check.reasons,
    )
    return SideComparison(
        a=a,
        b=b,
        baseline=baseline,
        comparison=comparison,
        warnings=(
            *(*a.warnings, *b.warnings, *left_out, *check.warnings, *relabelled, *reassigned, *baseline.warnings),
            *_without_lesion(a, b),
            *_both_empty(a, b),
        ),
        overridden=check.reasons,
    )


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


def _agreed(
    a: Mapping[str, str] | None, b: Mapping[str, str] | None, what: str, *, unknown: str | None = None
) -> tuple[dict[str, str] | None, list[str]]:
    """Facts of the sides about the cases, where these agree, and a warning that names the cases where they do not.

    The facts are None where neither side has any. `unknown` is the value of a side that does not know a fact.
    """
    if a is None and b is None:
        return None, []
    if a == b:
        return {case_id: fact for case_id, fact in (a or {}).items() if fact != unknown}, []
    a, b = ({case_id: fact for case_id, fact in (side or {}).items() if fact != unknown} for side in (a, b))
    contradicted = sorted(case_id for case_id in a.keys() & b.keys() if a[case_id] != b[case_id])
    warning = f"A and B do not agree on the {what} of {', '.join(contradicted)}; taken as not known"
    agreed = {case_id: value for case_id, value in (a | b).items() if case_id not in contradicted}
    return agreed, [warning] if contradicted else []


def _without_lesion(a: Side, b: Side) -> list[str]:
    """Warning about the cases of both sides with an empty reference: their DSC is undefined, so the predicted volumes
    are given (DESIGN.md)."""
    case_ids = sorted((a.without_lesion | b.without_lesion) & {*a.seeds[0]} & {*b.seeds[0]})
    if not case_ids:
        return []

    def volume(side: Side, case_id: str) -> str:
        volume_ml = side.false_positive_ml.get(case_id)
        return "not recorded" if volume_ml is None else f"{volume_ml:.3g} mL"

    volumes = [f"A {volume(a, case_id)}, B {volume(b, case_id)}" for case_id in case_ids]
    volumes[0] = f"false positives: {volumes[0]}"
    named = ", ".join(f"{case_id} ({text})" for case_id, text in zip(case_ids, volumes, strict=True))
    return [f"no lesion in the reference of {named}"]


def _both_empty(a: Side, b: Side) -> list[str]:
    """Warnings about compared cases whose score may be that of two empty masks, which is undefined (DESIGN.md). A case
    whose reference is known to have a lesion is none."""
    scored = [
        {case_id for case_id in side.best if all(scores.get(case_id) is not None for scores in (*a.seeds, *b.seeds))}
        for side in (a, b)
    ]
    return [
        f"{side.name}: {side.program} scores a case that is empty in both masks as perfect, which is undefined here; "
        f"it may be so in {', '.join(sorted(case_ids))}: look at their masks, and clear their scores where it is"
        for side, case_ids in zip((a, b), (ids - a.with_lesion - b.with_lesion for ids in scored), strict=True)
        if case_ids
    ]


def _with_id(side: Side) -> str:
    ids = ", ".join(run.run_id[:8] for run in side.runs)
    return f"{side.name}  ({ids})" if ids else side.name
