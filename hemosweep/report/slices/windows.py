"""The windows that a case is tested in, over its CT: the test half of the paper's Fig. 4."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.inference.sliding_window import (
    Starts,
    missing_before,
    num_windows_that_see,
    padded_shape,
    seen_volume,
    window_grid,
    windows_with_brain,
)
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.report.plots.arm_plots import STYLE, fit_title, save
from hemosweep.report.slices.panels import label_right, legend_line, outline, show_slice
from hemosweep.sampling.restriction import Restriction

PANEL_INCHES = 2.7
LESION_COLOUR, FRAME_COLOUR, FIRST_COLOUR, SECOND_COLOUR = "#00D59A", "#F0E442", "#FF9A1F", "#56B4E9"
"""Outline of the lesion, windows, and two neighbouring ones (Okabe and Ito 2008, lightened)."""
INSIDE_COLOUR = "white"


def draw_windows(
    case: PreprocessedCase,
    restriction: Restriction,
    patch_DHW: tuple[int, int, int],
    overlap: float,
    path: Path,
    *,
    title: str,
    slice_wise: bool = False,
    centred: bool = False,
) -> None:
    """Draw the windows of a case on the axial slice and on the coronal plane of its largest lesion area.

    Left: two neighbouring windows at the lesion, filled, and all others of their layer. Middle: the number of windows
    that see each voxel of the slice, over which probabilities are averaged; where windows must touch the brain, it is
    outlined. Right: the two and all others of their row in the coronal plane. The patient's right is at the picture's
    left.

    Args:
        restriction: that of the arm, which says whether windows must touch the brain (`seen_volume`).
        patch_DHW: size of a window in voxels, the labelled part of a patch; `overlap` is the share of it that
            neighbours have in common at least.
        slice_wise: whether the network labels each slice by itself (`window_grid`).
        centred: whether a case smaller than the window lies in its middle (`predict_probability`).
        path: file to write; its suffix is the format.
    """
    image_CDHW, inside_DHW = seen_volume(case, restriction)
    shape_DHW = inside_DHW.shape
    lesion_DHW = case.lesion_DHW if shape_DHW == case.lesion_DHW.shape else case.grid.uncrop(case.lesion_DHW, fill=0)
    starts = window_grid(shape_DHW, patch_DHW, overlap, slice_wise=slice_wise)
    kept_ZYX = windows_with_brain(inside_DHW, starts, patch_DHW)
    depth, height, width = shape_DHW
    padded_DHW = padded_shape(shape_DHW, patch_DHW)
    seen_DHW = num_windows_that_see(torch.from_numpy(kept_ZYX), starts, patch_DHW, padded_DHW).numpy()
    before_DHW = missing_before(shape_DHW, patch_DHW) if centred else (0, 0, 0)
    d, h, w = (slice(before, before + size) for before, size in zip(before_DHW, shape_DHW, strict=True))
    seen_DHW = seen_DHW[d, h, w]
    z, y, x = ([start - before for start in along] for along, before in zip(starts, before_DHW, strict=True))
    starts = z, y, x
    index, row, column = _place(lesion_DHW, inside_DHW)
    spacing_D, spacing_H, spacing_W = case.spacing_DHW_mm
    image_DHW = image_CDHW[0].astype(np.float32)
    neighbours = _neighbours(kept_ZYX, starts, patch_DHW, (index, row, column))
    axial_inches = PANEL_INCHES * height * spacing_H / (width * spacing_W)
    with mpl.rc_context(STYLE):
        width_inches = 3 * PANEL_INCHES + 0.6
        title, title_inches = fit_title(title, width_inches)
        figure = Figure(figsize=(width_inches, axial_inches + 0.95 + title_inches))
        figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.0, hspace=0.0))
        axial, counted, coronal = figure.subplots(1, 3)
        show_slice(axial, image_DHW[index], (spacing_H, spacing_W), (-1.0, 1.0))
        show_slice(coronal, image_DHW[:, row], (spacing_D, spacing_W), (-1.0, 1.0))
        _frame_windows(axial, kept_ZYX, starts, patch_DHW, (height, width), neighbours, plane="axial")
        _frame_windows(coronal, kept_ZYX, starts, patch_DHW, (depth, width), neighbours, plane="coronal")
        # Opaque, as a colour that shines through cannot be found in the bar.
        shown = show_slice(
            counted, seen_DHW[index], (spacing_H, spacing_W), (0, seen_DHW.max()), cmap="magma", smooth=False
        )
        if not restriction.leaves_brain:
            outline(counted, inside_DHW[index], INSIDE_COLOUR, linewidth=0.5)
        for axes, mask_HW in ((axial, lesion_DHW[index]), (counted, lesion_DHW[index]), (coronal, lesion_DHW[:, row])):
            outline(axes, mask_HW, LESION_COLOUR)
        bar = figure.colorbar(shown, ax=counted, shrink=0.6, pad=0.02, ticks=MaxNLocator(integer=True))
        bar.ax.tick_params(labelsize=6)
        axial.set_title(f"slice {index + 1} of {depth}: windows", fontsize=7)
        counted.set_title("number of windows that see a voxel", fontsize=7)
        coronal.set_title("coronal plane: windows", fontsize=7)
        label_right(axial)
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
        handles = _legend(kept_ZYX, starts, patch_DHW, with_brain=not restriction.leaves_brain)
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
        save(figure, path)


def _place(lesion_DHW: Mask, inside_DHW: Mask) -> tuple[int, int, int]:
    """Slice, row and column of the largest lesion area; without a lesion those of the largest area inside."""
    shown_DHW = lesion_DHW if lesion_DHW.any() else inside_DHW
    index, row, column = (int(shown_DHW.sum(axis=others).argmax()) for others in ((1, 2), (0, 2), (0, 1)))
    return index, row, column


def _nearest(starts: list[int], size: int, place: int) -> int:
    """Number of the window whose middle is nearest to a place."""
    return int(np.argmin([abs(start + size / 2 - place - 0.5) for start in starts]))


def _neighbours(
    kept_ZYX: Mask, starts: Starts, patch_DHW: tuple[int, int, int], place: tuple[int, int, int]
) -> tuple[tuple[int, int, int], ...]:
    """The used window nearest to a place and one beside it, by their numbers along the axes; one, or none, where there
    are no more."""
    z, y, x = (_nearest(along, size, voxel) for along, size, voxel in zip(starts, patch_DHW, place, strict=True))
    used = np.flatnonzero(kept_ZYX[z, y])
    nearest = used[np.argsort(np.abs(used - x), kind="stable")[:2]]
    return tuple((z, y, int(number)) for number in nearest)


def _frame_windows(
    axes: Axes,
    kept_ZYX: Mask,
    starts: Starts,
    patch_DHW: tuple[int, int, int],
    shape: tuple[int, int],
    neighbours: tuple[tuple[int, int, int], ...],
    *,
    plane: str,
) -> None:
    """Frame the used windows of the neighbours' layer, and fill the neighbours."""
    if not neighbours:
        return
    z, y, _ = neighbours[0]
    vertical = 1 if plane == "axial" else 0
    used = kept_ZYX[z] if plane == "axial" else kept_ZYX[:, y]
    sizes = (patch_DHW[vertical], patch_DHW[2])
    for v, x in np.argwhere(used).tolist():
        corner = _corner((starts[vertical][v], starts[2][x]), sizes, shape)
        axes.add_patch(Rectangle(corner, sizes[1], sizes[0], fill=False, edgecolor=FRAME_COLOUR, lw=0.3, alpha=0.5))
    for window, colour in zip(neighbours, (FIRST_COLOUR, SECOND_COLOUR), strict=False):
        corner = _corner((starts[vertical][window[vertical]], starts[2][window[2]]), sizes, shape)
        axes.add_patch(Rectangle(corner, sizes[1], sizes[0], facecolor=colour, edgecolor="none", alpha=0.35))
        axes.add_patch(Rectangle(corner, sizes[1], sizes[0], fill=False, edgecolor=colour, lw=1.1))


