"""One axial slice as a panel of a figure: cropped to the head, in radiological display, with outlines and labels."""

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import Mask
from hemosweep.report.slices.sheet import BRAIN_WINDOW_HU, LABEL_BOX

T = TypeVar("T", bound=np.generic)

# Soft tissue and bone are above it, air and most head holders below. In a CT that was clipped higher than this, air is
# the lowest value.
HEAD_THRESHOLD_HU = -200.0
MARGIN_MM = 6.0
REFERENCE_COLOUR, PREDICTION_COLOUR = "white", "red"
LEGEND_INCHES = 0.2
"""Height of the names of contours."""


def radiological(voxels: NDArray[T]) -> NDArray[T]:
    """A slice, or a stack of slices, with anterior up and the patient's right at the picture's left."""
    return voxels[..., ::-1, ::-1]


def head_box(image_SHW: NDArray[Any], lesion_SHW: Mask, spacing_HW_mm: tuple[float, float]) -> tuple[slice, slice]:
    """Rows and columns that hold the largest piece above air in any shown slice, all lesions, and a margin."""
    pieces_HW, num_pieces = ndimage.label((image_SHW > max(HEAD_THRESHOLD_HU, image_SHW.min())).any(axis=0))
    kept_HW = np.asarray(lesion_SHW.any(axis=0), dtype=bool)
    if num_pieces:
        kept_HW |= pieces_HW == 1 + np.bincount(pieces_HW.ravel())[1:].argmax()
    if not kept_HW.any():
        kept_HW = np.ones_like(kept_HW)
    box = []
    for axis, spacing_mm in enumerate(spacing_HW_mm):
        inside = np.flatnonzero(kept_HW.any(axis=1 - axis))
        margin = round(MARGIN_MM / spacing_mm)
        box.append(slice(max(int(inside[0]) - margin, 0), min(int(inside[-1]) + margin + 1, kept_HW.shape[axis])))
    return box[0], box[1]


def show_slice(
    axes: Axes,
    image_HW: NDArray[Any],
    spacing_HW_mm: tuple[float, float],
    window: tuple[float, float] = BRAIN_WINDOW_HU,
    *,
    cmap: str = "gray",
    smooth: bool = True,
) -> AxesImage:
    """Draw a slice in true proportions, from the first to the last colour over `window`; pixel centres are whole
    numbers."""
    height_mm, width_mm = spacing_HW_mm
    low, high = window
    shown = axes.imshow(
        radiological(image_HW),
        cmap=cmap,
        vmin=low,
        vmax=high,
        aspect=height_mm / width_mm,
        interpolation="bilinear" if smooth else "nearest",
    )
    axes.autoscale(False)  # an outline reaches one pixel further, and must not shrink the picture
    axes.set(xticks=[], yticks=[])
    axes.set_axis_off()
    return shown


def outline(axes: Axes, mask_HW: NDArray[Any], colour: str, linewidth: float = 0.8) -> None:
    """Outline a mask on the slice of its shape; an empty one draws nothing."""
    if mask_HW.any():
        # A frame of background closes the contour where the mask touches the picture's edge.
        framed_HW = np.pad(radiological(mask_HW).astype(np.float64), 1)
        rows, columns = (np.arange(-1, size + 1) for size in mask_HW.shape)
        axes.contour(columns, rows, framed_HW, levels=[0.5], colors=[colour], linewidths=linewidth)


def label(axes: Axes, height: float, text: str, colour: str = "white") -> None:
    """Write at the panel's left edge, `height` in shares of the panel."""
    written = axes.text(
        0.03, height, text, color=colour, fontsize=7, va="center", bbox=LABEL_BOX, transform=axes.transAxes
    )
    # Its box may reach slightly out of the panel; the layout makes no room for that.
    written.set_in_layout(False)


def label_right(axes: Axes) -> None:
    """Mark the patient's right side."""
    label(axes, 0.95, "R")


def legend_line(text: str, colour: str, linewidth: float = 0.8) -> Line2D:
    """Handle of a line in a legend on white, where white and yellow ones are not seen without a dark edge."""
    edge = withStroke(linewidth=linewidth + 0.8, foreground="black")
    return Line2D([], [], color=colour, lw=linewidth, label=text, path_effects=[edge])


def name_contours(figure: Figure, names: Iterable[tuple[str, str]]) -> None:
    """Name contours, each in its colour, below the panels, where nothing of a head is covered."""
    handles = [legend_line(text, colour) for text, colour in names]
    figure.legend(handles=handles, loc="outside lower left", ncols=len(handles))
