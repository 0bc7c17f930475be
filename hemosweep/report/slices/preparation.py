"""The paper's Fig. 1 for one case: the result of every step of the preparation, in one picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask, Spacing
from hemosweep.errors import BadInput
from hemosweep.report.slices.sheet import (
    FRAME_COLOUR,
    GAP_MM,
    LESION_COLOUR,
    draw_slice,
    open_sheet,
    save_sheet,
    span_of,
    write,
    write_on_image,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = {
    "ct": "(a) non-contrast CT",
    "cta": "(b) CT angiography, aligned",
    "stripped": "(c) skull-stripped CT",
    "symmetric": "(d) symmetric image",
    "cta_stripped": "(e) prepared angiography",
}
"""The columns, lettered as in the paper's Fig. 1."""
WITH_BRAIN, WITH_LESION = ("ct",), ("ct", "stripped")
SLICE_LEVELS = (0.8, 0.5, 0.2)
"""Heights in the brain of the axial slices where no lesion draws one of them to itself."""
MARGIN_MM = 24.0  # around the brain: skull, scalp, and the holder, to see that it goes
PANEL_INCHES, TITLE_INCHES, NAME_INCHES, DPI = 2.2, 0.3, 0.24, 200

Image = NDArray[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """One plane through the volumes: its position, its range, and the size of its panels."""

    index: tuple[int | slice, ...]
    label: str
    size_mm: tuple[float, float]


def draw_preparation(
    panels: Mapping[str, Image],
    brain_DHW: Mask,
    lesion_DHW: Mask | None,
    spacing_DHW_mm: Spacing,
    png: Path,
    *,
    title: str,
    windows: Mapping[str, tuple[float, float]] | None = None,
) -> None:
    """Draw one case, a column for each panel, into a PNG file.

    Three axial slices, the highest first, and a coronal one, all in true aspect and radiological display (the patient's
    right at the picture's left). One axial slice and the coronal one go through the lesion's largest area; without a
    lesion they go through the middle of the brain. The brain mask is outlined on the CT, the lesion there and on the
    skull-stripped CT.

    Args:
        panels: volumes on one grid by name, a name of `PANELS` each.
        brain_DHW: brain mask on that grid; the picture is cropped to it with a margin.
        lesion_DHW: lesion mask on that grid; None or empty where there is none.
        spacing_DHW_mm: voxel size.
        png: file to write, whole or not at all; its folder is made.
        title: what the case is called.
        windows: the values of a panel that are drawn black and white; (0, 1) where not given.

    Raises:
        BadInput: no panel, an unknown name, or volumes that differ in shape.
    """
    unknown = [name for name in panels if name not in PANELS]
    if unknown or not panels:
        raise BadInput(f"{title}: panels {', '.join(panels) or 'none'}; choose from {', '.join(PANELS)}")
    masks = {"brain": brain_DHW} | ({} if lesion_DHW is None else {"lesion": lesion_DHW})
    shapes = {name: volume.shape for name, volume in {**panels, **masks}.items()}
    if len(set(shapes.values())) > 1 or brain_DHW.ndim != 3:
        raise BadInput(f"{title}: {shapes} are not volumes of one shape; resample them to one grid")
    if lesion_DHW is None or not lesion_DHW.any():
        lesion_DHW = np.zeros(brain_DHW.shape, dtype=bool)
    rows = _rows(brain_DHW, lesion_DHW, spacing_DHW_mm)
    outlines = {
        name: [
            *([(brain_DHW, FRAME_COLOUR, 0.5)] if name in WITH_BRAIN else []),
            *([(lesion_DHW, LESION_COLOUR, 0.8)] if name in WITH_LESION else []),
        ]
        for name in panels
    }
    legend = [("brain mask", FRAME_COLOUR)] if "ct" in panels else []
    legend += [("lesion", LESION_COLOUR)] if lesion_DHW.any() and any(name in WITH_LESION for name in panels) else []
    _draw({name: panels[name] for name in PANELS if name in panels}, rows, outlines, windows or {}, legend, png, title)


def _rows(brain_DHW: Mask, lesion_DHW: Mask, spacing_DHW_mm: Spacing) -> list[_Row]:
    has_lesion = bool(lesion_DHW.any())
    kept = [np.asarray(brain_DHW.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    inner = [span_of(axis, 0) for axis in kept]
    in_depth, in_height, in_width = boxes = [
        span_of(axis, round(MARGIN_MM / spacing)) for axis, spacing in zip(kept, spacing_DHW_mm, strict=True)
    ]
    first, last = inner[0].start, inner[0].stop - 1
    slices = [round(first + level * (last - first)) for level in SLICE_LEVELS]
    if has_lesion:
        largest = int(lesion_DHW.sum(axis=(1, 2)).argmax())
        slices[int(np.argmin([abs(index - largest) for index in slices]))] = largest
        through = int(lesion_DHW.sum(axis=(0, 2)).argmax())
    else:
        largest, through = slices[1], (inner[1].start + inner[1].stop - 1) // 2
    depth_mm, height_mm, width_mm = (
        (box.stop - box.start) * spacing for box, spacing in zip(boxes, spacing_DHW_mm, strict=True)
    )
    marked = ", largest lesion area" if has_lesion else ""
    rows = [
        _Row(
            index=(index, in_height, in_width),
            label=f"slice {index + 1} of {len(brain_DHW)}{marked if index == largest else ''}",
            size_mm=(height_mm, width_mm),
        )
        for index in sorted(set(slices), reverse=True)
    ]
    coronal = _Row(
        index=(in_depth, through, in_width),
        label=f"coronal{marked}",
        size_mm=(depth_mm, width_mm),
    )
    return [*rows, coronal]


def _draw(
    panels: Mapping[str, Image],
    rows: list[_Row],
    outlines: Mapping[str, list[tuple[Mask, str, float]]],
    windows: Mapping[str, tuple[float, float]],
    legend: list[tuple[str, str]],
    png: Path,
    title: str,
) -> None:
    panel_mm = rows[0].size_mm[1]
    inches_per_mm = PANEL_INCHES / panel_mm
    title_mm, name_mm = TITLE_INCHES / inches_per_mm, NAME_INCHES / inches_per_mm
    width_mm = GAP_MM + (panel_mm + GAP_MM) * len(panels)
    height_mm = title_mm + name_mm + sum(row.size_mm[0] + GAP_MM for row in rows)
    figure, axes = open_sheet((height_mm, width_mm), inches_per_mm, DPI)
    _draw_title(axes, title, legend, width_mm, title_mm)
    left_mm = GAP_MM
    for name, volume_DHW in panels.items():
        write(axes, (title_mm + 0.45 * name_mm, left_mm + panel_mm / 2), PANELS[name], fontsize=8, ha="center")
        top_mm = title_mm + name_mm
        for row in rows:
            masks = [(mask_DHW[row.index], colour, line) for mask_DHW, colour, line in outlines[name]]
            window = windows.get(name, (0.0, 1.0))
            draw_slice(axes, volume_DHW[row.index], window, (top_mm, left_mm), row.size_mm, masks)
            if left_mm == GAP_MM:
                write_on_image(axes, (top_mm + 2.0, left_mm + 2.0), row.label, va="top")
                write_on_image(axes, (top_mm + row.size_mm[0] / 2, left_mm + 2.0), "R")
            top_mm += row.size_mm[0] + GAP_MM
        left_mm += panel_mm + GAP_MM
    save_sheet(figure, png)


def _draw_title(
    axes: "Axes", title: str, legend: list[tuple[str, str]], sheet_width_mm: float, title_mm: float
) -> None:
    """Write the title at the left and the meaning of the outlines at the right."""
    middle_mm = 0.55 * title_mm
    write(axes, (middle_mm, GAP_MM), title, fontsize=9, family="monospace")
    right_mm = sheet_width_mm - GAP_MM
    for text, colour in reversed(legend):
        write(axes, (middle_mm, right_mm), text, color=colour, fontsize=7, ha="right")
        right_mm -= (0.25 + 0.3 * len(text)) * title_mm
