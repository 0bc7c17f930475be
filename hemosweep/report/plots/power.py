"""The power plot of a sweep: the difference that a number of seeds shows, in this data set and in larger ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from hemosweep.report.plots.arm_plots import BLUE, GREY, STYLE, VERMILION, save
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.power import PowerRow

LINE: Any = {"lw": 1.4, "marker": "o", "ms": 3.6}
NAMED = 4
"""At most so many observed differences are named in the plot."""


def draw_power(
    curves: Sequence[tuple[str, Sequence[PowerRow]]],
    observed: Sequence[tuple[str, float]],
    path: Path,
    *,
    metric: MetricDescription,
    title: str,
) -> None:
    """One line a data set, from (label, rows); a dashed line an observed difference, from (label, difference).

    Args:
        path: file to write; its suffix is the format.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 3.1), layout="constrained")
        axes = figure.subplots()
        for (label, rows), colour in zip(curves, (BLUE, VERMILION, GREY), strict=False):
            seeds = [row.num_seeds for row in rows]
            axes.plot(seeds, [row.difference for row in rows], color=colour, label=label, **LINE)
        # One seed in two folds shows next to nothing, and would press all other points to the ground.
        highest = 2.2 * max(row.difference for _, rows in curves for row in rows if row.num_seeds > 1)
        largest = min(highest, max(row.difference for _, rows in curves for row in rows))
        axes.set_ylim(0.0, 1.05 * largest)
        shown = [(label, abs(value)) for label, value in observed if 0 < abs(value) <= 1.05 * largest][:NAMED]
        for label, value in shown:
            axes.axhline(value, color=GREY, lw=0.8, ls=(0, (4, 3)), zorder=1)
            style: Any = {"fontsize": 6.5, "color": GREY, "transform": axes.get_yaxis_transform()}
            axes.text(1.01, value, label, ha="left", va="center", **style)
        axes.set_xticks(sorted({row.num_seeds for _, rows in curves for row in rows}))
        axes.set_xlabel("seeds of each arm")
        unit = f" ({metric.unit})" if metric.unit else ""
        axes.set_ylabel(f"difference in {metric.label}{unit}\nshown with 80% power")
        axes.legend(loc="upper right")
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
        save(figure, path)