def _corner(start: tuple[int, int], sizes: tuple[int, int], shape: tuple[int, int]) -> tuple[float, float]:
    """Left upper corner of a window as it is displayed, both axes turned round (`panels.radiological`)."""
    down, across = (length - (first + size) - 0.5 for first, size, length in zip(start, sizes, shape, strict=True))
    return across, down


def _shared(starts: list[int], size: int) -> str:
    """Mean share that neighbours along an axis have in common, such as "56%"."""
    if len(starts) < 2:
        return "none"
    step = (starts[-1] - starts[0]) / (len(starts) - 1)
    return f"{100 * (1 - step / size):.3g}%"


def _legend(
    kept_ZYX: NDArray[np.bool_], starts: Starts, patch_DHW: tuple[int, int, int], *, with_brain: bool
) -> list[Line2D]:
    depth, height, width = patch_DHW
    shares = [_shared(along, size) for along, size in zip(starts, patch_DHW, strict=True)]
    size = f"{height} x {width} x {depth} voxels"
    texts = [
        (FIRST_COLOUR, 1.2, "a window"),
        (FRAME_COLOUR, 0.6, f"windows beside it in this plane; {int(kept_ZYX.sum())} in all, of {size}"),
        (
            SECOND_COLOUR,
            1.2,
            f"its neighbour; mean overlap {shares[1]} of rows, {shares[2]} of columns, {shares[0]} of slices",
        ),
        (LESION_COLOUR, 0.8, "lesion"),
    ]
    if with_brain:
        texts.append((INSIDE_COLOUR, 0.6, "brain, which every window touches"))
    return [legend_line(text, colour, width_pt) for colour, width_pt, text in texts]
