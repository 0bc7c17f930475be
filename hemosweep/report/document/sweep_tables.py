"""The tables of an ablation in a report: the paper's figures beside ours, the tests, and the effect of the seed
alone."""

from collections.abc import Sequence

from hemosweep.report.document.document import Column, Table
from hemosweep.report.document.facts import ArmFacts, PairFacts, SweepFacts
from hemosweep.report.paper.printed import PaperArm, paper_arm, paper_difference, paper_place
from hemosweep.report.paper.verdicts import our_verdict, p_value, paper_verdict
from hemosweep.report.terminal.ranks import RANKS_NOTE
from hemosweep.report.terminal.table import ARROW, MINUS, PLUS_MINUS, UNDEFINED
from hemosweep.scores.summary import Summary, summarise
from hemosweep.stats.multiple_testing import FamilyComparison
from hemosweep.stats.replicates import SeedSpread
from hemosweep.stats.verdict import counted

NOT_FINISHED = "not finished"
PAPER = "paper"
"""Name of the columns with what the paper prints."""


def verdict_table(sweep: SweepFacts) -> Table:
    """The paper's table with ours: a row an arm, or one for each of its comparisons where it has several.

    An ablation that is not the paper's has no columns of the paper, here and in the other tables.
    """
    rows = []
    for arm in sweep.arms:
        printed = paper_arm(sweep.name, arm.name)
        dsc = (mean_sd(None if printed is None else printed.dsc), _our_dsc(arm))
        pairs: Sequence[PairFacts | None] = [pair for pair in sweep.pairs if pair.b == arm.name] or [None]
        rows += [(arm.name, *dsc, *_verdict_cells(sweep.name, pair)) for pair in pairs]
    table = Table(
        caption=f"{sweep.name}: mean DSC {PLUS_MINUS} standard deviation over the cases; the difference is that arm "
        "less the one it is compared with, ours with its 95% confidence interval over the cases.",
        columns=(
            Column(name="Arm", align="left"),
            Column(name=PAPER, group="DSC"),
            Column(name="ours", group="DSC"),
            Column(name="Compared with", align="left"),
            Column(name=PAPER, group="Difference in DSC"),
            Column(name="ours [95% CI]", group="Difference in DSC"),
            Column(name=PAPER, group="Verdict", align="left"),
            Column(name="ours", group="Verdict", align="left"),
        ),
        rows=tuple(rows),
    )
    return table if _is_printed(sweep) else table.without(PAPER)


def _is_printed(sweep: SweepFacts) -> bool:
    return paper_place(sweep.name) is not None


def _verdict_cells(sweep: str, pair: PairFacts | None) -> tuple[str, str, str, str, str]:
    if pair is None:
        return (UNDEFINED,) * 5
    verdict = pair.verdict if pair.row is None else our_verdict(pair.row)
    return (
        pair.a,
        difference(paper_difference(sweep, pair.a, pair.b)),
        our_difference(pair.row),
        paper_verdict(sweep, pair.a, pair.b),
        verdict,
    )


def glance_table(sweeps: Sequence[SweepFacts]) -> Table:
    """Every declared comparison of a study, a row each."""
    rows = []
    for sweep in sweeps:
        for pair in sweep.pairs:
            _, printed, difference, paper, ours = _verdict_cells(sweep.name, pair)
            rows.append((sweep.name, f"{pair.a} {ARROW} {pair.b}", printed, difference, paper, ours))
    table = Table(
        caption=f"Every declared comparison A {ARROW} B: the difference in mean DSC is B {MINUS} A.",
        columns=(
            Column(name="Ablation", align="left"),
            Column(name=f"A {ARROW} B", align="left"),
            Column(name=PAPER, group="Difference in DSC"),
            Column(name="ours [95% CI]", group="Difference in DSC"),
            Column(name=PAPER, group="Verdict", align="left"),
            Column(name="ours", group="Verdict", align="left"),
        ),
        rows=tuple(rows),
    )
    return table if any(map(_is_printed, sweeps)) else table.without(PAPER)


