"""What an ensemble found in one scan: three slices, as scanned above and with the lesion's contour below."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from hemosweep.data.preview import BACKGROUND, LESION_COLOUR, LEVEL_HU, TEXT_COLOUR, WIDTH_HU

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUM_SLICES = 3
MARGIN_MM = 16.0  # around the brain: the skull, to see where one is
PANEL_INCHES, LINE_INCHES, DPI = 2.6, 0.22, 200
GAP_MM = 2.5  # on the scale of the slices

Mask = NDArray[np.bool_]


def draw_prediction(
    ct_DHW: NDArray[Any],
    brain_DHW: Mask,
    lesion_DHW: Mask,
    spacing_DHW_mm: tuple[float, float, float],
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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke

    on_image: dict[str, Any] = {"path_effects": [withStroke(linewidth=1.5, foreground="black")]}
    slices = shown_slices(brain_DHW, lesion_DHW)
    kept_HW = np.asarray((brain_DHW | lesion_DHW).any(axis=0))
    in_height, in_width = (_span(np.asarray(kept_HW.any(axis=1 - axis)), spacing_DHW_mm[1 + axis]) for axis in (0, 1))
    size_mm = (
        (in_height.stop - in_height.start) * spacing_DHW_mm[1],
        (in_width.stop - in_width.start) * spacing_DHW_mm[2],
    )
    line_mm = LINE_INCHES * size_mm[1] / PANEL_INCHES
    sheet_mm = (2 * line_mm + 2 * (size_mm[0] + GAP_MM), GAP_MM + len(slices) * (size_mm[1] + GAP_MM))
    inches_per_mm = PANEL_INCHES / size_mm[1]
    figure = Figure(figsize=(sheet_mm[1] * inches_per_mm, sheet_mm[0] * inches_per_mm), dpi=DPI, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.text(GAP_MM, 0.55 * line_mm, title, color=TEXT_COLOUR, fontsize=9, va="center", family="monospace")
    axes.text(GAP_MM, 1.4 * line_mm, finding, color=LESION_COLOUR, fontsize=8, va="center")
    for column, index in enumerate(slices):
        left_mm = GAP_MM + column * (size_mm[1] + GAP_MM)
        for row, outlined in enumerate((False, True)):
            top_mm = 2 * line_mm + row * (size_mm[0] + GAP_MM)
            panel_HW = ct_DHW[index, in_height, in_width], lesion_DHW[index, in_height, in_width] & outlined
            _draw_panel(axes, *panel_HW, (top_mm, left_mm), size_mm)
        label = f"slice {index + 1} of {len(ct_DHW)}"
        axes.text(left_mm + 2.0, 2 * line_mm + 2.0, label, color=TEXT_COLOUR, fontsize=6.5, va="top", **on_image)
    side_mm = 2 * line_mm + size_mm[0] / 2
    axes.text(GAP_MM + 2.0, side_mm, "R", color=TEXT_COLOUR, fontsize=6.5, va="center", **on_image)
    axes.set_xlim(0, sheet_mm[1])
    axes.set_ylim(sheet_mm[0], 0)
    axes.set_aspect("auto")
    axes.set_axis_off()
    png.parent.mkdir(parents=True, exist_ok=True)
    temporary = png.with_name(f".tmp-{uuid4().hex}-{png.name}")
    try:
        figure.savefig(temporary, format="png", facecolor=BACKGROUND)
        temporary.replace(png)
    finally:
        temporary.unlink(missing_ok=True)


def shown_slices(brain_DHW: Mask, lesion_DHW: Mask) -> list[int]:
    """Up to three slices, in ascending order: the lesion's largest area, and the middle of what is below and above it.

    Without a lesion they are spread over the brain, without a brain over the scan.
    """
    for mask_DHW in (lesion_DHW, brain_DHW):
        if mask_DHW.any():
            break
    else:
        mask_DHW = np.ones_like(brain_DHW)
    area_D = mask_DHW.sum(axis=(1, 2))
    first, last = np.flatnonzero(area_D)[[0, -1]].tolist()
    middle = int(area_D.argmax())
    if mask_DHW is not lesion_DHW:
        middle = (first + last) // 2
    chosen = {middle, (first + middle) // 2, (middle + last + 1) // 2}
    near = sorted(range(len(area_D)), key=lambda index: abs(index - middle))
    for index in near:
        if len(chosen) == NUM_SLICES:
            break
        chosen.add(index)
    return sorted(chosen)


def _span(kept: NDArray[np.bool_], spacing_mm: float) -> slice:
    """The range to show along an axis; all of it where nothing is kept."""
    hit = np.flatnonzero(kept)
    first, last = (int(hit[0]), int(hit[-1])) if hit.size else (0, kept.size - 1)
    margin = round(MARGIN_MM / spacing_mm)
    return slice(max(first - margin, 0), min(last + margin + 1, kept.size))


def _draw_panel(
    axes: "Axes",
    ct_HW: NDArray[Any],
    outlined_HW: Mask,
    corner_mm: tuple[float, float],
    size_mm: tuple[float, float],
) -> None:
    """One slice, its upper left corner at `corner_mm`."""
    (top_mm, left_mm), (height_mm, width_mm) = corner_mm, size_mm
    axes.imshow(
        ct_HW[::-1, ::-1],
        cmap="gray",
        vmin=LEVEL_HU - WIDTH_HU / 2,
        vmax=LEVEL_HU + WIDTH_HU / 2,
        extent=(left_mm, left_mm + width_mm, top_mm + height_mm, top_mm),
        interpolation="bilinear",
    )
    if outlined_HW.any():
        # A frame of background closes the contour where the mask touches the picture's edge.
        framed_HW = np.pad(outlined_HW[::-1, ::-1].astype(np.float64), 1)
        num_h, num_w = outlined_HW.shape
        across_mm = left_mm + (np.arange(-1, num_w + 1) + 0.5) * width_mm / num_w
        down_mm = top_mm + (np.arange(-1, num_h + 1) + 0.5) * height_mm / num_h
        axes.contour(across_mm, down_mm, framed_HW, levels=[0.5], colors=[LESION_COLOUR], linewidths=0.9)
