"""What a mean difference hides: every case from A to B, its gain or loss, and how far the two arms agree on it."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from hemosweep.report.figures import BLACK, GREY, STYLE, broken, save
from hemosweep.report.forest import name_difference_axis
from hemosweep.report.paired_cases import (
    COLOURS,
    LINES,
    MARKERS,
    MINUS,
    PairedCases,
    counted,
    legend_handles,
    read_pairs,
    shortened,
    spread,
    write_title,
)
from hemosweep.stats.agreement import LimitsOfAgreement, limits_of_agreement
from hemosweep.stats.diagnostics import find_outliers
from hemosweep.stats.metric import Metric
from hemosweep.stats.paired import NUM_EXTREME_CASES
from hemosweep.stats.pairing import Floats
from hemosweep.stats.ttest import mean_test

# Up to so many cases a bar is as high as its label, and every case is labelled.
MAX_ALL_LABELLED = 24
LABEL_INCHES = 0.15
MAX_BARS_INCHES = 7.0
BAND_COLOUR, LIMIT_BAND_COLOUR = "#D9D9D9", "#ECECEC"
HALO = [withStroke(linewidth=2.0, foreground="white")]
BELOW: Any = {"loc": "outside lower left", "handletextpad": 0.5, "columnspacing": 1.4}
MEAN: Any = {"color": BLACK, "marker": "D", "ms": 4.5, "mfc": "white", "mew": 0.9}


def slope_plot(pairs: pd.DataFrame, path: Path, *, name_a: str, name_b: str, metric: Metric) -> None:
    """Each case as a line from its score in A to that in B, and beside it each arm's mean with its 95% interval.

    Args:
        pairs: columns case_id, a, b and ivh ("yes", "no" or "n/a"), a row a case.
        path: file to write; its suffix is the format.

    Raises:
        BadInput: what `read_pairs` refuses.
    """
    cases = read_pairs(pairs, path, metric)
    # The more lines, the thinner: 200 of them are not to be a carpet.
    thin = min(1.0, (24 / cases.n) ** 0.5)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.2, 4.0), layout="constrained")
        axes = figure.subplots()
        rows = zip(cases.pairs.a_N, cases.pairs.b_N, cases.gains_N, cases.directions_N, cases.fills(), strict=True)
        # The rarer kind lies on top.
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
        axes.set_ylim(_range(_with_intervals(cases), metric))
        axes.set_ylabel(cases.axis_name)
        handles = [*legend_handles(cases, lines=True), Line2D([], [], lw=1.0, label="mean, 95% CI", **MEAN)]
        figure.legend(handles=handles, ncols=3, **BELOW)
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


def difference_bars(pairs: pd.DataFrame, path: Path, *, name_a: str, name_b: str, metric: Metric) -> None:
    """Each case's difference B - A as a bar, the largest gain on top and the largest loss at the bottom.

    Named are the five largest gains and losses, or every case where there are no more than 24. The band is the 95%
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
        figure.legend(handles=handles, ncols=5, **BELOW)
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
    for place, text_place in zip(places, spread([float(own) for own in places], gap, 0.0, cases.n - 1.0), strict=True):
        axes.plot((0.0, -0.03), (place, text_place), color=GREY, lw=0.5, transform=transform, clip_on=False, zorder=1)
        axes.plot((left, min(0.0, diff_N[order[place]])), (place, place), color=GREY, lw=0.3, zorder=1)
        text = short[cases.pairs.case_ids[order[place]]]
        axes.text(-0.035, text_place, text, ha="right", va="center", fontsize=7, transform=transform)


