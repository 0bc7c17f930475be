"""Reference and prediction drawn over the CT slices that matter, in the colours of the paper's Fig. 8."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.errors import BadInput

DPI = 300
NUM_SLICES = 3
WINDOW_LEVEL_HU, WINDOW_WIDTH_HU = 40.0, 80.0
# Soft tissue and bone are above it, air and most head holders below. In a CT that was clipped higher than this, air is
# the lowest value.
HEAD_THRESHOLD_HU = -200.0
MARGIN_MM = 6.0
PANEL_INCHES = 2.1
REFERENCE_COLOUR, PREDICTION_COLOUR = "white", "red"


def overlay(
    image_DHW: NDArray[Any],
    reference_DHW: NDArray[Any],
    prediction_DHW: NDArray[Any],
    spacing_DHW_mm: tuple[float, float, float],
    path: Path,
    *,
    title: str,
    dsc: float | None,
) -> None:
    """Draw three axial slices of one case: CT in the brain window above, the same with both contours below.

    The slices are those with the largest reference, the largest disagreement and the largest prediction; where these
    coincide, or a mask is empty, the next slices by lesion area fill in. Radiological convention: the patient's right
    is at the picture's left.

    Args:
        image_DHW: CT in HU, RAS+ order.
        reference_DHW: mask, not 0 = lesion; may be empty.
        prediction_DHW: the same of the prediction.
        path: file to write; its suffix is the format.
        dsc: the case's score; None or NaN = undefined.

    Raises:
        BadInput: the three volumes differ in shape, or are not 3D.
    """
    if image_DHW.ndim != 3 or not image_DHW.shape == reference_DHW.shape == prediction_DHW.shape:
        raise BadInput(
            f"{title}: CT {image_DHW.shape}, reference {reference_DHW.shape} and prediction {prediction_DHW.shape} "
            "are not three volumes of one shape; resample the masks to the CT"
        )
    reference_DHW = np.asarray(reference_DHW != 0)
    prediction_DHW = np.asarray(prediction_DHW != 0)
    slices = slices_that_matter(reference_DHW, prediction_DHW)
    _, spacing_h_mm, spacing_w_mm = spacing_DHW_mm
    shown = sorted(slices)
    rows, columns = _head_box(image_DHW[shown], (reference_DHW | prediction_DHW)[shown], (spacing_h_mm, spacing_w_mm))
    height_mm = (rows.stop - rows.start) * spacing_h_mm
    width_mm = (columns.stop - columns.start) * spacing_w_mm
    panel_height = PANEL_INCHES * height_mm / width_mm
    title_lines = 1 + max(len(reasons) for reasons in slices.values())
    figure = Figure(figsize=(PANEL_INCHES * len(shown), 2 * panel_height + 0.36 + 0.12 * title_lines))
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.015, h_pad=0.03, wspace=0.0, hspace=0.0))
    panels = figure.subplots(2, len(shown), squeeze=False)
    for column, index in enumerate(shown):
        image_HW = _radiological(image_DHW[index, rows, columns])
        for axes in panels[:, column]:
            axes.imshow(
                image_HW,
                cmap="gray",
                vmin=WINDOW_LEVEL_HU - WINDOW_WIDTH_HU / 2,
                vmax=WINDOW_LEVEL_HU + WINDOW_WIDTH_HU / 2,
                aspect=spacing_h_mm / spacing_w_mm,
                interpolation="bilinear",
            )
            axes.set_axis_off()
        panels[0, column].set_title("\n".join([f"slice {index}", *slices[index]]), fontsize=7)
        _contour(panels[1, column], _radiological(reference_DHW[index, rows, columns]), REFERENCE_COLOUR)
        _contour(panels[1, column], _radiological(prediction_DHW[index, rows, columns]), PREDICTION_COLOUR)
    _legend(panels[1, 0], empty_reference=not reference_DHW.any(), empty_prediction=not prediction_DHW.any())
    score = "DSC undefined" if dsc is None or math.isnan(dsc) else f"DSC {dsc:.3f}"
    figure.suptitle(f"{title}, {score}", fontsize=9, x=0.01, ha="left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI)


def slices_that_matter(reference_DHW: NDArray[np.bool_], prediction_DHW: NDArray[np.bool_]) -> dict[int, list[str]]:
    """Up to three distinct slice indices, each with the reasons to show it (none = filled in)."""
    reference_D = reference_DHW.sum(axis=(1, 2))
    prediction_D = prediction_DHW.sum(axis=(1, 2))
    wrong_D = (reference_DHW ^ prediction_DHW).sum(axis=(1, 2))
    reasons: dict[int, list[str]] = {}
    for area_D, reason in (
        (reference_D, "largest reference"),
        (wrong_D, "largest disagreement"),
        (prediction_D, "largest prediction"),
    ):
        if area_D.any():
            reasons.setdefault(int(area_D.argmax()), []).append(reason)
    num_slices = reference_D.size
    from_middle_D = np.abs(np.arange(num_slices) - num_slices // 2)
    either_D = (reference_DHW | prediction_DHW).sum(axis=(1, 2))
    for index in np.lexsort((from_middle_D, -either_D)).tolist():
        if len(reasons) >= NUM_SLICES:
            break
        reasons.setdefault(index, [])
    return reasons


def _head_box(
    image_SHW: NDArray[Any], lesion_SHW: NDArray[np.bool_], spacing_HW_mm: tuple[float, float]
) -> tuple[slice, slice]:
    """Rows and columns that hold the largest piece above air in any shown slice, both masks, and a margin."""
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


def _radiological(slice_HW: NDArray[Any]) -> NDArray[Any]:
    """Anterior up, the patient's right at the picture's left."""
    return slice_HW[::-1, ::-1]


def _contour(axes: Axes, mask_HW: NDArray[Any], colour: str) -> None:
    if mask_HW.any():
        # A frame of background closes the contour where the mask touches the picture's edge.
        framed_HW = np.pad(mask_HW.astype(np.float64), 1)
        rows, columns = (np.arange(-1, size + 1) for size in mask_HW.shape)
        axes.contour(columns, rows, framed_HW, levels=[0.5], colors=[colour], linewidths=0.8)


def _legend(axes: Axes, *, empty_reference: bool, empty_prediction: bool) -> None:
    box = {"facecolor": "black", "edgecolor": "none", "alpha": 0.7, "pad": 1.0}
    lines = (
        (0.09, f"reference{' (empty)' if empty_reference else ''}", REFERENCE_COLOUR),
        (0.03, f"prediction{' (empty)' if empty_prediction else ''}", PREDICTION_COLOUR),
    )
    for height, name, colour in lines:
        axes.text(0.03, height, name, color=colour, fontsize=7, va="center", bbox=box, transform=axes.transAxes)
    axes.text(0.03, 0.95, "R", color="white", fontsize=7, va="center", bbox=box, transform=axes.transAxes)
