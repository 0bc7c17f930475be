"""The cost plot of a sweep: the mean score of each arm against what it costs, a panel a cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import Bbox

from hemosweep.errors import BadInput
from hemosweep.report.plots.arm_plots import BLACK, BLUE, GREY, STYLE, save
from hemosweep.scores.metric import MetricDescription

PANEL_INCHES = (3.4, 2.6)
CROWD = 8
"""Arms from which a panel is as wide as two."""
LEAST_RANGE = 6.0
"""Least ratio of the ends of a logarithmic axis, so that two ticks of 1, 2, 5 lie on it."""
# Any: matplotlib's own types for these differ between its versions.
INTERVAL: Any = {"color": BLUE, "alpha": 0.6, "lw": 1.1, "capsize": 2, "zorder": 3}
FRONT: Any = {"color": GREY, "lw": 0.7, "zorder": 1}
_OFFSETS = tuple(
    (x * scale, y * scale)
    for scale in (1.0, 1.8, 2.8, 4.0, 5.5, 7.5)
    for x, y in ((7, 0), (-7, 0), (5, 7), (-5, 7), (5, -7), (-5, -7), (0, 9), (0, -9))
)
"""Places of a name beside its point in points, the best first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CostPoint:
    """An arm: its mean score, the 95% interval of that over the cases (None where there is none), and its costs by the
    name of the axis; one that is not known is left out."""

    arm: str
    mean: float
    ci95: tuple[float, float] | None
    costs: Mapping[str, float]


def shared_costs(points: Sequence[CostPoint]) -> list[str]:
    """The costs that two arms have at least, each of which is a panel, in the order of the arms' own."""
    names = dict.fromkeys(name for point in points for name in point.costs)
    return [name for name in names if sum(name in point.costs for point in points) > 1]


