"""Dark sheets of CT slices, laid out in millimetres: the common parts of the pictures of scans.

Slices are shown in radiological display (the patient's right at the picture's left) and true aspect.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE_COLOUR, LESION_COLOUR, IVH_COLOUR, TEXT_COLOUR = "#0b0d10", "#ff3b30", "#32d5f0", "#e8eaed"
FRAME_COLOUR = "#ffb020"
WINDOW_LEVEL_HU, WINDOW_WIDTH_HU = 40.0, 80.0
BRAIN_WINDOW_HU = (WINDOW_LEVEL_HU - WINDOW_WIDTH_HU / 2, WINDOW_LEVEL_HU + WINDOW_WIDTH_HU / 2)
GAP_MM = 2.5
TEXT_GAP_POINTS = 16
PLAIN: dict[str, Any] = {"parse_math": False}
"""A dollar sign in a case id is no mathematics."""
LABEL_BOX: dict[str, Any] = {"facecolor": "black", "edgecolor": "none", "alpha": 0.85, "pad": 1.0}
"""Ground of a text on a picture."""

Outline = tuple[Mask, str, float]
"""Mask of a slice, colour and line width."""


def open_sheet(size_HW_mm: tuple[float, float], inches_per_mm: float, dpi: int) -> "tuple[Figure, Axes]":
    """An empty sheet whose axes count millimetres from the upper left corner."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height_mm, width_mm = size_HW_mm
    figure = Figure(figsize=(width_mm * inches_per_mm, height_mm * inches_per_mm), dpi=dpi, facecolor=PAGE_COLOUR)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, width_mm)
    axes.set_ylim(height_mm, 0)
    axes.autoscale(False)
    axes.set_aspect("auto")
    axes.set_axis_off()
    return figure, axes


def draw_slice(
    axes: "Axes",
    slice_HW: NDArray[Any],
    window: tuple[float, float],
    corner_mm: tuple[float, float],
    size_HW_mm: tuple[float, float],
    outlines: Iterable[Outline] = (),
) -> None:
    """Draw a slice with its outlines, its upper left corner at `corner_mm` (down, across)."""
    (top_mm, left_mm), (height_mm, width_mm) = corner_mm, size_HW_mm
    low, high = window
    axes.imshow(
        slice_HW[::-1, ::-1],
        cmap="gray",
        vmin=low,
        vmax=high,
        aspect="auto",
        extent=(left_mm, left_mm + width_mm, top_mm + height_mm, top_mm),
        interpolation="bilinear",
    )
    num_h, num_w = slice_HW.shape
    across_mm = left_mm + (np.arange(-1, num_w + 1) + 0.5) * width_mm / num_w
    down_mm = top_mm + (np.arange(-1, num_h + 1) + 0.5) * height_mm / num_h
    for mask_HW, colour, linewidth in outlines:
        if mask_HW.any():
            # A frame of background closes the contour where the mask touches the picture's edge.
            framed_HW = np.pad(mask_HW[::-1, ::-1].astype(np.float64), 1)
            axes.contour(across_mm, down_mm, framed_HW, levels=[0.5], colors=[colour], linewidths=linewidth)


def write(axes: "Axes", corner_mm: tuple[float, float], text: str, **style: Any) -> None:
    """Write at `corner_mm` (down, across), in the size of labels where `style` names no other."""
    down_mm, across_mm = corner_mm
    merged: dict[str, Any] = {"color": TEXT_COLOUR, "fontsize": 6.5, "va": "center"} | PLAIN | style
    axes.text(across_mm, down_mm, text, **merged)


def write_all(axes: "Axes", corner_mm: tuple[float, float], texts: Iterable[tuple[str, str]], **style: Any) -> None:
    """Write texts, each in its colour, one behind the other, the first at `corner_mm` (down, across)."""
    down_mm, across_mm = corner_mm
    place: dict[str, Any] = {"xy": (across_mm, down_mm), "xycoords": "data", "xytext": (0, 0)}
    for text, colour in texts:
        written = axes.annotate(text, textcoords="offset points", va="center", color=colour, **PLAIN, **place, **style)
        place = {"xy": (1.0, 0.5), "xycoords": written, "xytext": (TEXT_GAP_POINTS, 0)}


def write_on_image(axes: "Axes", corner_mm: tuple[float, float], text: str, **style: Any) -> None:
    """Write on a dark ground, so that the text is readable on bone."""
    write(axes, corner_mm, text, bbox=LABEL_BOX, **style)


def span_of(kept: Mask, margin: int) -> slice:
    """The range to show along an axis: the kept part with a margin, or the whole axis where nothing is kept."""
    hit = np.flatnonzero(kept)
    first, last = (int(hit[0]), int(hit[-1])) if hit.size else (0, kept.size - 1)
    return slice(max(first - margin, 0), min(last + margin + 1, kept.size))


def save_sheet(figure: "Figure", png: Path) -> None:
    """Write a PNG file, whole or not at all; its folder is made."""
    with replacing(png, shared=True) as temporary:
        figure.savefig(temporary, format="png", facecolor=PAGE_COLOUR)
