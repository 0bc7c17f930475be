"""The figures of a sweep in a report, drawn into its folder, each with a description."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypedDict

import pandas as pd

from hemosweep.report.document.cells import our_difference, significant
from hemosweep.report.document.costs import cost_points, has_costs
from hemosweep.report.document.document import Picture
from hemosweep.report.document.facts import Overlay, PairFacts, SweepFacts
from hemosweep.report.document.sweep_section import SweepPictures
from hemosweep.report.names import safe_name
from hemosweep.report.paper.printed import paper_arm, paper_difference
from hemosweep.report.paper.verdicts import our_verdict
from hemosweep.report.plots.arm_plots import boxplot
from hemosweep.report.plots.bland_altman import bland_altman
from hemosweep.report.plots.costs import draw_costs, shared_costs
from hemosweep.report.plots.forest import draw_forest
from hemosweep.report.plots.network import draw_network
from hemosweep.report.plots.paired_plots import difference_bars, slope_plot
from hemosweep.report.plots.ranks import draw_ranks
from hemosweep.report.slices.pairs import draw_pair
from hemosweep.report.terminal.ranks import RANKS_NOTE
from hemosweep.report.terminal.table import ARROW
from hemosweep.scores.metric import MetricDescription

FIGURES = "figures"


class _Names(TypedDict):
    """Facts for the plots of a comparison, beside its pairs."""

    name_a: str
    name_b: str
    metric: MetricDescription


SLICE_DPI = 200
"""A higher resolution only enlarges the pixels of a CT, at twice the bytes."""


def draw_sweep(sweep: SweepFacts, folder: Path, drawn: Callable[[], None]) -> SweepPictures:
    """Draw a sweep's figures into `folder`/figures.

    Args:
        drawn: called after every figure.

    Raises:
        BadInput: a case of an overlay cannot be read.
    """
    (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    overview = []
    for picture in _overview(sweep, folder):
        overview.append(picture)
        drawn()
    costs = []
    for picture in _costs(sweep, folder):
        costs.append(picture)
        drawn()
    by_pair = {}
    for pair in sweep.pairs:
        pictures = []
        for picture in _pair(sweep, pair, folder):
            pictures.append(picture)
            drawn()
        by_pair[pair.key] = tuple(pictures)
    return SweepPictures(overview=tuple(overview), costs=tuple(costs), by_pair=by_pair)


def count_figures(sweep: SweepFacts) -> int:
    """Number of figures that `draw_sweep` will draw."""
    overview = bool(_scored(sweep)) + any(row.comparison.mean_diff is not None for row in sweep.rows)
    pairs = [pair for pair in sweep.pairs if pair.pairs is not None and len(pair.pairs)]
    overview += bool(sweep.ranks) + len(sweep.networks) + _draws_costs(sweep)
    return overview + 3 * len(pairs) + sum(isinstance(pair.overlay, Overlay) for pair in pairs)


def _scored(sweep: SweepFacts) -> dict[str, pd.DataFrame]:
    return {arm.name: arm.cases for arm in sweep.arms if arm.cases is not None}


def _overview(sweep: SweepFacts, folder: Path) -> Iterator[Picture]:
    rows, label = [row for row in sweep.rows if row.comparison.mean_diff is not None], sweep.metric.label
    if rows:
        path = f"{FIGURES}/{sweep.name}-forest.png"
        printed = {(row.a, row.b): paper_difference(sweep.printed, row.a, row.b) for row in rows}
        paper = {pair: value for pair, value in printed.items() if value is not None}
        draw_forest(rows, folder / path, title=f"{sweep.name}: differences in {label}", paper=paper)
        beside = ", beside those of the paper" if paper else ""
        differences = "; ".join(f"{row.a} {ARROW} {row.b}: {our_difference(row)}, {our_verdict(row)}" for row in rows)
        yield Picture(
            path=path,
            caption=f"Mean differences with 95% confidence intervals: lines over the cases, bars with seeds and folds"
            f"{beside}.",
            alt=f"Forest plot of the differences in mean {label}. {differences}.",
        )
    if sweep.ranks:
        path = f"{FIGURES}/{sweep.name}-ranks.png"
        draw_ranks(sweep.ranks, folder / path, metric=sweep.metric, title=f"{sweep.name}: ranks of the arms")
        best = "; ".join(f"{one.arm} is the best in {100 * one.shares[0]:.0f}%" for one in sweep.ranks)
        yield Picture(
            path=path,
            caption=f"How often each arm has each rank by mean {label}, in percent. {RANKS_NOTE}",
            alt=f"Table of shares in colour: {best}.",
        )
    cases = _scored(sweep)
    if cases:
        path = f"{FIGURES}/{sweep.name}-boxplot.png"
        means = {name: arm.dsc for name in cases if (arm := paper_arm(sweep.printed, name)) is not None}
        boxplot(
            {name: table["score"].tolist() for name, table in cases.items()},
            folder / path,
            title=sweep.name,
            paper=means,
            metric=sweep.metric,
            ivh={name: table["ivh"].tolist() for name, table in cases.items()},
        )
        medians = ", ".join(f"{name} {sweep.metric.number(table['score'].median())}" for name, table in cases.items())
        yield Picture(
            path=path,
            caption=f"{label} of every case by arm, in the manner of the paper's Fig. 6: median, quartiles, and "
            "whiskers to the last case within 1.5 interquartile ranges.",
            alt=f"Boxplots of the {label} by arm. Medians: {medians}.",
        )
    for place, one in enumerate(sweep.networks, start=1):
        path, kind = f"{FIGURES}/{sweep.name}-network-{place}.png", type(one.network).__name__
        draw_network(
            one.network.build(in_channels=one.in_channels), one.in_channels, one.patch_DHW, folder / path, title=kind
        )
        yield Picture(
            path=path,
            caption=f"Network of {', '.join(one.arms)}, drawn from the network itself in the manner of the paper's "
            "Fig. 3: feature maps with their channels, and the layers between them.",
            alt=f"Diagram of the network {kind} of {', '.join(one.arms)}.",
        )


def _draws_costs(sweep: SweepFacts) -> bool:
    return has_costs(sweep) and bool(shared_costs(cost_points(sweep)))


def _costs(sweep: SweepFacts, folder: Path) -> Iterator[Picture]:
    if not _draws_costs(sweep):
        return
    points, path = cost_points(sweep), f"{FIGURES}/{sweep.name}-costs.png"
    draw_costs(points, folder / path, metric=sweep.metric, title=f"{sweep.name}: {sweep.metric.label} against cost")
    told = "; ".join(
        f"{point.arm} {sweep.metric.number(point.mean)}, "
        + ", ".join(f"{name} {significant(value)}" for name, value in point.costs.items())
        for point in points
    )
    yield Picture(
        path=path,
        caption=f"Mean {sweep.metric.label} against what an arm costs. Lines are 95% intervals of an arm's own mean "
        "over the cases: where two of them overlap the arms may differ all the same, since a comparison is made case "
        "by case. Filled points, on the thin line, are the arms whose mean no cheaper one reaches.",
        alt=f"Scatter plots of mean {sweep.metric.label} against cost: {told}.",
    )


def _pair(sweep: SweepFacts, pair: PairFacts, folder: Path) -> Iterator[Picture]:
    if pair.pairs is None or pair.pairs.empty or pair.row is None:
        return
    comparison = pair.row.comparison
    stem = f"{FIGURES}/{safe_name(f'{sweep.name}-{pair.a}-to-{pair.b}')}"
    names: _Names = {"name_a": pair.a, "name_b": pair.b, "metric": sweep.metric}
    counts = (
        f"higher under {pair.b} in {comparison.wins} of {comparison.n} cases, equal in {comparison.ties}, lower in "
        f"{comparison.losses}"
    )
    slope_plot(pair.pairs, folder / f"{stem}-slopes.png", **names)
    yield Picture(
        path=f"{stem}-slopes.png",
        caption=f"Every case under {pair.a} and {pair.b}.",
        alt=f"Paired slope plot: the {sweep.metric.label} is {counts}.",
    )
    difference_bars(pair.pairs, folder / f"{stem}-differences.png", **names)
    worst, best = (
        ", ".join(f"{case} {sweep.metric.number(diff, sign='+')}" for case, diff in cases) or "none"
        for cases in (comparison.worst, comparison.best)
    )
    yield Picture(
        path=f"{stem}-differences.png",
        caption=f"Difference in {sweep.metric.label} case by case, {pair.b} less {pair.a}.",
        alt=f"Bars of the differences by case. Largest losses: {worst}. Largest gains: {best}.",
    )
    bland_altman(pair.pairs, folder / f"{stem}-bland-altman.png", **names)
    spread = "" if comparison.sd_diff is None else f", standard deviation {sweep.metric.number(comparison.sd_diff)}"
    yield Picture(
        path=f"{stem}-bland-altman.png",
        caption="Bland-Altman: the difference against the mean of both arms.",
        alt=f"Bland-Altman plot: mean difference {our_difference(pair.row)}{spread}.",
    )
    if isinstance(pair.overlay, Overlay):
        overlay = pair.overlay
        draw_pair(
            overlay.a,
            overlay.b,
            overlay.cases,
            folder / f"{stem}-cases.png",
            lesion_label=overlay.lesion_label,
            dpi=SLICE_DPI,
        )
        yield Picture(
            path=f"{stem}-cases.png",
            caption=f"The cases that change most from {overlay.a.name} to {overlay.b.name}: CT, and the contours of "
            "reference (white), prediction (red) and, where it has a mask, intraventricular hemorrhage (cyan), on the "
            "slice where the predictions differ most.",
            alt=f"CT slices of the most improved and most worsened cases under {pair.a} and under {pair.b}. "
            f"Largest gains: {best}. Largest losses: {worst}.",
        )