def group_table(sweep: SweepFacts) -> Table:
    """The rest of the paper's columns, by IVH and for the extreme cases, with the paper's values where it prints
    them."""
    printed = [paper_arm(sweep.name, arm.name) for arm in sweep.arms]
    summaries = [_summary(arm) for arm in sweep.arms]
    columns: list[tuple[Column, list[str]]] = [
        (Column(name="Arm", align="left"), [arm.name for arm in sweep.arms]),
        (Column(name="Cases"), [UNDEFINED if s is None else _count(s) for s in summaries]),
        (Column(name="Seeds"), [str(len(arm.seeds)) for arm in sweep.arms]),
    ]
    for heading, field in (("IVH", "ivh"), ("No IVH", "no_ivh"), ("Max", "max"), ("Min", "min")):
        papers = [_paper_cell(arm, field) for arm in printed]
        if any(cell != UNDEFINED for cell in papers):
            columns.append((Column(name=PAPER, group=heading), papers))
        columns.append((Column(name="ours", group=heading), [_our_cell(s, field) for s in summaries]))
    return Table(
        caption=f"{sweep.name}: DSC of the cases with and without intraventricular hemorrhage (IVH), mean "
        f"{PLUS_MINUS} standard deviation, and of the best and the worst case.",
        columns=tuple(column for column, _ in columns),
        rows=tuple(zip(*(cells for _, cells in columns), strict=True)),
    )


def test_table(sweep: SweepFacts) -> Table:
    """The paper's test over cases, with its stars."""
    rows = []
    for pair in sweep.pairs:
        name = f"{pair.a} {ARROW} {pair.b}"
        if pair.row is None:
            rows.append((name, pair.verdict, *(UNDEFINED,) * 7))
            continue
        comparison = pair.row.comparison
        rows.append(
            (
                name,
                str(comparison.n),
                our_difference(pair.row),
                number(comparison.t, ".2f"),
                number(comparison.df, "d"),
                p_value(comparison.p),
                comparison.stars or UNDEFINED,
                number(comparison.dz, ".2f"),
                p_value(comparison.wilcoxon_p),
            )
        )
    return Table(
        caption=f"{sweep.name}: the paper's dependent t-test over paired cases, which takes the trained networks as "
        "given. Its stars are not adjusted: * < 0.05, ** < 0.01, *** < 0.005, **** < 0.001 (in the paper's own Tables "
        "3 and 4, * is p < 0.01 and ** p < 0.001).",
        columns=(
            Column(name=f"A {ARROW} B", align="left"),
            Column(name="n"),
            Column(name=f"B {MINUS} A [95% CI]"),
            Column(name="t"),
            Column(name="df"),
            Column(name="p"),
            Column(name="stars"),
            Column(name="dz"),
            Column(name="Wilcoxon p"),
        ),
        rows=tuple(rows),
    )


def claim_table(sweep: SweepFacts) -> Table:
    """The claims, which count seeds and folds too, as a family."""
    num_declared = len(sweep.pairs)
    rows = []
    for pair in sweep.pairs:
        name = f"{pair.a} {ARROW} {pair.b}"
        if pair.row is None:
            rows.append((name, pair.verdict, *(UNDEFINED,) * 5))
            continue
        tested, metric = pair.row.comparison.claim, pair.row.comparison.metric
        interval = UNDEFINED
        if tested.ci95 is not None:
            low, high = (metric.number(bound, sign="+") for bound in tested.ci95)
            interval = f"[{low}, {high}]".replace("-", MINUS)
        rows.append(
            (
                name,
                UNDEFINED if tested.basis is None else counted(tested).removeprefix("counting "),
                interval,
                number(tested.df, ".1f"),
                p_value(tested.p),
                p_value(pair.row.holm_p),
                p_value(pair.row.bh_p),
            )
        )
    return Table(
        caption=f"{sweep.name}: the claims that training again would show the differences, too. Holm's and Benjamini "
        f"and Hochberg's p-values are over the {num_declared} declared comparison{'s' * (num_declared != 1)}; a dash "
        "says that trainings cannot be counted, for want of folds or seeds.",
        columns=(
            Column(name=f"A {ARROW} B", align="left"),
            Column(name="counted", align="left"),
            Column(name="95% CI"),
            Column(name="df"),
            Column(name="p"),
            Column(name="Holm", group="p in the family"),
            Column(name="B-H", group="p in the family"),
        ),
        rows=tuple(rows),
    )


