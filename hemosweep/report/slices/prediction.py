"""Picture of an ensemble's prediction for one scan: three slices, plain above and with the lesion's contour below."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask, Spacing
from hemosweep.report.slices.sheet import (
    BRAIN_WINDOW_HU,
    GAP_MM,
    LESION_COLOUR,
    draw_slice,
    open_sheet,
    save_sheet,
    span_of,
    write,
    write_on_image,
)

NUM_SLICES = 3
MARGIN_MM = 16.0  # around the brain: the skull, to see where one is
PANEL_INCHES, LINE_INCHES, DPI = 2.6, 0.22, 200


def draw_prediction(
    ct_DHW: NDArray[Any],
    brain_DHW: Mask,
    lesion_DHW: Mask,
    spacing_DHW_mm: Spacing,
    png: Path,
    *,
    title: str,
    finding: str,
) -> None:
    """Draw one case into a PNG file, whole or not at all.

    Brain window (level 40 HU, width 80 HU), true aspect, radiological display (the patient's right at the picture's
    left), the lower slice first.

    Args:
        ct_DHW: CT in HU, RAS+ order.
        brain_DHW: brain mask on its grid; the picture is cropped to it with a margin.
        lesion_DHW: the predicted mask on its grid; may be empty.
        spacing_DHW_mm: voxel size; slices are counted along their normal.
        title: what the case is called.
        finding: what is said below the title.
    """
    slices = shown_slices(brain_DHW, lesion_DHW)
    kept_HW = np.asarray((brain_DHW | lesion_DHW).any(axis=0))
    in_height, in_width = (
        span_of(np.asarray(kept_HW.any(axis=1 - axis)), round(MARGIN_MM / spacing_DHW_mm[1 + axis])) for axis in (0, 1)
    )
    height_mm, width_mm = size_mm = (
        (in_height.stop - in_height.start) * spacing_DHW_mm[1],
        (in_width.stop - in_width.start) * spacing_DHW_mm[2],
    )
    inches_per_mm = PANEL_INCHES / width_mm
    line_mm = LINE_INCHES / inches_per_mm
    sheet_mm = (2 * line_mm + 2 * (height_mm + GAP_MM), GAP_MM + len(slices) * (width_mm + GAP_MM))
    figure, axes = open_sheet(sheet_mm, inches_per_mm, DPI)
    write(axes, (0.55 * line_mm, GAP_MM), title, fontsize=9, family="monospace")
    write(axes, (1.4 * line_mm, GAP_MM), finding, color=LESION_COLOUR, fontsize=8)
    for column, index in enumerate(slices):
        left_mm = GAP_MM + column * (width_mm + GAP_MM)
        shown_HW, outlined_HW = (volume[index, in_height, in_width] for volume in (ct_DHW, lesion_DHW))
        for row, outlines in enumerate(([], [(outlined_HW, LESION_COLOUR, 0.9)])):
            top_mm = 2 * line_mm + row * (height_mm + GAP_MM)
            draw_slice(axes, shown_HW, BRAIN_WINDOW_HU, (top_mm, left_mm), size_mm, outlines)
        write_on_image(axes, (2 * line_mm + 2.0, left_mm + 2.0), f"slice {index + 1} of {len(ct_DHW)}", va="top")
    write_on_image(axes, (2 * line_mm + height_mm / 2, GAP_MM + 2.0), "R")
    save_sheet(figure, png)


def shown_slices(brain_DHW: Mask, lesion_DHW: Mask) -> list[int]:
    """Up to three slices, in ascending order: the lesion's largest area, and those that halve what is below and above.

    Each shows a part of the lesion, however far a false spot lies from it; slices beside fill in. Without a lesion they
    are spread over the brain, without a brain over the scan.
    """
    for mask_DHW in (lesion_DHW, brain_DHW):
        if mask_DHW.any():
            break
    else:
        mask_DHW = np.ones_like(brain_DHW)
    area_D = mask_DHW.sum(axis=(1, 2))
    middle = int(area_D.argmax())
    if mask_DHW is not lesion_DHW:
        middle = int(np.flatnonzero(area_D)[[0, -1]].sum()) // 2
    chosen = {middle}
    for outwards in (range(middle - 1, -1, -1), range(middle + 1, len(area_D))):
        area_N = area_D[list(outwards)]
        if area_N.any():
            chosen.add(outwards[int((2 * area_N.cumsum() >= area_N.sum()).argmax())])
    near = sorted(range(len(area_D)), key=lambda index: abs(index - middle))
    for index in near:
        if len(chosen) == NUM_SLICES:
            break
        chosen.add(index)
    return sorted(chosen)