def draw_costs(points: Sequence[CostPoint], path: Path, *, metric: MetricDescription, title: str) -> None:
    """A panel a cost on a logarithmic axis: a named point an arm, with its interval, and the front of the arms that no
    other one beats at its cost.

    Args:
        path: file to write; its suffix is the format.

    Raises:
        BadInput: no cost that two arms have.
    """
    names = shared_costs(points)
    if not names:
        raise BadInput(f"{path}: no cost to draw; give one that two arms have")
    num_columns = 1 if len(points) > CROWD else min(2, len(names))
    num_rows = -(-len(names) // num_columns)
    width, height = PANEL_INCHES
    with mpl.rc_context(STYLE):
        wide = width * 2 if len(points) > CROWD else width * num_columns
        tall = height * (1.5 if len(points) > CROWD else 1.0) * num_rows
        figure = Figure(figsize=(wide, tall + 0.4), layout="constrained")
        panels = list(figure.subplots(num_rows, num_columns, sharey=True, squeeze=False).ravel())
        for axes in panels[len(names) :]:
            axes.remove()
        for axes, name in zip(panels, names, strict=False):
            _draw_panel(axes, name, [point for point in points if name in point.costs], metric)
        unit = f" ({metric.unit})" if metric.unit else ""
        for axes in panels[: len(names) : num_columns]:
            axes.set_ylabel(f"mean {metric.label}{unit}")
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
        # Names find their places among the points where these lie for good.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for axes, name in zip(panels, names, strict=False):
            _name_points(axes, name, [point for point in points if name in point.costs], metric)
        save(figure, path)


def pareto_front(points: Sequence[CostPoint], name: str, metric: MetricDescription) -> list[CostPoint]:
    """The arms whose mean no cheaper arm reaches, the cheapest first; none for a metric without a better direction."""
    if metric.higher_is_better is None:
        return []
    front: list[CostPoint] = []
    for point in sorted(points, key=lambda point: (point.costs[name], -metric.gain(point.mean))):
        if not front or metric.gain(point.mean) > metric.gain(front[-1].mean):
            front.append(point)
    return front


def _draw_panel(axes: Axes, name: str, points: Sequence[CostPoint], metric: MetricDescription) -> None:
    front = pareto_front(points, name, metric)
    if len(front) > 1:
        costs, means = [point.costs[name] for point in front], [point.mean for point in front]
        axes.step(costs, means, where="post", **FRONT)
    for point in points:
        cost = point.costs[name]
        if point.ci95 is not None:
            low, high = point.ci95
            axes.errorbar(cost, point.mean, yerr=[[point.mean - low], [high - point.mean]], fmt="none", **INTERVAL)
        axes.plot(cost, point.mean, "o", ms=4.5, mfc=BLUE if point in front else "white", mec=BLUE, mew=1.0, zorder=4)
    axes.set_xscale("log")
    costs = [point.costs[name] for point in points]
    middle, span = (min(costs) * max(costs)) ** 0.5, max((max(costs) / min(costs)) ** 1.25, LEAST_RANGE) ** 0.5
    axes.set_xlim(middle / span, middle * span)
    decades = max(costs) / min(costs) > 100.0
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if decades else (1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        EngFormatter(sep="") if max(costs) >= 1000.0 else FuncFormatter(lambda value, _: f"{value:g}")
    )
    axes.set_xlabel(name)


def _name_points(axes: Axes, name: str, points: Sequence[CostPoint], metric: MetricDescription) -> None:
    """Write the arms' names beside their points, each at the first place where it covers nothing."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    points_per_pixel = 72.0 / figure.dpi
    inside = axes.get_window_extent()
    taken = [_mark(axes, point, name, points_per_pixel) for point in points]
    taken += _steps(axes, pareto_front(points, name, metric), name)
    for point in sorted(points, key=lambda point: -point.mean):
        at = (point.costs[name], point.mean)
        label = axes.annotate(
            point.arm, at, xytext=(0, 0), textcoords="offset points", va="center", fontsize=6.5, color=BLACK, zorder=5
        )
        label.set_in_layout(False)
        best: tuple[float, tuple[float, float], str] | None = None
        for x, y in _OFFSETS:
            side = "left" if x > 0 else "right" if x < 0 else "center"
            label.set(position=(x, y), ha=side)
            box = label.get_window_extent()
            covered = sum(_shared(box, other) for other in taken)
            outside = box.width * box.height - _shared(box, inside)
            if best is None or covered + outside < best[0]:
                best = (covered + outside, (x, y), side)
            if covered + outside == 0.0:
                break
        assert best is not None
        _, (x, y), side = best
        label.set(position=(x, y), ha=side)
        taken.append(label.get_window_extent())
        if x * x + y * y > 12.0**2:
            line: Any = {"arrowstyle": "-", "color": GREY, "lw": 0.4, "shrinkA": 0.0, "shrinkB": 3.0}
            axes.annotate("", at, xytext=(x, y), textcoords="offset points", arrowprops=line).set_in_layout(False)


def _mark(axes: Axes, point: CostPoint, name: str, points_per_pixel: float) -> Bbox:
    """Part of the figure that a point and its interval cover."""
    low, high = point.ci95 or (point.mean, point.mean)
    (x, bottom), (_, top) = axes.transData.transform([(point.costs[name], low), (point.costs[name], high)])
    radius = 2.5 / points_per_pixel
    return Bbox.from_extents(x - radius, bottom - radius, x + radius, top + radius)


def _steps(axes: Axes, front: Sequence[CostPoint], name: str) -> list[Bbox]:
    """Part of the figure that the lines of the front cover."""
    boxes = []
    for point, after in pairwise(front):
        corners = [(point.costs[name], point.mean), (after.costs[name], after.mean)]
        (left, low), (right, high) = axes.transData.transform(corners)
        boxes += [Bbox.from_extents(left, low - 1, right, low + 1), Bbox.from_extents(right - 1, low, right + 1, high)]
    return boxes


def _shared(first: Bbox, second: Bbox) -> float:
    """Area that two boxes share."""
    both = Bbox.intersection(first, second)
    return 0.0 if both is None else float(both.width * both.height)