def bland_altman(pairs: pd.DataFrame, path: Path, *, name_a: str, name_b: str, metric: Metric) -> None:
    """Each case's difference B - A against the mean of both, with the bias and the 95% limits of agreement.

    The bands are 95% intervals (`limits_of_agreement`); the limits are left out where they have none. Named are the
    outliers among the differences, by the rule of `find_outliers`.

    Args:
        pairs: columns case_id, a, b and ivh ("yes", "no" or "n/a"), a row a case.
        path: file to write; its suffix is the format.

    Raises:
        BadInput: what `read_pairs` refuses.
    """
    cases = read_pairs(pairs, path, metric)
    limits = limits_of_agreement(cases.test)
    mean_N, diff_N = (cases.pairs.a_N + cases.pairs.b_N) / 2, cases.pairs.diff_N
    size = 1.8 + 2.6 * min(1.0, (24 / cases.n) ** 0.5)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.axhline(0.0, color=BLACK, lw=0.6, zorder=1)
        _draw_limits(axes, cases, limits)
        rows = zip(mean_N, diff_N, cases.gains_N, cases.directions_N, cases.fills(), strict=True)
        for x, y, gain, direction, filled in rows:
            colour = COLOURS[gain]
            face = colour if filled else "white"
            axes.plot(x, y, MARKERS[direction], color=colour, mfc=face, ms=size, mew=0.7, clip_on=False, zorder=3)
        axes.set_xlim(_range(mean_N, metric))
        _name_outliers(axes, cases, dict(zip(cases.pairs.case_ids, mean_N.tolist(), strict=True)))
        axes.set_xlabel(f"mean of A and B, {cases.axis_name}")
        axes.set_ylabel(f"difference in {cases.axis_name}, B {MINUS} A")
        handles: list[Line2D | Patch] = [*legend_handles(cases, lines=False)]
        if limits is not None:
            handles.append(Line2D([], [], color=BLACK, lw=0.9, ls="--", label="95% limits of agreement"))
        if cases.test.ci95 is not None:
            handles.append(Patch(color=BAND_COLOUR, lw=0, label="95% CI"))
        figure.legend(handles=handles, ncols=4, **BELOW)
        captions = [f"n = {cases.n}, {cases.mean_text()}"]
        if limits is None:
            why = "all differences are the same" if cases.test.df is None and cases.n > 1 else "too few cases"
            captions.append(f"no limits of agreement: {why}")
        write_title(figure, cases, name_a, name_b, *captions)
        save(figure, path)


def _draw_limits(axes: Axes, cases: PairedCases, limits: LimitsOfAgreement | None) -> None:
    """Lines, bands and numbers of what exists, on an axis that holds them and every difference."""
    assert cases.test.mean is not None
    lines = [("bias", cases.test.mean, cases.test.ci95, "-", BAND_COLOUR)]
    if limits is not None:
        lines.insert(0, (f"{MINUS}1.96 sd", limits.low, limits.low_ci95, "--", LIMIT_BAND_COLOUR))
        lines.append(("+1.96 sd", limits.high, limits.high_ci95, "--", LIMIT_BAND_COLOUR))
    drawn = [0.0, *cases.pairs.diff_N.tolist()]
    texts = []
    number = cases.metric.number
    for name, height, ci95, line, band in lines:
        text = f"{name} {number(height, sign='+')}"
        drawn.append(height)
        if ci95 is not None:
            axes.axhspan(*ci95, color=band, lw=0, zorder=0)
            text += f"\n[{number(ci95[0], sign='+')}, {number(ci95[1], sign='+')}]"
            drawn += ci95
        axes.axhline(height, color=BLACK, lw=0.9, ls=line, zorder=2)
        texts.append(text.replace("-", MINUS))
    margin = 0.06 * (max(drawn) - min(drawn) or 1.0)
    low, high = min(drawn) - margin, max(drawn) + margin
    axes.set_ylim(low, high)
    style: Any = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 7, "linespacing": 1.3}
    for text, height in zip(texts, spread([own[1] for own in lines], 0.12 * (high - low), low, high), strict=True):
        axes.text(1.02, height, text, **style)


def _name_outliers(axes: Axes, cases: PairedCases, mean_of: dict[str, float]) -> None:
    """Ids beside their points, on the side towards the middle, and apart from each other."""
    outliers = find_outliers(cases.pairs.case_ids, cases.pairs.diff_N, cases.pairs.resolution)
    short = cases.short_ids()
    low_x, high_x = axes.get_xlim()
    low_y, high_y = axes.get_ylim()
    for on_right in (False, True):
        own = sorted(
            (outlier.diff, outlier.case_id)
            for outlier in outliers
            if (mean_of[outlier.case_id] > (low_x + high_x) / 2) == on_right
        )
        heights = spread([diff for diff, _ in own], 0.05 * (high_y - low_y), low_y, high_y)
        shift = (-0.02 if on_right else 0.02) * (high_x - low_x)
        for (diff, case_id), height in zip(own, heights, strict=True):
            x = mean_of[case_id]
            axes.plot((x, x + shift), (diff, height), color=GREY, lw=0.5, zorder=2)
            axes.text(
                x + shift, height, short[case_id], ha="right" if on_right else "left", va="center", fontsize=6.5,
                path_effects=HALO, zorder=5,
            )  # fmt: skip


def _range(values_N: Floats, metric: Metric) -> tuple[float, float]:
    """What an axis of scores spans: all of them and a little more, but little beyond what the metric can be."""
    low, high = float(values_N.min()), float(values_N.max())
    margin = 0.05 * ((high - low) or 0.1 * (abs(high) or 1.0))
    if metric.lowest is not None:
        low = max(low, metric.lowest + 0.5 * margin)
    if metric.highest is not None:
        high = min(high, metric.highest - 0.5 * margin)
    return low - margin, high + margin
