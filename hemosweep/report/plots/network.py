"""A diagram of a network, drawn from the network itself, in the manner of the paper's Fig. 3."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Polygon, Rectangle

from hemosweep.model.graph import CONCATENATION, INPUT, SUM, FeatureMap, NotFollowed, feature_maps
from hemosweep.report.plots.arm_plots import BLACK, BLUE, GREY, PURPLE, STYLE, VERMILION, save
from hemosweep.report.terminal.table import ARROW

if TYPE_CHECKING:
    from torch import nn

GREEN, ORANGE, RED = "#009E73", "#E69F00", "#D40000"
FRONT, TOP, SIDE, COPIED = "#BFDDF2", "#DCEDF9", "#94BFDF", "#FFFFFF"
"""Faces of a box, and the part of a concatenation that a skip connection brings."""
MOST_MAPS = 36
"""Feature maps beyond which a diagram cannot be read; then the network's parts are listed."""
TALLEST, SHRINK = 1.0, 0.62
"""Height of a map of the patch's own size, and that of one of half its size."""
GAP, LEVEL_GAP, LEAN = 0.34, 0.36, 0.12
INCHES = 1.02
CROSS = "\N{MULTIPLICATION SIGN}"


def draw_network(
    network: "nn.Module", in_channels: int, patch_DHW: tuple[int, int, int], path: Path, *, title: str
) -> None:
    """Draw a network's feature maps as boxes in the order in which it makes them, larger ones higher.

    The number over a box is that of its channels, the text beside a level the size of its maps. An arrow is a layer
    with what follows it, a grey line a skip connection, and a red triangle a squeeze-and-excitation block. Of a network
    that cannot be followed, or of very many maps, the parts are listed instead, and the picture says why.

    Args:
        network: is moved to torch's "meta" device; it cannot be used afterwards.
        path: file to write; its suffix is the format.
    """
    num_parameters = sum(parameter.numel() for parameter in network.parameters())
    title = f"{title}: {num_parameters:,} parameters, {in_channels} input channel{'s' * (in_channels != 1)}"
    with mpl.rc_context(STYLE):
        try:
            maps = feature_maps(network, in_channels, patch_DHW)
            if len(maps) > MOST_MAPS:
                raise NotFollowed(f"it makes {len(maps)} feature maps, too many for a diagram")
        except NotFollowed as reason:
            figure = _list_parts(network, f"Parts of the network; its feature maps are not drawn: {reason}.")
        else:
            figure = _draw_maps(maps)
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
        save(figure, path)


def _draw_maps(maps: Sequence[FeatureMap]) -> Figure:
    heights = [TALLEST * SHRINK ** _level(one, maps[0]) for one in maps]
    widths = [_width(one.channels) for one in maps]
    levels = sorted({_level(one, maps[0]) for one in maps})
    centre_of: dict[float, float] = {}
    top = 0.0
    for level in levels:
        tall = TALLEST * SHRINK**level
        centre_of[level] = top - tall / 2
        top -= tall + LEVEL_GAP
    lefts, right = [], 0.0
    for wide in widths:
        lefts.append(right)
        right += wide + GAP
    num_texts = len(_legend(maps))
    size = (INCHES * (right + 0.9), INCHES * (-top + 0.25) + 0.3 + 0.17 * ((num_texts + 1) // 2))
    figure = Figure(figsize=(max(size[0], 6.5), size[1]))
    figure.set_layout_engine("constrained")
    axes = figure.subplots()
    axes.set(xlim=(-0.8, right + 0.1), ylim=(top + 0.1, 0.42), aspect="equal")
    axes.set_axis_off()
    boxes = [
        (left, centre_of[_level(one, maps[0])], wide, tall)
        for one, left, wide, tall in zip(maps, lefts, widths, heights, strict=True)
    ]
    for number, (one, box) in enumerate(zip(maps, boxes, strict=True)):
        _draw_box(axes, one, box, maps)
        for source in one.sources:
            _draw_arrow(axes, boxes[source], box, one, skip=source != number - 1)
    for level, y in centre_of.items():
        first = next(one for one in maps if _level(one, maps[0]) == level)
        axes.text(-0.72, y, _size(first.size_DHW), fontsize=7, va="center", ha="left", color=GREY, rotation=90)
    figure.legend(handles=_legend(maps), loc="outside lower left", ncols=2)
    return figure


def _level(one: FeatureMap, first: FeatureMap) -> float:
    """Number of times that the largest axis of the patch's plane was halved; 0 for a larger map."""
    ratio = max(first.size_DHW[1:]) / max(max(one.size_DHW[1:]), 1)
    return max(0.0, round(math.log2(ratio), 2))


def _width(channels: int) -> float:
    return 0.06 + 0.045 * math.log2(channels + 1)


def _size(size_DHW: Sequence[int]) -> str:
    depth, height, width = size_DHW
    return f"{height}{CROSS}{width}{CROSS}{depth}"


def _draw_box(axes: Axes, one: FeatureMap, box: tuple[float, float, float, float], maps: Sequence[FeatureMap]) -> None:
    left, middle, wide, tall = box
    bottom, lean = middle - tall / 2, LEAN * tall
    edge: dict[str, Any] = {"edgecolor": BLACK, "linewidth": 0.5, "zorder": 2}
    axes.add_patch(Rectangle((left, bottom), wide, tall, facecolor=FRONT, **edge))
    if one.layer == CONCATENATION:
        copied = sum(maps[source].channels for source in one.sources[1:]) / one.channels
        axes.add_patch(Rectangle((left, bottom), wide * copied, tall, facecolor=COPIED, **edge))
    top, right = bottom + tall, left + wide
    for corners, shade in (
        ([(left, top), (left + lean, top + lean), (right + lean, top + lean), (right, top)], TOP),
        ([(right, top), (right + lean, top + lean), (right + lean, bottom + lean), (right, bottom)], SIDE),
    ):
        axes.add_patch(Polygon(corners, closed=True, facecolor=shade, **edge))
    axes.text((left + right + lean) / 2, top + lean + 0.03, f"{one.channels}", fontsize=7, ha="center", va="bottom")
    if one.gate is not None:
        x, y = right + lean / 2, middle
        axes.plot([x], [y], marker="^", color=RED, markersize=6, markeredgecolor="white", mew=0.4, zorder=5)


def _draw_arrow(
    axes: Axes,
    source: tuple[float, float, float, float],
    target: tuple[float, float, float, float],
    one: FeatureMap,
    *,
    skip: bool,
) -> None:
    (left_a, y_a, wide_a, tall_a), (left_b, y_b, _, tall_b) = source, target
    start, end = (left_a + wide_a + LEAN * tall_a, y_a), (left_b, y_b)
    if skip:
        # Below the middle, where no other arrow is, and behind the boxes between.
        start, end = (start[0], y_a - 0.25 * tall_a), (left_b, y_b - 0.25 * tall_b)
        arrow = FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=7, color=GREY, lw=1.1, ls=(0, (4, 2)), shrinkA=0, shrinkB=0,
            zorder=1,
        )  # fmt: skip
    else:
        arrow = FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=8, color=_colour(one), lw=1.3, shrinkA=1, shrinkB=0, zorder=4
        )
    axes.add_patch(arrow)


