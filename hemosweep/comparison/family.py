"""`hemosweep compare-all SWEEP`: the comparisons that an ablation declares, as one family."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hemosweep.comparison.compare import SideComparison, compare
from hemosweep.comparison.sides import choose_runs
from hemosweep.errors import BadInput, NotComparable
from hemosweep.files import system_message
from hemosweep.report.paper.printed import paper_difference
from hemosweep.report.plots.forest import draw_forest
from hemosweep.report.terminal.comparison import spread_text
from hemosweep.report.terminal.summary import comparison_json, family_rows, family_verdict
from hemosweep.report.terminal.table import ComparisonRow
from hemosweep.scores.metric import DSC, find_metric
from hemosweep.sweeps import find_sweep
from hemosweep.sweeps.search import SEARCHES
from hemosweep.tracking.reader import RunRecord, list_runs


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """The comparisons of a sweep that exist, adjusted for their number, and what is missing of those declared.

    `num_tests` counts the comparisons that have a p-value. `forest` is the picture, None where no difference exists or
    it cannot be written, and then `no_forest` says why.
    """

    sweep: str
    metric: str
    rows: tuple[ComparisonRow, ...]
    comparisons: tuple[SideComparison, ...]
    missing: tuple[str, ...]
    forest: Path | None
    no_forest: str | None

    @property
    def num_tests(self) -> int:
        return sum(row.holm_p is not None for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        rows = []
        for row, own in zip(self.rows, self.comparisons, strict=True):
            values = own.as_json()
            sides = {"side_a": values.pop("a"), "side_b": values.pop("b")}
            rows.append(comparison_json(row) | values | sides)
        return {
            "sweep": self.sweep,
            "metric": self.metric,
            "num_tests": self.num_tests,
            "comparisons": rows,
            "missing": list(self.missing),
            "forest": None if self.forest is None else str(self.forest),
        }

    def as_lines(self) -> list[str]:
        """Lines after the table: verdicts, seed noise, what is missing, and where the picture is."""
        lines = [f"{row.a} to {row.b}: {family_verdict(row)}" for row in self.rows]
        tests = f"{self.num_tests} comparison{'s' * (self.num_tests != 1)}"
        lines.append(f"Holm and Benjamini-Hochberg over {tests}; raw stars are the paper's, not adjusted.")
        lines += dict.fromkeys(
            f"Seeds (A/A) of {own.baseline.name}: mean {spread_text(noise.baseline, own.comparison.metric)}."
            for own in self.comparisons
            if (noise := own.comparison.seed_noise) is not None and noise.baseline is not None
        )
        for row, own in zip(self.rows, self.comparisons, strict=True):
            lines += [f"NOT COMPARABLE, overridden: {row.a} to {row.b}: {reason}" for reason in own.overridden]
            warnings = (*own.warnings, *own.comparison.warnings)
            lines += [f"warning: {row.a} to {row.b}: {warning}" for warning in warnings]
        lines += [f"Missing: {text}" for text in self.missing]
        if self.forest is not None:
            lines.append(f"Forest plot: {self.forest}")
        if self.no_forest is not None:
            lines.append(f"No forest plot: {self.no_forest}")
        return lines


def compare_all(
    out: Path, sweep_name: str, *, metric: str = "dsc", margin: float | None = None, allow_incomparable: bool = False
) -> Family:
    """Compare the arms that a sweep declares as pairs, as far as they are trained, and draw them.

    Raises:
        BadInput: an unknown sweep, one that declares no comparison, or none of whose pairs is trained; as `compare`.
        NotComparable: a pair differs in data, folds, metric version or checkpoint rule, and that was not overridden.
    """
    search = SEARCHES.get(sweep_name)
    declared = (find_sweep(sweep_name) if search is None else search.last_comparison).comparisons
    if not declared:
        raise BadInput(f"sweep {sweep_name} declares no comparison; compare runs with hemosweep compare A B")
    found = compare_declared(
        out, sweep_name, declared, metric=metric, margin=margin, allow_incomparable=allow_incomparable
    )
    if reasons := [f"{own.a} to {own.b}: {own.refused}" for own in found if own.refused]:
        raise NotComparable("; ".join(reasons))
    pairs = [(own.a, own.b) for own in found if own.comparison is not None]
    comparisons = [own.comparison for own in found if own.comparison is not None]
    missing = [f"{own.a} to {own.b}: {own.missing}" for own in found if own.missing]
    if not pairs:
        raise BadInput(f"sweep {sweep_name}: no comparison has both arms finished; run make sweep-{sweep_name} first")
    rows = family_rows(sweep_name, pairs, [own.comparison for own in comparisons])
    forest, no_forest = None, None
    try:
        forest = _draw(rows, out / "figures" / sweep_name, sweep_name, metric)
    except OSError as error:  # such as a folder of somebody else's: a picture never costs a result
        no_forest = system_message(error)
    return Family(
        sweep=sweep_name,
        metric=metric,
        rows=tuple(rows),
        comparisons=tuple(comparisons),
        missing=tuple(missing),
        forest=forest,
        no_forest=no_forest,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredPair:
    """A declared comparison, or why there is none: `missing` where an arm is not finished, `refused` where the two are
    not comparable."""

    a: str
    b: str
    comparison: SideComparison | None = None
    missing: str = ""
    refused: str = ""


def compare_declared(
    out: Path,
    sweep_name: str,
    declared: Sequence[tuple[str, str]],
    *,
    metric: str = "dsc",
    margin: float | None = None,
    allow_incomparable: bool = False,
) -> list[DeclaredPair]:
    """Compare pairs of a sweep's arms as far as they are trained and comparable, in the order given.

    Raises:
        BadInput: as `compare`, but for arms that are not finished.
    """
    found = []
    runs = {arm: _runs(out, sweep_name, arm) for pair in declared for arm in pair}
    for a, b in declared:
        if absent := _absent(a, b, runs):
            found.append(DeclaredPair(a=a, b=b, missing=f"{absent}; run make sweep-{sweep_name}"))
            continue
        seed_a, seed_b = _seeds_to_compare([run.seed for run in runs[a]], [run.seed for run in runs[b]])
        ref_a, ref_b = (
            f"{sweep_name}/{arm}" + ("" if seed is None else f"@{seed}") for arm, seed in ((a, seed_a), (b, seed_b))
        )
        try:
            own = compare(out, ref_a, ref_b, metric=metric, margin=margin, allow_incomparable=allow_incomparable)
        except NotComparable as error:
            found.append(DeclaredPair(a=a, b=b, refused=str(error)))
            continue
        if seed_a is not None:
            own = replace(own, warnings=(f"{a} and {b} do not both have several seeds; one of each", *own.warnings))
        found.append(DeclaredPair(a=a, b=b, comparison=own))
    return found


def _runs(out: Path, sweep: str, arm: str) -> Sequence[RunRecord]:
    """The runs of an arm that are finished and belong together, one a seed; none where it is not trained."""
    if not any(run.arm == arm and run.status == "FINISHED" for run in list_runs(out, sweep)):
        return ()
    return choose_runs(out, f"{sweep}/{arm}")[0]


def _absent(a: str, b: str, runs: Mapping[str, Sequence[RunRecord]]) -> str | None:
    """Why two arms have no comparison: one is not finished, or was only tried on some of the other's folds."""
    unfinished = [arm for arm in (a, b) if not runs[arm]]
    if unfinished:
        return f"{' and '.join(unfinished)} not finished"
    subsets = {arm: runs[arm][0].subset for arm in (a, b)}
    if subsets[a] == subsets[b]:
        return None
    return " and ".join(f"{arm} has {subset}" for arm, subset in subsets.items() if subset is not None)


def _seeds_to_compare(a: Sequence[int], b: Sequence[int]) -> tuple[int | None, int | None]:
    """The seed of either arm where one has a single seed and the other several, the same one if possible; else all."""
    if (len(a) > 1) == (len(b) > 1):
        return None, None
    common = sorted({*a} & {*b})
    return (common[0], common[0]) if common else (a[0], b[0])


def _draw(rows: Sequence[ComparisonRow], folder: Path, sweep: str, metric: str) -> Path | None:
    if all(row.comparison.mean_diff is None for row in rows):
        return None
    path = folder / ("forest.png" if metric == DSC.name else f"forest-{metric}.png")
    paper: dict[tuple[str, str], float] = {}
    for row in rows if metric == DSC.name else ():
        printed = paper_difference(sweep, row.a, row.b)
        if printed is not None:
            paper[row.a, row.b] = printed
    draw_forest(rows, path, title=f"{sweep}: differences in {find_metric(metric).label}", paper=paper)
    return path
