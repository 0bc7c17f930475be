"""The comparisons that an ablation declares, as one family."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hemosweep.comparison.compare import SideComparison, compare
from hemosweep.comparison.ranks import rank_sides
from hemosweep.comparison.sides import Side, choose_runs
from hemosweep.errors import BadInput, NotComparable
from hemosweep.report.paper.claims import paper_claim
from hemosweep.report.terminal.comparison import spread_text
from hemosweep.report.terminal.lines import lines_of
from hemosweep.report.terminal.ranks import RANKS_NOTE, rank_table
from hemosweep.report.terminal.table import family_table
from hemosweep.runs import CachedStore, RunRecord, RunStore
from hemosweep.scores.catalogue import DSC, find_metric
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.multiple_testing import FamilyComparison, adjusted
from hemosweep.stats.ranks import ArmRank


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredPair:
    """A declared comparison, or the reason why there is none: `missing` if an arm is not finished, `refused` if the two
    are not comparable, `failed` if their scores cannot be compared."""

    a: str
    b: str
    comparison: SideComparison | None = None
    missing: str = ""
    refused: str = ""
    failed: str = ""

    @property
    def verdict(self) -> str:
        """The reason why there is no comparison, in a few words; empty where there is one."""
        if self.missing:
            return "not finished"
        if self.failed:
            return "cannot be compared"
        return "not comparable" if self.refused else ""

    @property
    def reason(self) -> str:
        """The same as a sentence."""
        if self.missing:
            return f"Not compared: {self.missing}."
        if self.failed:
            return f"Cannot be compared: {self.failed}."
        return f"{self.refused[0].upper()}{self.refused[1:]}." if self.refused else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """Declared pairs of a sweep, those that are compared adjusted for the number of all, `num_declared`.

    `rows` and `comparisons` belong to the pairs that are compared, in their order. `ranks` are those of the compared
    arms, none for under three. `forest` and `rank_plot` are pictures, None where none was drawn; `no_pictures` is the
    reason if drawing failed.
    """

    sweep: str
    metric: str
    pairs: tuple[DeclaredPair, ...]
    rows: tuple[FamilyComparison, ...]
    num_declared: int
    ranks: tuple[ArmRank, ...] = ()
    forest: Path | None = None
    rank_plot: Path | None = None
    no_pictures: str | None = None

    @property
    def description(self) -> MetricDescription:
        """The metric as the compared runs record it, or, where none are compared, as it is known here."""
        return self.rows[0].comparison.metric if self.rows else find_metric(self.metric)

    @property
    def comparisons(self) -> tuple[SideComparison, ...]:
        return tuple(pair.comparison for pair in self.pairs if pair.comparison is not None)

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(f"{pair.a} to {pair.b}: {pair.missing}" for pair in self.pairs if pair.missing)

    @property
    def refused(self) -> tuple[str, ...]:
        return tuple(f"{pair.a} to {pair.b}: {pair.refused}" for pair in self.pairs if pair.refused)

    def row_of(self, pair: DeclaredPair) -> FamilyComparison | None:
        """The adjusted comparison of a pair; None where it is not compared."""
        return next((row for row in self.rows if (row.a, row.b) == (pair.a, pair.b)), None)

    def rows_json(self) -> list[dict[str, Any]]:
        """A value a compared pair: `a` and `b` are its arms, `side_a` and `side_b` the runs that they stand for."""
        values = []
        for row, compared in zip(self.rows, self.comparisons, strict=True):
            sides = compared.as_json()
            values.append(row.as_json() | sides | {"a": row.a, "b": row.b, "side_a": sides["a"], "side_b": sides["b"]})
        return values

    def as_json(self) -> dict[str, Any]:
        return {
            "sweep": self.sweep,
            "metric": self.metric,
            "num_tests": sum(row.holm_p is not None for row in self.rows),
            "num_declared": self.num_declared,
            "comparisons": self.rows_json(),
            "missing": list(self.missing),
            "ranks": [asdict(rank) for rank in self.ranks],
            "forest": None if self.forest is None else str(self.forest),
            "rank_plot": None if self.rank_plot is None else str(self.rank_plot),
        }

    def verdict_lines(self) -> list[str]:
        """The verdict of each compared pair."""
        return [f"{row.a} to {row.b}: {row.verdict}" for row in self.rows]

    def remark_lines(self) -> list[str]:
        """Seed noise, then the overridden reasons and the warnings, pair by pair."""
        spreads = {
            compared.baseline.name: spread_text(spread, compared.comparison.metric)
            for compared in self.comparisons
            if (spread := compared.comparison.seeds.baseline) is not None
        }
        lines = [f"Seeds (A/A) of {baseline}: mean {spread}." for baseline, spread in spreads.items()]
        for row, compared in zip(self.rows, self.comparisons, strict=True):
            lines += [f"NOT COMPARABLE, overridden: {row.a} to {row.b}: {reason}" for reason in compared.overridden]
            lines += [f"warning: {row.a} to {row.b}: {warning}" for warning in compared.all_warnings]
        return lines

    def as_lines(self, *, styled: bool = False) -> list[str]:
        """The table, then verdicts, seed noise, what is missing, and where the picture is."""
        tests = f"{self.num_declared} declared comparison{'s' * (self.num_declared != 1)}"
        lines = [
            *lines_of(family_table(self.rows), styled=styled),
            *self.verdict_lines(),
            f"Claims count cases, seeds and folds; Holm and Benjamini-Hochberg adjust them over {tests}.",
            "Raw p and stars are of the paper's t-test over cases, not adjusted: "
            "* p < 0.05, ** p < 0.01, *** p < 0.005, **** p < 0.001.",
            *self.remark_lines(),
            *(f"Missing: {text}" for text in self.missing),
        ]
        if self.ranks:
            lines += ["", *lines_of(rank_table(self.ranks, self.description), styled=styled), RANKS_NOTE]
        if self.forest is not None:
            lines.append(f"Forest plot: {self.forest}")
        if self.rank_plot is not None:
            lines.append(f"Rank plot: {self.rank_plot}")
        if self.no_pictures is not None:
            lines.append(f"No forest plot: {self.no_pictures}")
        return lines


def compare_family(
    store: RunStore,
    sweep: str,
    declared: Sequence[tuple[str, str]],
    *,
    metric: str = "dsc",
    margin: float | None = None,
    allow_incomparable: bool = False,
    keep_going: bool = False,
    num_declared: int | None = None,
) -> Family:
    """Compare pairs of a sweep's arms as far as they are trained and comparable, in the order given, as one family.

    This is the one road to the verdicts of `hemosweep compare-all`, of the end of a sweep and of a report.

    Args:
        keep_going: a pair that cannot be compared is returned with `DeclaredPair.failed`, and the others are compared.
        num_declared: number of the comparisons that the sweep declares, where `declared` are only some of them.

    Raises:
        BadInput: as `compare`, but for arms that are not finished.
    """
    store = CachedStore(store)
    pairs = []
    for a, b in declared:
        try:
            pairs.append(
                _compare_pair(store, sweep, a, b, metric=metric, margin=margin, allow_incomparable=allow_incomparable)
            )
        except BadInput as error:
            if not keep_going:
                raise
            pairs.append(DeclaredPair(a=a, b=b, failed=str(error)))
    return _family(sweep, pairs, metric, len(pairs) if num_declared is None else num_declared)


def _family(sweep: str, pairs: Sequence[DeclaredPair], metric: str, num_declared: int) -> Family:
    compared = [(pair, pair.comparison.comparison) for pair in pairs if pair.comparison is not None]
    names = [(pair.a, pair.b) for pair, _ in compared]
    rows = adjusted(names, [comparison for _, comparison in compared], num_declared)
    with_paper = tuple(replace(row, paper_p=_paper_p(sweep, row)) for row in rows)
    sides: dict[str, Side] = {}
    for pair in pairs:
        if pair.comparison is not None and not pair.comparison.overridden:
            sides |= {pair.a: pair.comparison.a, pair.b: pair.comparison.b}
    return Family(
        sweep=sweep,
        metric=metric,
        pairs=tuple(pairs),
        rows=with_paper,
        num_declared=num_declared,
        ranks=rank_sides(sides, compared[0][1].metric) if compared else (),
    )


def _paper_p(sweep: str, row: FamilyComparison) -> str | None:
    """The bound that the paper prints for p, which is about DSC."""
    claim = paper_claim(sweep, row.a, row.b) if row.comparison.metric.name == DSC.name else None
    return None if claim is None else claim.p or None


def _compare_pair(
    store: RunStore,
    sweep: str,
    a: str,
    b: str,
    *,
    metric: str,
    margin: float | None,
    allow_incomparable: bool,
) -> DeclaredPair:
    runs = {arm: _runs(store, sweep, arm, metric) for arm in (a, b)}
    if absent := _absent(a, b, runs):
        return DeclaredPair(a=a, b=b, missing=f"{absent}; run make sweep-{sweep}")
    try:
        compared = compare(
            store, f"{sweep}/{a}", f"{sweep}/{b}", metric=metric, margin=margin, allow_incomparable=allow_incomparable
        )
    except NotComparable as error:
        return DeclaredPair(a=a, b=b, refused=str(error))
    return DeclaredPair(a=a, b=b, comparison=compared)


def compare_all(
    store: RunStore,
    sweep: str,
    declared: Sequence[tuple[str, str]],
    *,
    metric: str = "dsc",
    margin: float | None = None,
    allow_incomparable: bool = False,
) -> Family:
    """The family of a sweep's declared pairs, none of which may be incomparable.

    Raises:
        BadInput: the sweep declares no comparison, or none of its pairs is trained; as `compare`.
        NotComparable: a pair differs in data, folds, metric digest or checkpoint rule, and that was not overridden.
    """
    if not declared:
        raise BadInput(f"sweep {sweep} declares no comparison; compare runs with hemosweep compare A B")
    family = compare_family(store, sweep, declared, metric=metric, margin=margin, allow_incomparable=allow_incomparable)
    if family.refused:
        raise NotComparable("; ".join(family.refused))
    if not family.rows:
        raise BadInput(f"sweep {sweep}: no comparison has both arms finished; run make sweep-{sweep} first")
    return family


def _runs(store: RunStore, sweep: str, arm: str, metric: str) -> Sequence[RunRecord]:
    """The runs of an arm that are finished and belong together, one a seed; none where it is not trained."""
    if not any(run.arm == arm and run.is_finished for run in store.list_runs(sweep)):
        return ()
    return choose_runs(store, f"{sweep}/{arm}", metric)[0]


def _absent(a: str, b: str, runs: Mapping[str, Sequence[RunRecord]]) -> str | None:
    """Reason why two arms have no comparison: one is not finished, or ran on only some of the other's folds. None where
    they have one."""
    unfinished = [arm for arm in (a, b) if not runs[arm]]
    if unfinished:
        return f"{' and '.join(unfinished)} not finished"
    subsets = {arm: runs[arm][0].subset for arm in (a, b)}
    if subsets[a] == subsets[b]:
        return None
    return " and ".join(f"{arm} has {subset}" for arm, subset in subsets.items() if subset is not None)