def _colour(one: FeatureMap) -> str:
    if "Transpose" in one.layer:
        return GREEN
    if one.kernel and "Pool" not in one.layer:
        return PURPLE if set(one.kernel) == {1} else BLUE
    if "pool" in one.layer.lower():
        return VERMILION
    return GREY if one.layer in (CONCATENATION, SUM) else ORANGE


def _text(one: FeatureMap, maps: Sequence[FeatureMap]) -> str:
    """Name of a layer with what is done to its map, such as "convolution 3×3×3, batch normalisation, ReLU"."""
    if "Transpose" in one.layer:
        name = f"up-convolution {_size(one.kernel)}{_strided(one)}"
    elif "pool" in one.layer.lower():
        before = maps[one.sources[0]].size_DHW
        factor = [round(a / max(b, 1)) for a, b in zip(before, one.size_DHW, strict=True)]
        name = f"{'average' if 'avg' in one.layer.lower() else 'max'} pooling {_size(factor)}"
    elif one.kernel:
        name = f"convolution {_size(one.kernel)}{_strided(one)}"
    else:
        name = one.layer
    return ", ".join([name, *dict.fromkeys(one.notes)])


def _strided(one: FeatureMap) -> str:
    if not one.stride or max(one.stride) == 1:
        return ""
    return f", stride {one.stride[0] if len(set(one.stride)) == 1 else _size(one.stride)}"


def _legend(maps: Sequence[FeatureMap]) -> list[Line2D]:
    layers = {_text(one, maps): _colour(one) for one in maps if one.layer not in (INPUT, CONCATENATION, SUM)}
    handles = [Line2D([], [], color=colour, lw=1.5, marker=">", ms=3.5, label=text) for text, colour in layers.items()]
    skips = sorted({one.layer for one in maps} & {CONCATENATION, SUM})
    handles += [Line2D([], [], color=GREY, lw=1.1, ls=(0, (4, 2)), label=f"skip connection, {name}") for name in skips]
    ratios = sorted({one.gate for one in maps if one.gate is not None})
    if ratios:
        r = f"{ratios[0]:g}" if len(ratios) == 1 else f"{ratios[0]:g} to {ratios[-1]:g}"
        text = f"squeeze-and-excitation, C {ARROW} C/r {ARROW} C, r = {r}"
        handles.append(Line2D([], [], color=RED, marker="^", ls="", ms=6, mec="white", mew=0.4, label=text))
    return handles


def _list_parts(network: "nn.Module", note: str) -> Figure:
    """A table of the network's parts with their parameters."""
    rows = [
        (name, type(part).__name__, f"{sum(parameter.numel() for parameter in part.parameters()):,}")
        for name, part in network.named_children()
    ] or [("", type(network).__name__, "")]
    figure = Figure(figsize=(6.5, 0.75 + 0.2 * len(rows)))
    axes = figure.add_axes((0.01, 0.02, 0.98, 1 - 0.5 / figure.get_figheight()))
    axes.set_axis_off()
    table = axes.table(
        cellText=rows,
        colLabels=("part", "type", "parameters"),
        loc="upper left",
        cellLoc="left",
        colLoc="left",
        edges="horizontal",
    )
    table.auto_set_font_size(False)
    table.set_fontsize(7)
    for cell in table.get_celld().values():
        cell.set_linewidth(0.4)
    figure.text(0.01, 1 - 0.36 / figure.get_figheight(), note, fontsize=7, color=GREY, va="center", wrap=True)
    return figure
