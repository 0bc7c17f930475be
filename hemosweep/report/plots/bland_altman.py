"""Agreement of two arms: each case's difference against the mean of both (Bland & Altman 1986)."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from hemosweep.report.plots.arm_plots import BLACK, GREY, STYLE, save
from hemosweep.report.plots.paired_cases import (
    BAND_COLOUR,
    COLOURS,
    LEGEND_BELOW,
    MARKERS,
    PairedCases,
    legend_handles,
    read_pairs,
    score_range,
    spread,
    write_title,
)
from hemosweep.report.terminal.table import MINUS
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.agreement import LimitsOfAgreement, limits_of_agreement
from hemosweep.stats.diagnostics import find_outliers

LIMIT_BAND_COLOUR = "#ECECEC"
HALO = [withStroke(linewidth=2.0, foreground="white")]


def bland_altman(pairs: pd.DataFrame, path: Path, *, name_a: str, name_b: str, metric: MetricDescription) -> None:
    """Each case's difference B - A against the mean of both, with the bias and the 95% limits of agreement.

    The bands are 95% intervals (`limits_of_agreement`). Limits without an interval are left out. The outliers among the
    differences (`find_outliers`) are labelled.

    Args:
        pairs: columns case_id, a, b and ivh ("yes", "no" or "n/a"), a row a case.
        path: file to write; its suffix is the format.

    Raises:
        BadInput: what `read_pairs` refuses.
    """
    cases = read_pairs(pairs, path, metric)
    limits = limits_of_agreement(cases.test)
    mean_N, diff_N = (cases.pairs.a_N + cases.pairs.b_N) / 2, cases.pairs.diff_N
    size = 1.8 + 2.6 * cases.thin
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
        axes.set_xlim(score_range(mean_N, metric))
        _name_outliers(axes, cases, dict(zip(cases.pairs.case_ids, mean_N.tolist(), strict=True)))
        axes.set_xlabel(f"mean of A and B, {cases.axis_name}")
        axes.set_ylabel(f"difference in {cases.axis_name}, B {MINUS} A")
        handles: list[Line2D | Patch] = [*legend_handles(cases, lines=False)]
        if limits is not None:
            handles.append(Line2D([], [], color=BLACK, lw=0.9, ls="--", label="95% limits of agreement"))
        if cases.test.ci95 is not None:
            handles.append(Patch(color=BAND_COLOUR, lw=0, label="95% CI"))
        figure.legend(handles=handles, ncols=4, **LEGEND_BELOW)
        captions = [f"n = {cases.n}, {cases.mean_text()}"]
        if limits is None:
            why = "all differences are the same" if cases.test.df is None and cases.n > 1 else "too few cases"
            captions.append(f"no limits of agreement: {why}")
        write_title(figure, cases, name_a, name_b, *captions)
        save(figure, path)


def _draw_limits(axes: Axes, cases: PairedCases, limits: LimitsOfAgreement | None) -> None:
    """Draw the lines, bands and numbers that exist, on an axis that holds them and every difference."""
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
    for text, height in zip(texts, spread([line[1] for line in lines], 0.12 * (high - low), low, high), strict=True):
        axes.text(1.02, height, text, **style)


def _name_outliers(axes: Axes, cases: PairedCases, mean_of: dict[str, float]) -> None:
    """Write ids beside their points, on the side towards the middle, and apart from each other."""
    outliers = find_outliers(cases.pairs.case_ids, cases.pairs.diff_N, cases.pairs.resolution)
    short = cases.short_ids()
    low_x, high_x = axes.get_xlim()
    low_y, high_y = axes.get_ylim()
    for on_right in (False, True):
        side = sorted(
            (outlier.diff, outlier.case_id)
            for outlier in outliers
            if (mean_of[outlier.case_id] > (low_x + high_x) / 2) == on_right
        )
        heights = spread([diff for diff, _ in side], 0.05 * (high_y - low_y), low_y, high_y)
        shift = (-0.02 if on_right else 0.02) * (high_x - low_x)
        for (diff, case_id), height in zip(side, heights, strict=True):
            x = mean_of[case_id]
            axes.plot((x, x + shift), (diff, height), color=GREY, lw=0.5, zorder=2)
            axes.text(
                x + shift, height, short[case_id], ha="right" if on_right else "left", va="center", fontsize=6.5,
                path_effects=HALO, zorder=5,
            )  # fmt: skip
