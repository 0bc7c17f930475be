"""Plots of the cases behind a mean difference: every case from A to B, and its gain or loss."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hemosweep.report.plots.arm_plots import BLACK, GREY, STYLE, broken, save
from hemosweep.report.plots.forest import name_difference_axis
from hemosweep.report.plots.paired_cases import (
    BAND_COLOUR,
    COLOURS,
    LEGEND_BELOW,
    LINES,
    MARKERS,
    PairedCases,
    counted,
    legend_handles,
    read_pairs,
    score_range,
    shortened,
    spread,
    write_title,
)
from hemosweep.report.terminal.table import MINUS
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.paired import NUM_EXTREME_CASES
from hemosweep.stats.pairing import Floats
from hemosweep.stats.ttest import mean_test

# Up to so many cases a bar is as high as its label, and every case is labelled.
MAX_ALL_LABELLED = 24
LABEL_INCHES = 0.15
MAX_BARS_INCHES = 7.0
MEAN: Any = {"color": BLACK, "marker": "D", "ms": 4.5, "mfc": "white", "mew": 0.9}


def slope_plot(pairs: pd.DataFrame, path: Path, *, name_a: str, name_b: str, metric: MetricDescription) -> None:
    """Each case as a line from its score in A to that in B, and beside it each arm's mean with its 95% interval.

    Args:
        pairs: columns case_id, a, b and ivh ("yes", "no" or "n/a"), a row a case.
        path: file to write; its suffix is the format.

    Raises:
        BadInput: what `read_pairs` refuses.
    """
    cases = read_pairs(pairs, path, metric)
    thin = cases.thin
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.2, 4.0), layout="constrained")
        axes = figure.subplots()
        rows = zip(cases.pairs.a_N, cases.pairs.b_N, cases.gains_N, cases.directions_N, cases.fills(), strict=True)
        # The rarer kind is drawn on top.
        for a, b, gain, direction, filled in sorted(rows, key=lambda row: -cases.count(row[2])):
            colour, face = COLOURS[gain], COLOURS[gain] if filled else "white"
            mark: Any = {"color": colour, "mfc": face, "mew": 0.7 * thin**0.5, "clip_on": False, "ls": ""}
            axes.plot((0, 1), (a, b), color=colour, ls=LINES[gain], lw=0.4 + 0.7 * thin, alpha=0.35 + 0.55 * thin)
            axes.plot(0, a, "o", ms=1.6 + 1.8 * thin, zorder=3, **mark)
            axes.plot(1, b, MARKERS[direction], ms=(2.2 if gain else 1.4) + 2.2 * thin, zorder=3, **mark)
        for place, scores_N, side in ((-0.14, cases.pairs.a_N, "right"), (1.14, cases.pairs.b_N, "left")):
            _draw_mean(axes, place, scores_N, side, cases)
        axes.set_xlim(-0.72, 1.66)
        axes.set_xticks((0, 1), [f"A: {broken(shortened(name_a), 20)}", f"B: {broken(shortened(name_b), 20)}"])
        axes.set_ylim(score_range(_with_intervals(cases), metric))
        axes.set_ylabel(cases.axis_name)
        handles = [*legend_handles(cases, lines=True), Line2D([], [], lw=1.0, label="mean, 95% CI", **MEAN)]
        figure.legend(handles=handles, ncols=3, **LEGEND_BELOW)
        write_title(figure, cases, name_a, name_b, f"n = {cases.n}, {cases.mean_text()}")
        save(figure, path)


def _with_intervals(cases: PairedCases) -> Floats:
    """Every score and the ends of both means' intervals, those no further out than the scores are apart: the interval
    of two cases would leave nothing else to see, and runs out of the picture.
    """
    values_N = np.concatenate((cases.pairs.a_N, cases.pairs.b_N))
    span, low, high = np.ptp(values_N), values_N.min(), values_N.max()
    tests = (mean_test(scores_N, cases.pairs.resolution) for scores_N in (cases.pairs.a_N, cases.pairs.b_N))
    bounds = [bound for test in tests for bound in test.ci95 or ()]
    return np.concatenate((values_N, np.clip(bounds, low - span, high + span)))


def _draw_mean(axes: Axes, place: float, scores_N: Floats, side: str, cases: PairedCases) -> None:
    test = mean_test(scores_N, cases.pairs.resolution)
    assert test.mean is not None
    number = cases.metric.number
    text = number(test.mean)
    if test.ci95 is not None:
        axes.plot((place, place), test.ci95, color=BLACK, lw=1.0, marker="_", ms=5, mew=1.0, zorder=4)
        text += f"\n[{number(test.ci95[0])}, {number(test.ci95[1])}]"
    axes.plot(place, test.mean, zorder=5, **MEAN)
    x = place + (0.06 if side == "left" else -0.06)
    axes.text(x, test.mean, text.replace("-", MINUS), ha=side, va="center", fontsize=7, linespacing=1.3)


def difference_bars(pairs: pd.DataFrame, path: Path, *, name_a: str, name_b: str, metric: MetricDescription) -> None:
    """Each case's difference B - A as a bar, the largest gain on top and the largest loss at the bottom.

    The five largest gains and losses are labelled, or every case where there are no more than 24. The band is the 95%
    interval of the mean difference.

    Args:
        pairs: columns case_id, a, b and ivh ("yes", "no" or "n/a"), a row a case.
        path: file to write; its suffix is the format.

    Raises:
        BadInput: what `read_pairs` refuses.
    """
    cases = read_pairs(pairs, path, metric)
    ids, diff_N, gains_N = cases.pairs.case_ids, cases.pairs.diff_N, cases.gains_N
    assert cases.test.mean is not None
    order = sorted(range(cases.n), key=lambda index: (-metric.gain(float(diff_N[index])), ids[index]))
    height = max(min(LABEL_INCHES * cases.n, MAX_ALL_LABELLED * LABEL_INCHES + 0.02 * cases.n, MAX_BARS_INCHES), 0.5)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 1.45 + height), layout="constrained")
        axes = figure.subplots()
        if cases.test.ci95 is not None:
            axes.axvspan(*cases.test.ci95, color=BAND_COLOUR, lw=0, zorder=0)
        axes.axvline(0.0, color=BLACK, lw=0.8, zorder=3)
        axes.axvline(cases.test.mean, color=BLACK, lw=1.0, ls="--", zorder=4)
        for place, index in enumerate(order):
            if gains_N[index]:
                axes.barh(place, diff_N[index], height=0.78, color=COLOURS[gains_N[index]], lw=0, zorder=2)
            else:
                axes.plot(0.0, place, "o", color=GREY, ms=2.5, zorder=5)
        axes.set_ylim(cases.n - 0.3, -0.7)
        drawn_N = np.append(diff_N, [0.0, *(cases.test.ci95 or ())])
        margin = 0.05 * (np.ptp(drawn_N) or 1.0)
        axes.set_xlim(drawn_N.min() - margin, drawn_N.max() + margin)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        _mark_ivh(axes, [cases.ivh[index] for index in order], height)
        _name_bars(axes, cases, order, height)
        name_difference_axis(axes, metric)
        handles: list[Line2D | Patch] = [
            Patch(color=COLOURS[gain], lw=0, label=word)
            for gain, word in cases.words.items()
            if gain and cases.count(gain)
        ]
        if cases.count(0):
            handles.append(Line2D([], [], color=GREY, ls="", marker="o", ms=3, label=cases.words[0]))
        handles.append(Line2D([], [], color=BLACK, lw=1.0, ls="--", label="mean"))
        if cases.test.ci95 is not None:
            handles.append(Patch(color=BAND_COLOUR, lw=0, label="its 95% CI"))
        figure.legend(handles=handles, ncols=5, **LEGEND_BELOW)
        wins, ties = counted(cases.count(1), "win"), counted(cases.count(0), "tie")
        counts = f"n = {cases.n}: {wins}, {ties}, {counted(cases.count(-1), 'loss', 'losses')}"
        write_title(figure, cases, name_a, name_b, f"{counts}; {cases.mean_text()}")
        save(figure, path)


def _mark_ivh(axes: Axes, labels: list[str], height_inches: float) -> None:
    """A column of marks right of the bars, one for each case with IVH."""
    marked = [place for place, label in enumerate(labels) if label == "yes"]
    if marked:
        size = min(4.0, 72 * height_inches / len(labels) * 0.8)
        transform = axes.get_yaxis_transform()
        axes.plot([1.02] * len(marked), marked, "s", color=BLACK, ms=size, mew=0, transform=transform, clip_on=False)
        axes.text(1.02, 1.01, "IVH", ha="center", va="bottom", fontsize=7, transform=axes.transAxes)


def _name_bars(axes: Axes, cases: PairedCases, order: list[int], height_inches: float) -> None:
    """Case ids left of the bars, each with a line to its bar, far enough apart to be read."""
    places = list(range(cases.n))
    if cases.n > MAX_ALL_LABELLED:
        best = [place for place in places[:NUM_EXTREME_CASES] if cases.gains_N[order[place]] > 0]
        worst = [place for place in places[-NUM_EXTREME_CASES:] if cases.gains_N[order[place]] < 0]
        places = best + worst
    gap = LABEL_INCHES * cases.n / height_inches * 0.98
    transform = axes.get_yaxis_transform()
    left, diff_N, short = axes.get_xlim()[0], cases.pairs.diff_N, cases.short_ids()
    for place, text_place in zip(
        places, spread([float(place) for place in places], gap, 0.0, cases.n - 1.0), strict=True
    ):
        axes.plot((0.0, -0.03), (place, text_place), color=GREY, lw=0.5, transform=transform, clip_on=False, zorder=1)
        axes.plot((left, min(0.0, diff_N[order[place]])), (place, place), color=GREY, lw=0.3, zorder=1)
        text = short[cases.pairs.case_ids[order[place]]]
        axes.text(-0.035, text_place, text, ha="right", va="center", fontsize=7, transform=transform)
