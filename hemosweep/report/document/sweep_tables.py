"""The tables of an ablation in a report: the paper's figures beside ours."""

from collections.abc import Sequence

from hemosweep.report.document.addresses import pair_addresses
from hemosweep.report.document.cells import difference, mean_sd, number, our_difference
from hemosweep.report.document.document import Column, Table
from hemosweep.report.document.facts import ArmFacts, PairFacts, SweepFacts
from hemosweep.report.paper.printed import PaperArm, paper_arm, paper_difference, paper_place
from hemosweep.report.paper.verdicts import our_verdict, paper_verdict
from hemosweep.report.terminal.table import ARROW, MINUS, PLUS_MINUS, UNDEFINED
from hemosweep.scores.metric import MetricDescription
from hemosweep.scores.summary import Summary, summarise

NOT_FINISHED = "not finished"
PAPER = "paper"
"""Name of the columns with what the paper prints."""


def verdict_table(sweep: SweepFacts) -> Table:
    """The paper's table with ours: a row an arm, or one for each of its comparisons where it has several.

    An ablation that is not the paper's has no columns of the paper, here and in the other tables.
    """
    rows, label = [], sweep.metric.label
    for arm in sweep.arms:
        printed = paper_arm(sweep.printed, arm.name)
        means = (mean_sd(None if printed is None else printed.dsc), _our_mean(arm, sweep.metric))
        pairs: Sequence[PairFacts | None] = [pair for pair in sweep.pairs if pair.b == arm.name] or [None]
        rows += [(arm.name, *means, *_verdict_cells(sweep.printed, pair)) for pair in pairs]
    table = Table(
        caption=f"{sweep.name}: mean {label} {PLUS_MINUS} standard deviation over the cases; the difference is that "
        "arm less the one it is compared with, ours with its 95% confidence interval over the cases.",
        columns=(
            Column(name="Arm", align="left"),
            Column(name=PAPER, group=label),
            Column(name="ours", group=label),
            Column(name="Compared with", align="left"),
            Column(name=PAPER, group=f"Difference in {label}"),
            Column(name="ours [95% CI]", group=f"Difference in {label}"),
            Column(name=PAPER, group="Verdict", align="left"),
            Column(name="ours", group="Verdict", align="left"),
        ),
        rows=tuple(rows),
    )
    return table if _is_printed(sweep) else table.without(PAPER)


def _is_printed(sweep: SweepFacts) -> bool:
    return paper_place(sweep.printed) is not None


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
    rows, labels = [], {sweep.metric.label for sweep in sweeps}
    label = labels.pop() if len(labels) == 1 else "score"
    for sweep in sweeps:
        for pair in sweep.pairs:
            _, printed, difference, paper, ours = _verdict_cells(sweep.printed, pair)
            rows.append((sweep.name, f"{pair.a} {ARROW} {pair.b}", printed, difference, paper, ours))
    table = Table(
        caption=f"Every declared comparison A {ARROW} B: the difference in mean {label} is B {MINUS} A.",
        columns=(
            Column(name="Ablation", align="left"),
            Column(name=f"A {ARROW} B", align="left"),
            Column(name=PAPER, group=f"Difference in {label}"),
            Column(name="ours [95% CI]", group=f"Difference in {label}"),
            Column(name=PAPER, group="Verdict", align="left"),
            Column(name="ours", group="Verdict", align="left"),
        ),
        rows=tuple(rows),
        addresses=pair_addresses([(sweep, pair) for sweep in sweeps for pair in sweep.pairs]),
    )
    return table if any(map(_is_printed, sweeps)) else table.without(PAPER)


def group_table(sweep: SweepFacts) -> Table:
    """The rest of the paper's columns, by IVH and for the extreme cases, with the paper's values where it prints
    them."""
    printed = [paper_arm(sweep.printed, arm.name) for arm in sweep.arms]
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
        columns.append((Column(name="ours", group=heading), [_our_cell(s, field, sweep.metric) for s in summaries]))
    return Table(
        caption=f"{sweep.name}: {sweep.metric.label} of the cases with and without intraventricular hemorrhage (IVH), "
        f"mean {PLUS_MINUS} standard deviation, and of the extreme cases.",
        columns=tuple(column for column, _ in columns),
        rows=tuple(zip(*(cells for _, cells in columns), strict=True)),
    )


def _summary(arm: ArmFacts) -> Summary | None:
    return None if arm.cases is None else summarise(arm.cases["score"].tolist(), arm.cases["ivh"].tolist())


def _our_mean(arm: ArmFacts, metric: MetricDescription) -> str:
    summary = _summary(arm)
    if summary is None:
        return arm.missing or NOT_FINISHED
    return UNDEFINED if summary.mean is None else mean_sd((summary.mean, summary.std), metric)


def _count(summary: Summary) -> str:
    undefined = f" ({summary.num_undefined} undefined)" if summary.num_undefined else ""
    return f"{summary.num_cases}{undefined}"


def _paper_cell(arm: PaperArm | None, field: str) -> str:
    value = None if arm is None else getattr(arm, field)
    return _cell(value)


def _our_cell(summary: Summary | None, field: str, metric: MetricDescription) -> str:
    if summary is None:
        return UNDEFINED
    if field in {"max", "min"}:
        value = getattr(summary, field)
        return UNDEFINED if value is None else metric.number(value).replace("-", MINUS)
    mean = getattr(summary, f"{field}_mean")
    return UNDEFINED if mean is None else mean_sd((mean, getattr(summary, f"{field}_std")), metric)


def _cell(value: float | tuple[float, float] | None) -> str:
    return mean_sd(value) if isinstance(value, tuple) else number(value, ".3f")
