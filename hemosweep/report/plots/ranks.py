"""The rank plot of a sweep: how often each arm has each rank when cases and seeds are drawn anew."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from hemosweep.errors import BadInput
from hemosweep.report.plots.arm_plots import BLACK, STYLE, broken, save
from hemosweep.scores.metric import MetricDescription

if TYPE_CHECKING:
    from hemosweep.stats.ranks import ArmRank

CELL_INCHES = 0.46
NAME_INCHES, LETTER_INCHES = 0.8, 0.068
"""Room beside the cells: for what is no name, and for each letter of the longest name with its mean."""
LEAST_WRITTEN = 0.005
"""A smaller share is not written into its cell."""


def draw_ranks(ranks: "Sequence[ArmRank]", path: Path, *, metric: MetricDescription, title: str) -> None:
    """A row an arm, the best first, and a column a rank: the share of the resamples, in percent.

    Args:
        path: file to write; its suffix is the format.

    Raises:
        BadInput: there are no ranks.
    """
    if not ranks:
        raise BadInput(f"{path}: no ranks to draw; compare at least three arms")
    share_AR = np.array([one.shares for one in ranks])
    with mpl.rc_context(STYLE):
        size = CELL_INCHES * len(ranks)
        names = [f"{broken(one.arm)}  {metric.number(one.mean)}" for one in ranks]
        longest = max(len(line) for name in names for line in name.split("\n"))
        figure = Figure(
            figsize=(size + max(1.9, NAME_INCHES + LETTER_INCHES * longest), size + 1.0), layout="constrained"
        )
        axes = figure.subplots()
        axes.imshow(share_AR, cmap="Blues", vmin=0.0, vmax=1.0, aspect="equal")
        for (row, column), share in np.ndenumerate(share_AR):
            if share >= LEAST_WRITTEN:
                colour = "white" if share > 0.55 else BLACK
                axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=7, color=colour)
        axes.set_yticks(range(len(ranks)), names)
        axes.set_xticks(range(len(ranks)), [str(rank + 1) for rank in range(len(ranks))])
        axes.set_xticks(np.arange(len(ranks) - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(len(ranks) - 1) + 0.5, minor=True)
        axes.grid(which="minor", color="white", lw=1.0)
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(f"rank by mean {metric.label}, % of resamples")
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
        save(figure, path)
