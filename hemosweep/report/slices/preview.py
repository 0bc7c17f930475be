"""A contact sheet of a data set: every case in one picture, where a wrong mask or a flipped scan is easy to see."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hemosweep.arrays import Mask
from hemosweep.data.case import Case
from hemosweep.data.manifest import read_participants
from hemosweep.data.nifti import Volume, read_volume
from hemosweep.data.reading import read_ct
from hemosweep.errors import BadInput
from hemosweep.report.slices.sheet import (
    BRAIN_WINDOW_HU,
    FRAME_COLOUR,
    GAP_MM,
    IVH_COLOUR,
    LESION_COLOUR,
    TEXT_COLOUR,
    draw_slice,
    open_sheet,
    save_sheet,
    span_of,
    write,
    write_all,
    write_on_image,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUM_SPREAD_SLICES = 6
HEAD_HU = -15.0  # above air, also in series that were cut off at -20 HU
MARGIN_MM = 4.0
SHEET_WIDTH_INCHES, SHEET_DPI, TITLE_INCHES = 13.0, 150, 0.22


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    case_id: str
    ct: Volume
    lesion_DHW: Mask | None
    ivh_DHW: Mask | None
    window: tuple[slice, slice]  # the head's rows and columns
    slices: list[int]
    facts: tuple[tuple[str, str], ...]  # text and colour
    framed: str


def contact_sheet(data: Path, png: Path, *, max_cases: int = 12) -> Path:
    """Draw the first `max_cases` cases of a data set into one PNG file and return its path.

    One row a case: six axial slices spread over the head from base to vertex, then, framed, the slice with the largest
    lesion area. Brain window (level 40 HU, width 80 HU), radiological display (the patient's right, marked R, at the
    picture's left), lesion outlined in red, intraventricular hemorrhage in cyan. Without a lesion mask, the mid-head
    slice is framed.

    Raises:
        BadInput: the folder is no data set, a file of a case is missing or unreadable, or `max_cases` is below 1.
    """
    if max_cases < 1:
        raise BadInput(f"max_cases = {max_cases}: a contact sheet needs at least one case")
    if png.suffix != ".png":
        raise BadInput(f"{png}: a contact sheet is a PNG; give a name that ends in .png")
    rows = [_read_row(case) for case in read_participants(data)[:max_cases]]
    _draw(rows, png)
    return png


def _read_row(case: Case) -> _Row:
    ct, _ = read_ct(case, case.ct_path)
    lesion_DHW = _read_shown_mask(case.lesion_path, ct)
    ivh_DHW = _read_shown_mask(case.ivh_path, ct)
    depth, window = _head_box(ct)
    spread = np.linspace(depth.start, depth.stop - 1, NUM_SPREAD_SLICES + 2)[1:-1].round().astype(int)
    facts = []
    if lesion_DHW is None:
        framed, label = (depth.start + depth.stop) // 2, "mid-head: no lesion mask"
    else:
        framed, label = int(lesion_DHW.sum(axis=(1, 2)).argmax()), "largest lesion area"
        facts.append((f"lesion {lesion_DHW.sum() * ct.voxel_ml:.1f} mL", LESION_COLOUR))
    if ivh_DHW is None:
        facts.append((f"IVH {case.ivh_text}", TEXT_COLOUR))
    else:
        facts.append((f"IVH {case.ivh_text} ({ivh_DHW.sum() * ct.voxel_ml:.1f} mL)", IVH_COLOUR))
    return _Row(
        case_id=case.case_id,
        ct=ct,
        lesion_DHW=lesion_DHW,
        ivh_DHW=ivh_DHW,
        window=window,
        slices=[*(int(index) for index in spread), framed],
        facts=tuple(facts),
        framed=label,
    )


def _read_shown_mask(path: Path | None, ct: Volume) -> Mask | None:
    """A mask for display: all voxels that are not 0, of probabilities the likely ones; None where there is no file."""
    if path is None:
        return None
    mask = read_volume(path, as_mask=True)
    if mask.array_DHW.shape != ct.array_DHW.shape:
        raise BadInput(f"{path}: has shape {mask.array_DHW.shape}, its CT {ct.array_DHW.shape}; resample the mask")
    return np.asarray(np.rint(mask.array_DHW) != 0)


def _head_box(ct: Volume) -> tuple[slice, tuple[slice, slice]]:
    """Slices, rows and columns with tissue in at least 3% of a line; the whole volume where there is none."""
    head_DHW = ct.array_DHW.astype(np.float32) > HEAD_HU
    bounds = []
    for axis, spacing_mm in enumerate(ct.spacing_DHW_mm):
        others = tuple(other for other in range(3) if other != axis)
        margin = 0 if axis == 0 else round(MARGIN_MM / spacing_mm)
        bounds.append(span_of(head_DHW.mean(axis=others) > 0.03, margin))
    return bounds[0], (bounds[1], bounds[2])


def _draw(rows: list[_Row], png: Path) -> None:
    sizes_mm = [_panel_mm(row) for row in rows]
    panel_width_mm = max(width_mm for _, width_mm in sizes_mm)
    sheet_width_mm = GAP_MM + (panel_width_mm + GAP_MM) * (NUM_SPREAD_SLICES + 1)
    inches_per_mm = SHEET_WIDTH_INCHES / sheet_width_mm
    title_mm = TITLE_INCHES / inches_per_mm
    sheet_height_mm = GAP_MM + sum(height_mm + title_mm for height_mm, _ in sizes_mm)
    figure, axes = open_sheet((sheet_height_mm, sheet_width_mm), inches_per_mm, SHEET_DPI)
    top_mm = 0.0
    for row, (height_mm, _) in zip(rows, sizes_mm, strict=True):
        _draw_row(axes, row, top_mm, title_mm, panel_width_mm)
        top_mm += height_mm + title_mm
    save_sheet(figure, png)


def _panel_mm(row: _Row) -> tuple[float, float]:
    """Height and width of a case's slices."""
    _, height_mm, width_mm = row.ct.spacing_DHW_mm
    return (
        height_mm * (row.window[0].stop - row.window[0].start),
        width_mm * (row.window[1].stop - row.window[1].start),
    )


def _draw_row(axes: "Axes", row: _Row, top_mm: float, title_mm: float, panel_width_mm: float) -> None:
    """Title and slices of a case; the last slice is framed."""
    from matplotlib.patches import Rectangle

    height_mm, width_mm = _panel_mm(row)
    middle_mm = top_mm + title_mm * 0.55
    write_all(axes, (middle_mm, GAP_MM), [(row.case_id, TEXT_COLOUR), *row.facts], fontsize=9, family="monospace")
    upper_mm = top_mm + title_mm
    masks = [(row.lesion_DHW, LESION_COLOUR), (row.ivh_DHW, IVH_COLOUR)]
    for column, index in enumerate(row.slices):
        left_mm = GAP_MM + column * (panel_width_mm + GAP_MM)
        inset_mm = (panel_width_mm - width_mm) / 2
        outlines = [(mask[index][row.window], colour, 0.9) for mask, colour in masks if mask is not None]
        shown_HW = row.ct.array_DHW[index][row.window]
        draw_slice(axes, shown_HW, BRAIN_WINDOW_HU, (upper_mm, left_mm + inset_mm), (height_mm, width_mm), outlines)
        number = f"slice {index + 1} of {len(row.ct.array_DHW)}"
        write_on_image(axes, (upper_mm + 2.5, left_mm + 2.5), number, va="top")
        if column == 0:
            write_on_image(axes, (upper_mm + height_mm / 2, left_mm + inset_mm + 2.5), "R")
    frame = Rectangle((left_mm, upper_mm), panel_width_mm, height_mm, fill=False, edgecolor=FRAME_COLOUR, linewidth=1.4)
    axes.add_patch(frame)
    centre_mm = left_mm + panel_width_mm / 2
    write(axes, (middle_mm, centre_mm), row.framed, color=FRAME_COLOUR, fontsize=8, ha="center")
