"""The paper's Fig. 1 for one case: what every step of the preparation made of the scan, on one picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from hemosweep.data.preview import BACKGROUND, FRAME_COLOUR, LESION_COLOUR, TEXT_COLOUR
from hemosweep.errors import BadInput

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
LEVELS = (0.8, 0.5, 0.2)
"""Heights in the brain of the axial slices where no lesion draws one of them to itself."""
MARGIN_MM = 24.0  # around the brain: skull, scalp, and the holder, to see that it goes
PANEL_INCHES, TITLE_INCHES, NAME_INCHES, DPI = 2.2, 0.3, 0.24, 200
GAP_MM = 2.5  # on the scale of the slices

Mask = NDArray[np.bool_]
Image = NDArray[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """One plane through the volumes: where to cut, what it shows, and the size of its pixels and of its panels."""

    index: tuple[int | slice, ...]
    label: str
    pixel_mm: tuple[float, float]
    size_mm: tuple[float, float]

    def cut(self, volume_DHW: Image) -> Image:
        """The plane as displayed: upwards is anterior or superior, the patient's right is at the left."""
        plane: Image = volume_DHW[self.index][::-1, ::-1]
        return plane


def draw_preparation(
    panels: Mapping[str, Image],
    brain_DHW: Mask,
    lesion_DHW: Mask | None,
    spacing_DHW_mm: tuple[float, float, float],
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


def _rows(brain_DHW: Mask, lesion_DHW: Mask, spacing_DHW_mm: tuple[float, float, float]) -> list[_Row]:
    has_lesion = bool(lesion_DHW.any())
    bounds = [
        _span(np.asarray(brain_DHW.any(axis=axes)), spacing)
        for axes, spacing in zip(((1, 2), (0, 2), (0, 1)), spacing_DHW_mm, strict=True)
    ]
    (first, last), _, _ = (brain for brain, _ in bounds)
    in_depth, in_height, in_width = (box for _, box in bounds)
    slices = [round(first + level * (last - first)) for level in LEVELS]
    if has_lesion:
        largest = int(lesion_DHW.sum(axis=(1, 2)).argmax())
        slices[int(np.argmin([abs(index - largest) for index in slices]))] = largest
        through = int(lesion_DHW.sum(axis=(0, 2)).argmax())
    else:
        largest, through = slices[1], sum(bounds[1][0]) // 2
    _, height_mm, width_mm = ((box.stop - box.start) * mm for (_, box), mm in zip(bounds, spacing_DHW_mm, strict=True))
    depth_mm = (in_depth.stop - in_depth.start) * spacing_DHW_mm[0]
    marked = ", largest lesion area" if has_lesion else ""
    rows = [
        _Row(
            index=(index, in_height, in_width),
            label=f"slice {index + 1} of {len(brain_DHW)}{marked if index == largest else ''}",
            pixel_mm=(spacing_DHW_mm[1], spacing_DHW_mm[2]),
            size_mm=(height_mm, width_mm),
        )
        for index in sorted(set(slices), reverse=True)
    ]
    coronal = _Row(
        index=(in_depth, through, in_width),
        label=f"coronal{marked}",
        pixel_mm=(spacing_DHW_mm[0], spacing_DHW_mm[2]),
        size_mm=(depth_mm, width_mm),
    )
    return [*rows, coronal]


def _span(has_brain: NDArray[np.bool_], spacing_mm: float) -> tuple[tuple[int, int], slice]:
    """First and last index with brain along an axis, and the range to show; the whole axis where there is none."""
    hit = np.flatnonzero(has_brain)
    first, last = (int(hit[0]), int(hit[-1])) if hit.size else (0, has_brain.size - 1)
    margin = round(MARGIN_MM / spacing_mm)
    return (first, last), slice(max(first - margin, 0), min(last + margin + 1, has_brain.size))


def _draw(
    panels: Mapping[str, Image],
    rows: list[_Row],
    outlines: Mapping[str, list[tuple[Mask, str, float]]],
    windows: Mapping[str, tuple[float, float]],
    legend: list[tuple[str, str]],
    png: Path,
    title: str,
) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke

    on_image: dict[str, Any] = {"path_effects": [withStroke(linewidth=1.5, foreground="black")]}
    panel_mm = rows[0].size_mm[1]
    inches_per_mm = PANEL_INCHES / panel_mm
    title_mm, name_mm = TITLE_INCHES / inches_per_mm, NAME_INCHES / inches_per_mm
    sheet_width_mm = GAP_MM + (panel_mm + GAP_MM) * len(panels)
    sheet_height_mm = title_mm + name_mm + sum(row.size_mm[0] + GAP_MM for row in rows)
    figure = Figure(
        figsize=(sheet_width_mm * inches_per_mm, sheet_height_mm * inches_per_mm), dpi=DPI, facecolor=BACKGROUND
    )
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    _draw_title(axes, title, legend, sheet_width_mm, title_mm)
    left_mm = GAP_MM
    for name, volume_DHW in panels.items():
        middle_mm = left_mm + panel_mm / 2
        label_mm = title_mm + 0.45 * name_mm
        axes.text(middle_mm, label_mm, PANELS[name], color=TEXT_COLOUR, fontsize=8, ha="center", va="center")
        top_mm = title_mm + name_mm
        for row in rows:
            _draw_panel(axes, row, volume_DHW, windows.get(name, (0.0, 1.0)), outlines[name], (left_mm, top_mm))
            if left_mm == GAP_MM:
                side_mm = top_mm + row.size_mm[0] / 2
                axes.text(left_mm + 2.0, top_mm + 2.0, row.label, color=TEXT_COLOUR, fontsize=6.5, va="top", **on_image)
                axes.text(left_mm + 2.0, side_mm, "R", color=TEXT_COLOUR, fontsize=6.5, va="center", **on_image)
            top_mm += row.size_mm[0] + GAP_MM
        left_mm += panel_mm + GAP_MM
    axes.set_xlim(0, sheet_width_mm)
    axes.set_ylim(sheet_height_mm, 0)
    axes.set_aspect("auto")
    axes.set_axis_off()
    png.parent.mkdir(parents=True, exist_ok=True)
    temporary = png.with_name(f".tmp-{uuid4().hex}-{png.name}")
    try:
        figure.savefig(temporary, format="png", facecolor=BACKGROUND)
        temporary.replace(png)
    finally:
        temporary.unlink(missing_ok=True)


def _draw_title(
    axes: "Axes", title: str, legend: list[tuple[str, str]], sheet_width_mm: float, title_mm: float
) -> None:
    """Title at the left, what the outlines mean at the right."""
    middle_mm = 0.55 * title_mm
    axes.text(GAP_MM, middle_mm, title, color=TEXT_COLOUR, fontsize=9, va="center", family="monospace")
    right_mm = sheet_width_mm - GAP_MM
    for text, colour in reversed(legend):
        axes.text(right_mm, middle_mm, text, color=colour, fontsize=7, ha="right", va="center")
        right_mm -= (0.25 + 0.3 * len(text)) * title_mm


def _draw_panel(
    axes: "Axes",
    row: _Row,
    volume_DHW: Image,
    window: tuple[float, float],
    outlines: list[tuple[Mask, str, float]],
    corner_mm: tuple[float, float],
) -> None:
    """One plane of one volume, its upper left corner at `corner_mm`."""
    (left_mm, top_mm), (height_mm, width_mm) = corner_mm, row.size_mm
    low, high = window
    axes.imshow(
        row.cut(volume_DHW),
        cmap="gray",
        vmin=low,
        vmax=high,
        extent=(left_mm, left_mm + width_mm, top_mm + height_mm, top_mm),
        interpolation="bilinear",
    )
    for mask_DHW, colour, line in outlines:
        mask = row.cut(mask_DHW)
        if mask.any() and not mask.all() and min(mask.shape) > 1:
            across_mm = left_mm + (np.arange(mask.shape[1]) + 0.5) * row.pixel_mm[1]
            down_mm = top_mm + (np.arange(mask.shape[0]) + 0.5) * row.pixel_mm[0]
            axes.contour(across_mm, down_mm, mask, levels=[0.5], colors=[colour], linewidths=line)
