"""The trials of a search as a table and as a picture."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from rich.box import SIMPLE_HEAD
from rich.table import Table

from hemosweep.ablation.search import Axis, Choice, Trial
from hemosweep.report.plots.arm_plots import BLUE, GREY, STYLE, VERMILION, save


def params_text(params: Mapping[str, Any]) -> str:
    """A trial's point of the space in one line, numbers with three digits."""
    return ", ".join(f"{name} {_short(value)}" for name, value in params.items())


def search_table(trials: Sequence[Trial], best: Trial | None) -> Table:
    """One line a trial, in the order of their DSC, those that failed last."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Trial", no_wrap=True)
    table.add_column("DSC", justify="right", no_wrap=True)
    for name in trials[0].params if trials else ():
        table.add_column(name.replace("_", " "), justify="right")
    for trial in sorted(trials, key=lambda t: (t.dsc is None, -(t.dsc or 0.0), t.index)):
        dsc = "failed" if trial.dsc is None else f"{trial.dsc:.3f}"
        name = f"{trial.name} (start)" if trial.index == 0 else trial.name
        style = "bold" if best is not None and trial.index == best.index else ""
        table.add_row(name, dsc, *(_short(value) for value in trial.params.values()), style=style)
    return table


def draw_search(trials: Sequence[Trial], space: Mapping[str, Axis], path: Path, *, title: str) -> None:
    """Draw DSC by trial, with the best so far, and DSC by each parameter over its whole range.

    Args:
        space: parameter name to its axis, whose range, scale and options are drawn.
    """
    scored = [(trial, trial.dsc) for trial in trials if trial.dsc is not None]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.75 * (1 + len(space)) + 0.5, 2.5), layout="constrained")
        history, *others = np.atleast_1d(figure.subplots(1, 1 + len(space), sharey=True)).tolist()
        numbers = [trial.index for trial, _ in scored]
        history.step(numbers, list(accumulate((dsc for _, dsc in scored), max)), where="post", color=GREY, linewidth=1)
        history.xaxis.set_major_locator(MaxNLocator(integer=True))
        history.set_xlabel("trial")
        history.set_ylabel("mean DSC of a trial")
        _scatter(history, numbers, scored)
        for axes, (name, axis) in zip(others, space.items(), strict=True):
            values = [trial.params[name] for trial, _ in scored]
            _scatter(axes, _spread(axes, axis, values), scored)
            axes.set_xlabel(name.replace("_", " ").replace(" mm", " (mm)"))
            axes.tick_params(axis="y", length=0)
        key = [
            Line2D([], [], color=BLUE, marker="o", markerfacecolor="none", linestyle="", label="start"),
            Line2D([], [], color=BLUE, marker="o", linestyle="", label="trial"),
            Line2D([], [], color=VERMILION, marker="o", linestyle="", label="best"),
            Line2D([], [], color=GREY, linewidth=1, label="best so far"),
        ]
        figure.legend(handles=key, loc="outside upper right", ncols=len(key), title=title, alignment="right")
        save(figure, path)


def _spread(axes: Axes, axis: Axis, values: Sequence[Any]) -> Sequence[float]:
    """Lay out the whole of an axis; returns where on it the values lie."""
    if isinstance(axis, Choice):
        axes.set_xticks(range(len(axis.options)), [str(option) for option in axis.options])
        axes.set_xlim(-0.5, len(axis.options) - 0.5)
        return [axis.options.index(value) for value in values]
    if axis.log:
        axes.set_xscale("log")
        axes.minorticks_off()
    ticks = np.geomspace(axis.low, axis.high, 3) if axis.log else np.linspace(axis.low, axis.high, 3)
    axes.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
    factor, step = ((axis.high / axis.low) ** 0.06, 0.0) if axis.log else (1.0, 0.06 * (axis.high - axis.low))
    axes.set_xlim(axis.low / factor - step, axis.high * factor + step)
    return values


def _scatter(axes: Axes, x: Sequence[float], scored: Sequence[tuple[Trial, float]]) -> None:
    """Trials as dots, the start as an open circle, the best in another colour."""
    best = max(scored, key=lambda pair: (pair[1], -pair[0].index))[0]
    for position, (trial, dsc) in zip(x, scored, strict=True):
        color = VERMILION if trial is best else BLUE
        face = "none" if trial.index == 0 else color
        axes.scatter(position, dsc, s=18, edgecolors=color, facecolors=face, linewidths=1.0, zorder=3)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
