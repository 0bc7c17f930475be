"""Reference and prediction drawn over selected CT slices, in the colours of the paper's Fig. 8."""

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from hemosweep.arrays import Mask, Spacing
from hemosweep.errors import BadInput
from hemosweep.report.plots.arm_plots import STYLE, fit_title, save
from hemosweep.report.slices.panels import (
    LEGEND_INCHES,
    PREDICTION_COLOUR,
    REFERENCE_COLOUR,
    head_box,
    label_right,
    name_contours,
    outline,
    show_slice,
)

NUM_SLICES = 3
PANEL_INCHES = 2.1


def overlay(
    image_DHW: NDArray[Any],
    reference_DHW: NDArray[Any],
    prediction_DHW: NDArray[Any],
    spacing_DHW_mm: Spacing,
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
    rows, columns = head_box(image_DHW[shown], (reference_DHW | prediction_DHW)[shown], (spacing_h_mm, spacing_w_mm))
    height_mm = (rows.stop - rows.start) * spacing_h_mm
    width_mm = (columns.stop - columns.start) * spacing_w_mm
    panel_height = PANEL_INCHES * height_mm / width_mm
    score = "DSC undefined" if dsc is None or math.isnan(dsc) else f"DSC {dsc:.3f}"
    width_inches = PANEL_INCHES * len(shown)
    title, title_inches = fit_title(f"{title}, {score}", width_inches)
    reason_lines = 1 + max(len(reasons) for reasons in slices.values())
    height_inches = 2 * panel_height + 0.36 + 0.12 * reason_lines + title_inches + LEGEND_INCHES
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width_inches, height_inches))
        figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.015, h_pad=0.03, wspace=0.0, hspace=0.0))
        panels = figure.subplots(2, len(shown), squeeze=False)
        for column, index in enumerate(shown):
            for axes in panels[:, column]:
                show_slice(axes, image_DHW[index, rows, columns], (spacing_h_mm, spacing_w_mm))
            heading = "\n".join([f"slice {index + 1} of {len(image_DHW)}", *slices[index]])
            panels[0, column].set_title(heading, fontsize=7)
            outline(panels[1, column], reference_DHW[index, rows, columns], REFERENCE_COLOUR)
            outline(panels[1, column], prediction_DHW[index, rows, columns], PREDICTION_COLOUR)
        masks = (("reference", reference_DHW, REFERENCE_COLOUR), ("prediction", prediction_DHW, PREDICTION_COLOUR))
        names = [(name if mask_DHW.any() else f"{name} (empty)", colour) for name, mask_DHW, colour in masks]
        name_contours(figure, names)
        label_right(panels[1, 0])
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
        save(figure, path)


def slices_that_matter(reference_DHW: Mask, prediction_DHW: Mask) -> dict[int, list[str]]:
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
