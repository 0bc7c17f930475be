"""The forest plot of a family of comparisons: each difference with its intervals, over cases and of the claim."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hemosweep.errors import BadInput
from hemosweep.report.plots.arm_plots import BLACK, BLUE, DPI, GREY, STYLE, save
from hemosweep.report.terminal.table import ARROW, MINUS
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.multiple_testing import FamilyComparison
from hemosweep.stats.ttest import SIGNIFICANCE_LEVEL

ROW_INCHES = 0.36
CLAIM_COLOUR = "#E3E3E3"
# Shares of the height of a row.
CLAIM_HEIGHT = 0.56
PAPER_POINT_OFFSET = 0.24
LINE_LENGTH = 30
PLOT_INCHES, NUMBERS_INCHES, LETTER_INCHES = 2.7, 3.2, 0.062
# Any: what matplotlib takes there differs from one argument to the next.
POINT: Any = {"color": BLUE, "lw": 1.4, "marker": "o", "ms": 5.5, "mec": BLUE, "mew": 1.2}
PAPER_MARKER: Any = {"ls": "", "marker": "s", "ms": 3.6, "mfc": "white", "mec": GREY, "mew": 1.0}
FOREST_LEGEND: Any = {"loc": "outside lower left", "ncols": 4, "handletextpad": 0.5, "columnspacing": 1.4}


def draw_forest(
    rows: Sequence[FamilyComparison],
    path: Path,
    *,
    title: str,
    paper: Mapping[tuple[str, str], float] | None = None,
    dpi: int = DPI,
) -> None:
    """One line a comparison, in the order given: the mean difference B - A with its 95% interval over the cases.

    The grey bar is the interval of the claim, which counts seeds and folds too, where it is known. A filled point is a
    claim that is significant after Holm.

    Args:
        path: file to write; its suffix is the format.
        paper: (A, B) to the difference of the means that the paper prints.
        dpi: pixels an inch.

    Raises:
        BadInput: no comparison with a difference.
    """
    rows = [row for row in rows if row.comparison.mean_diff is not None]
    if not rows:
        raise BadInput(f"{path}: no difference to draw; compare at least two arms")
    metric = rows[0].comparison.metric
    printed = {place: (paper or {}).get((row.a, row.b)) for place, row in enumerate(rows)}
    labels = [_label(row) for row in rows]
    # A name on two lines takes a little more than a line.
    heights = [1.0 + 0.3 * label.count("\n") for label in labels]
    places = [sum(heights[:index]) + height / 2 for index, height in enumerate(heights)]
    with mpl.rc_context(STYLE):
        longest = max(len(line) for label in labels for line in label.split("\n"))
        width = longest * LETTER_INCHES + PLOT_INCHES + NUMBERS_INCHES
        figure = Figure(figsize=(width, 1.2 + ROW_INCHES * sum(heights)), layout="constrained")
        axes, numbers = figure.subplots(1, 2, sharey=True, width_ratios=(PLOT_INCHES, NUMBERS_INCHES))
        for place, row in zip(places, rows, strict=True):
            _draw(axes, place, row)
        for index, difference in printed.items():
            if difference is not None:
                axes.plot(difference, places[index] + PAPER_POINT_OFFSET, zorder=4, **PAPER_MARKER)
        axes.axvline(0.0, color=BLACK, lw=0.8, zorder=2)
        axes.set_yticks(places, labels)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(sum(heights), 0.0)
        axes.set_xlim(_range(rows, printed.values()))
        name_difference_axis(axes, metric)
        _write_columns(numbers, places, rows)
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
        figure.legend(handles=_legend(rows, with_paper=any(v is not None for v in printed.values())), **FOREST_LEGEND)
        save(figure, path, dpi=dpi)


def _draw(axes: Axes, place: float, row: FamilyComparison) -> None:
    comparison = row.comparison
    assert comparison.mean_diff is not None
    if comparison.claim.ci95 is not None:
        low, high = comparison.claim.ci95
        axes.barh(place, high - low, left=low, height=CLAIM_HEIGHT, color=CLAIM_COLOUR, lw=0, zorder=1)
    if comparison.ci95 is not None:
        axes.plot(comparison.ci95, (place, place), color=BLUE, lw=1.4, solid_capstyle="butt", zorder=3)
        axes.plot(comparison.ci95, (place, place), "|", color=BLUE, ms=5, mew=1.2, zorder=3)
    axes.plot(
        comparison.mean_diff,
        place,
        "o",
        ms=5.5,
        mec=BLUE,
        mew=1.2,
        mfc=BLUE if _significant(row) else "white",
        zorder=5,
    )


def name_difference_axis(axes: Axes, metric: MetricDescription) -> None:
    """Label the horizontal axis and, above it on both sides of zero, the better side."""
    unit = f" ({metric.unit})" if metric.unit else ""
    axes.set_xlabel(f"difference in {metric.label}{unit}, B {MINUS} A")
    if metric.higher_is_better is not None:
        left, right = ("A better", "B better") if metric.higher_is_better else ("B better", "A better")
        # On both sides of zero, wherever that lies.
        low, high = axes.get_xlim()
        gap = 0.015 * (high - low)
        style: Any = {"fontsize": 7, "color": GREY, "va": "bottom", "transform": axes.get_xaxis_transform()}
        if low < -4 * gap:
            axes.text(-gap, 1.01, f"\N{LEFTWARDS ARROW} {left}", ha="right", **style)
        if high > 4 * gap:
            axes.text(gap, 1.01, f"{right} \N{RIGHTWARDS ARROW}", ha="left", **style)


def _range(rows: Sequence[FamilyComparison], printed: Iterable[float | None]) -> tuple[float, float]:
    """Range of the axis: everything that is drawn, zero, and a margin."""
    drawn = [0.0, *(value for value in printed if value is not None)]
    for row in rows:
        comparison = row.comparison
        drawn += [comparison.mean_diff or 0.0, *(comparison.ci95 or ())]
        drawn += comparison.claim.ci95 or ()
    low, high = min(drawn), max(drawn)
    margin = 0.06 * ((high - low) or 1.0)
    return low - margin, high + margin


def _write_columns(axes: Axes, places: Sequence[float], rows: Sequence[FamilyComparison]) -> None:
    """The numbers of each line, in axes of their own."""
    axes.set_axis_off()
    axes.set_xlim(0.0, 1.0)
    columns = (
        (0.06, "n", [str(row.comparison.n) for row in rows], "right"),
        (0.10, f"B {MINUS} A [95% CI]", [_difference(row) for row in rows], "left"),
        (0.585, "Holm p", [_p(row.holm_p) for row in rows], "left"),
        (0.765, "raw p", [f"{_p(row.comparison.p)} {row.comparison.stars}" for row in rows], "left"),
    )
    for x, header, texts, side in columns:
        axes.text(x, 1.01, header, ha=side, va="bottom", fontsize=7, color=GREY, transform=axes.transAxes)
        for place, text in zip(places, texts, strict=True):
            axes.text(x, place, text, ha=side, va="center_baseline", fontsize=7.5)


def _difference(row: FamilyComparison) -> str:
    comparison = row.comparison
    assert comparison.mean_diff is not None
    number = comparison.metric.number
    text = number(comparison.mean_diff, sign="+")
    if comparison.ci95 is not None:
        low, high = (number(bound, sign="+") for bound in comparison.ci95)
        text += f" [{low}, {high}]"
    return text.replace("-", MINUS)


def _p(p: float | None) -> str:
    if p is None:
        return "\N{EN DASH}"
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def _label(row: FamilyComparison) -> str:
    """A and B on one line, or on two where they are long."""
    one = f"{row.a} {ARROW} {row.b}"
    return one if len(one) <= LINE_LENGTH else f"{row.a}\n{ARROW} {row.b}"


def _significant(row: FamilyComparison) -> bool:
    return row.holm_p is not None and row.holm_p < SIGNIFICANCE_LEVEL


def _legend(rows: Sequence[FamilyComparison], *, with_paper: bool) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = []
    if any(map(_significant, rows)):
        handles.append(Line2D([], [], mfc=BLUE, label="Holm p < 0.05", **POINT))
    if not all(map(_significant, rows)):
        handles.append(Line2D([], [], mfc="white", label="not significant after Holm", **POINT))
    if any(row.comparison.claim.ci95 is not None for row in rows):
        handles.append(Patch(color=CLAIM_COLOUR, lw=0, label="95% CI with seeds and folds"))
    if with_paper:
        handles.append(Line2D([], [], label="difference that the paper prints", **PAPER_MARKER))
    return handles
