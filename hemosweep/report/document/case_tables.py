"""The tables of a sweep's cases in a report: their way into the tables, and the results by group and other metric."""

import statistics
from collections.abc import Collection

from hemosweep.report.cases.address import case_address, pair_page
from hemosweep.report.document.cells import interval, mean_sd, our_difference
from hemosweep.report.document.document import Column, Table
from hemosweep.report.document.facts import ArmFacts, FlowStep, Grouping, PairFacts, SecondaryFacts, SweepFacts
from hemosweep.report.paper.verdicts import our_verdict, p_value
from hemosweep.report.terminal.table import ARROW, MINUS, PLUS_MINUS, UNDEFINED
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.groups import GroupDifference

MAX_NAMED = 10
MIN_INTERVAL = 3
"""Fewest cases of a group with an interval: two of them have one that is wider than the scale."""


def flow_table(sweep: SweepFacts) -> Table | None:
    """Steps of the cases into the tables, with all that are left out; None where no run is finished."""
    if not sweep.flow:
        return None
    return Table(
        caption=f"{sweep.name}: the cases on their way into these tables. A case in which an arm predicts nothing "
        "stays in, with a DSC of 0.",
        columns=(
            Column(name="Cases", align="left"),
            Column(name="n"),
            Column(name="patients"),
            Column(name="left out", align="left"),
        ),
        rows=tuple(
            (
                step.name,
                str(step.num_cases),
                UNDEFINED if step.num_patients is None else str(step.num_patients),
                _left_out(step),
            )
            for step in sweep.flow
        ),
    )


def _left_out(step: FlowStep) -> str:
    texts = [f"{len(ids)} {reason}: {_named(ids)}" for reason, ids in step.left_out.items()]
    return "; ".join(texts) if texts else "none"


def _named(ids: Collection[str]) -> str:
    listed = list(ids)
    rest = len(listed) - MAX_NAMED
    return ", ".join(listed[:MAX_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def group_tables(sweep: SweepFacts) -> tuple[Table, ...]:
    """For each way to split the cases, the score of every arm and the difference of every comparison in each group."""
    return tuple(_group_table(sweep, grouping) for grouping in sweep.groupings)


def _group_table(sweep: SweepFacts, grouping: Grouping) -> Table:
    columns = [(Column(name="Group", align="left"), list(grouping.groups))]
    columns.append((Column(name="n"), [str(len(ids)) for ids in grouping.groups.values()]))
    for arm in sweep.arms:
        if arm.cases is not None:
            cells = [_mean_in(arm, ids, sweep.metric) for ids in grouping.groups.values()]
            columns.append((Column(name=arm.name, group=f"{sweep.metric.label}, mean {PLUS_MINUS} sd"), cells))
    for (a, b), differences in grouping.differences.items():
        name = f"{b} {MINUS} {a}"
        columns.append(
            (
                Column(name=name, group=f"Difference in {sweep.metric.label} [95% CI]"),
                [_difference(one, sweep.metric) for one in differences],
            )
        )
    return Table(
        caption=f"{sweep.name}, by {grouping.name}: exploratory. The intervals are over the cases of a group, where "
        f"there are {MIN_INTERVAL} or more, and not adjusted for the number of groups.",
        columns=tuple(column for column, _ in columns),
        rows=tuple(zip(*(cells for _, cells in columns), strict=True)),
    )


def _mean_in(arm: ArmFacts, ids: Collection[str], metric: MetricDescription) -> str:
    assert arm.cases is not None
    values = arm.cases.loc[arm.cases["case_id"].isin(ids), "score"].dropna().tolist()
    if not values:
        return UNDEFINED
    return mean_sd((statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None), metric)


def _difference(one: GroupDifference, metric: MetricDescription) -> str:
    if one.mean_diff is None:
        return UNDEFINED
    text = metric.number(one.mean_diff, sign="+").replace("-", MINUS)
    return text if one.ci95 is None or one.n < MIN_INTERVAL else f"{text} {interval(one.ci95, metric)}"


def change_table(sweep: SweepFacts, pair: PairFacts) -> Table | None:
    """Cases that change most in a comparison, the largest change first; each leads to the case page. None where no
    case is compared."""
    if pair.pairs is None or pair.pairs.empty:
        return None
    changes = pair.pairs.assign(difference=pair.pairs["b"] - pair.pairs["a"])
    changes = changes.sort_values("difference", key=abs, ascending=False, kind="stable").head(MAX_NAMED)
    metric = sweep.metric
    alone = (
        f"; {pair_page(sweep.name, pair.a, pair.b)} has this comparison alone, to send" if sweep.has_pair_pages else ""
    )
    pictures = f" {sweep.case_page} shows their slices{alone}." if sweep.case_page else ""
    return Table(
        caption=f"{pair.a} {ARROW} {pair.b}: the cases whose {metric.label} changes most.{pictures}",
        columns=(
            Column(name="Case", align="left"),
            Column(name="IVH", align="left"),
            Column(name=pair.a),
            Column(name=pair.b),
            Column(name=f"B {MINUS} A"),
        ),
        rows=tuple(
            (
                str(case_id),
                str(ivh),
                metric.number(a).replace("-", MINUS),
                metric.number(b).replace("-", MINUS),
                metric.number(difference, sign="+").replace("-", MINUS),
            )
            for case_id, a, b, ivh, difference in changes[["case_id", "a", "b", "ivh", "difference"]].itertuples(
                index=False
            )
        ),
        addresses=tuple(case_address(sweep.case_page, pair.a, pair.b, str(case_id)) for case_id in changes["case_id"])
        if sweep.case_page
        else (),
    )


def secondary_table(sweep: SweepFacts, secondary: SecondaryFacts) -> Table:
    """The declared comparisons by a metric beside the primary one."""
    metric = secondary.metric
    better = {True: "higher is better", False: "lower is better", None: "neither direction is better"}
    unit = f" in {metric.unit}" if metric.unit else ""
    return Table(
        caption=f"{sweep.name}: {metric.label}{unit} ({better[metric.higher_is_better]}), a secondary metric. Its "
        f"claims are adjusted among themselves, and are no part of the family of the primary metric, "
        f"{sweep.metric.label}.",
        columns=(
            Column(name=f"A {ARROW} B", align="left"),
            Column(name="n"),
            Column(name="A"),
            Column(name="B"),
            Column(name=f"B {MINUS} A [95% CI]"),
            Column(name="p", group="Claim"),
            Column(name="Holm", group="Claim"),
            Column(name="Verdict", align="left"),
        ),
        rows=tuple((f"{pair.a} {ARROW} {pair.b}", *_secondary_cells(pair)) for pair in secondary.pairs),
    )


def _secondary_cells(pair: PairFacts) -> tuple[str, ...]:
    if pair.row is None:
        return (*(UNDEFINED,) * 6, pair.verdict)
    comparison = pair.row.comparison
    means = [
        UNDEFINED if mean is None else comparison.metric.number(mean) for mean in (comparison.mean_a, comparison.mean_b)
    ]
    return (
        str(comparison.n),
        *means,
        our_difference(pair.row),
        p_value(comparison.claim.p),
        p_value(pair.row.holm_p),
        our_verdict(pair.row),
    )