def rank_table(sweep: SweepFacts) -> Table | None:
    """Rank of each arm by its mean DSC, and how firm it is; None for under three arms."""
    if not sweep.ranks:
        return None
    return Table(
        caption=f"{sweep.name}: ranks of the arms by mean DSC. {RANKS_NOTE}",
        columns=(
            Column(name="Arm", align="left"),
            Column(name="Mean DSC"),
            Column(name="Seeds"),
            Column(name="Rank"),
            Column(name="95% CI"),
            Column(name="Best in"),
        ),
        rows=tuple(
            (
                one.arm,
                f"{one.mean:.3f}",
                str(one.num_seeds),
                str(one.rank),
                f"{one.ci95[0]} to {one.ci95[1]}",
                f"{100 * one.shares[0]:.0f}%",
            )
            for one in sweep.ranks
        ),
    )


def statistics_table(pair: PairFacts) -> Table | None:
    """All numbers of a comparison, a row each; None where it is not made."""
    if not pair.statistics:
        return None
    return Table(
        caption=f"{pair.a} {ARROW} {pair.b}: what the tests above leave unsaid.",
        columns=(Column(name="Statistic", align="left"), Column(name="Value", align="left")),
        rows=tuple((name, text) for name, text in pair.statistics),
    )


def seed_table(sweep: SweepFacts) -> Table | None:
    """Spread of the mean DSC when nothing but the seed changes (A/A); None where no arm has several seeds."""
    spreads = [(arm.name, arm.spread) for arm in sweep.arms if arm.spread is not None]
    spreads += [] if sweep.noise is None else [sweep.noise]
    if not spreads:
        return None
    return Table(
        caption="Seeds alone (A/A): mean DSC of the same arm on the same cases, trained anew with another seed.",
        columns=(
            Column(name="Arm", align="left"),
            Column(name="Cases"),
            Column(name="Mean DSC by seed"),
            Column(name="sd [95% CI]"),
            Column(name="range"),
        ),
        rows=tuple((name, *_spread_cells(spread)) for name, spread in spreads),
    )


def _spread_cells(spread: SeedSpread) -> tuple[str, str, str, str]:
    means = ", ".join(f"{mean:.3f}" for mean in spread.means)
    low, high = spread.sd_ci95
    return str(spread.num_cases), means, f"{spread.sd:.3f} [{low:.3f}, {high:.3f}]", f"{spread.range:.3f}"


def number(value: float | None, spec: str) -> str:
    """A number with a proper minus sign; a dash where there is none."""
    return UNDEFINED if value is None else format(value, spec).replace("-", MINUS)


def mean_sd(value: tuple[float, float | None] | None) -> str:
    if value is None:
        return UNDEFINED
    mean, sd = value
    return f"{mean:.3f}" if sd is None else f"{mean:.3f} {PLUS_MINUS} {sd:.3f}"


def difference(value: float | None) -> str:
    return number(value, "+.3f")


def our_difference(row: FamilyComparison | None) -> str:
    """B - A with its interval, in the digits of the metric."""
    if row is None or row.comparison.mean_diff is None:
        return UNDEFINED
    comparison = row.comparison
    text = comparison.metric.number(row.comparison.mean_diff, sign="+")
    if comparison.ci95 is not None:
        low, high = (comparison.metric.number(bound, sign="+") for bound in comparison.ci95)
        text += f" [{low}, {high}]"
    return text.replace("-", MINUS)


def _summary(arm: ArmFacts) -> Summary | None:
    return None if arm.cases is None else summarise(arm.cases["dsc"].tolist(), arm.cases["ivh"].tolist())


def _our_dsc(arm: ArmFacts) -> str:
    summary = _summary(arm)
    if summary is None:
        return arm.missing or NOT_FINISHED
    return UNDEFINED if summary.mean is None else mean_sd((summary.mean, summary.std))


def _count(summary: Summary) -> str:
    undefined = f" ({summary.num_undefined} undefined)" if summary.num_undefined else ""
    return f"{summary.num_cases}{undefined}"


def _paper_cell(arm: PaperArm | None, field: str) -> str:
    value = None if arm is None else getattr(arm, field)
    return _cell(value)


def _our_cell(summary: Summary | None, field: str) -> str:
    if summary is None:
        return UNDEFINED
    if field in {"max", "min"}:
        return _cell(getattr(summary, field))
    mean = getattr(summary, f"{field}_mean")
    return UNDEFINED if mean is None else mean_sd((mean, getattr(summary, f"{field}_std")))


def _cell(value: float | tuple[float, float] | None) -> str:
    return mean_sd(value) if isinstance(value, tuple) else number(value, ".3f")
