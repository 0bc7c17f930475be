"""Two arms side by side on the cases that changed most between them: the paper's Figs. 5 and 7."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import Mask
from hemosweep.data.case import Case
from hemosweep.data.nifti import read_volume
from hemosweep.data.reading import RawCase, read_case, read_mask
from hemosweep.errors import BadInput
from hemosweep.foldrun.seal import sealed_prediction
from hemosweep.report.plots.arm_plots import DPI, STYLE, fit_title, save
from hemosweep.report.plots.paired_cases import shortened
from hemosweep.report.slices.panels import (
    LEGEND_INCHES,
    PREDICTION_COLOUR,
    REFERENCE_COLOUR,
    head_box,
    label,
    label_right,
    name_contours,
    outline,
    show_slice,
)
from hemosweep.report.slices.sheet import IVH_COLOUR

NUM_EACH_WAY = 2
PANEL_INCHES = 1.8
TITLE_PAD = 3.0
ROW_TITLE_INCHES, PANEL_LETTERS = 0.3, 30
"""Height of the two lines above a row, and letters of one line above a panel."""
ARROW_COLOUR = "#FFE100"
ARROW_MM = 22.0
MIN_ARROW_MM2 = 30.0
"""Smaller changes get no arrow: they are pixels of a contour."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairArm:
    """One arm of a pair: its name, its case table, and where its folds' predictions lie."""

    name: str
    cases: pd.DataFrame
    fold_folders: Mapping[int, Path]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One case under both arms: its DSC in each."""

    case_id: str
    dsc_a: float
    dsc_b: float

    @property
    def gain(self) -> float:
        return self.dsc_b - self.dsc_a


def largest_changes(cases_a: pd.DataFrame, cases_b: pd.DataFrame) -> list[Change]:
    """The largest gains from A to B, the largest first, then the largest losses, the largest first; two of each.

    A case counts if its DSC is defined in both case tables. There are fewer than two where fewer cases gained or lost.
    Ties go by case id.
    """
    scores_a, scores_b = (cases[["case_id", "dsc"]] for cases in (cases_a, cases_b))
    both = scores_a.merge(scores_b, on="case_id", suffixes=("_a", "_b")).dropna()
    columns = (both[name].tolist() for name in ("case_id", "dsc_a", "dsc_b"))
    changes = [Change(case_id=case_id, dsc_a=a, dsc_b=b) for case_id, a, b in zip(*columns, strict=True)]
    gains = sorted((change for change in changes if change.gain > 0), key=lambda case: (-case.gain, case.case_id))
    losses = sorted((change for change in changes if change.gain < 0), key=lambda case: (case.gain, case.case_id))
    return gains[:NUM_EACH_WAY] + losses[:NUM_EACH_WAY]


def draw_pair(
    a: PairArm,
    b: PairArm,
    raw_cases: Sequence[Case],
    path: Path,
    *,
    lesion_label: int | None = None,
    subject: str = "largest gains and losses",
    dpi: int = DPI,
) -> None:
    """Draw the cases of `largest_changes`, a row each: CT, the same under arm A, and under arm B.

    The slice is that where the two predictions differ most, on as much of the head as it shows. Reference white,
    prediction red, as in the paper's Fig. 8; intraventricular hemorrhage (IVH), which the paper's Fig. 7 points at,
    cyan where the case has a mask of it; a yellow arrow points at the largest area that the arms disagree on. The
    patient's right is at the picture's left.

    Args:
        raw_cases: where each case's CT and reference mask lie.
        path: file to write; its suffix is the format.
        lesion_label: the value of the reference masks that counts, where they hold several.
        subject: of the picture, in its title behind the names of the arms.
        dpi: pixels an inch.

    Raises:
        BadInput: no case has gained or lost, or a case's files cannot be read.
    """
    changes = largest_changes(a.cases, b.cases)
    if not changes:
        raise BadInput(f"{a.name} and {b.name}: no case has another DSC in the one than in the other; nothing to draw")
    by_id = {case.case_id: case for case in raw_cases}
    rows = [_Row.read(change, (a, b), by_id[change.case_id], lesion_label) for change in changes]
    heights = [PANEL_INCHES * row.height_over_width for row in rows]
    width_inches = 3 * PANEL_INCHES
    title, title_inches = fit_title(f"{a.name} to {b.name}: {subject}", width_inches)
    with mpl.rc_context(STYLE):
        height_inches = sum(heights) + ROW_TITLE_INCHES * len(rows) + 0.3 + title_inches + LEGEND_INCHES
        figure = Figure(figsize=(width_inches, height_inches))
        figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.015, h_pad=0.02, wspace=0.0, hspace=0.0))
        panels = figure.subplots(len(rows), 3, squeeze=False, height_ratios=heights)
        for row, axes in zip(rows, panels, strict=True):
            row.draw(axes)
        names = [("reference", REFERENCE_COLOUR), ("prediction", PREDICTION_COLOUR)]
        name_contours(figure, [*names, ("IVH", IVH_COLOUR)] if any(row.ivh_HW.any() for row in rows) else names)
        label_right(panels[0, 0])
        for axes, name in zip(panels[0, 1:], (a.name, b.name), strict=True):
            _entitle(axes, name, axes.get_title())
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
        save(figure, path, dpi=dpi)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """One case of a pair, cut down to its slice."""

    change: Change
    index: int
    num_slices: int
    image_HW: NDArray[Any]
    reference_HW: Mask
    ivh_HW: Mask
    ivh_fault: bool
    predictions_HW: tuple[Mask, Mask]
    spacing_HW_mm: tuple[float, float]

    @classmethod
    def read(cls, change: Change, arms: tuple[PairArm, PairArm], case: Case, lesion_label: int | None) -> "_Row":
        raw = read_case(case, lesion_label=lesion_label)
        reference_DHW = _reference(raw)
        first_DHW, second_DHW = (_prediction(arm, case.case_id) for arm in arms)
        ivh_DHW = _ivh(case, raw)
        index = most_different_slice(first_DHW, second_DHW)
        _, height_mm, width_mm = raw.ct.spacing_DHW_mm
        masks_SHW = np.stack([reference_DHW[index], first_DHW[index], second_DHW[index]])
        box = head_box(raw.ct.array_DHW[index][None], masks_SHW, (height_mm, width_mm))
        return cls(
            change=change,
            index=index,
            num_slices=len(reference_DHW),
            image_HW=raw.ct.array_DHW[index][box],
            reference_HW=masks_SHW[0][box],
            ivh_HW=masks_SHW[0][box] & False if ivh_DHW is None else ivh_DHW[index][box],
            ivh_fault=ivh_DHW is None,
            predictions_HW=(masks_SHW[1][box], masks_SHW[2][box]),
            spacing_HW_mm=(height_mm, width_mm),
        )

    @property
    def height_over_width(self) -> float:
        height_mm, width_mm = np.multiply(self.image_HW.shape, self.spacing_HW_mm)
        return float(height_mm / width_mm)

    def draw(self, panels: NDArray[Any]) -> None:
        for axes in panels:
            show_slice(axes, self.image_HW, self.spacing_HW_mm)
        place = f"slice {self.index + 1} of {self.num_slices}, DSC {self.change.gain:+.3f}"
        _entitle(panels[0], self.change.case_id, place)
        if self.ivh_fault:
            label(panels[0], 0.03, "IVH mask: not usable", IVH_COLOUR)
        outline(panels[0], self.ivh_HW, IVH_COLOUR)
        scores = (self.change.dsc_a, self.change.dsc_b)
        for axes, dsc, prediction_HW in zip(panels[1:], scores, self.predictions_HW, strict=True):
            outline(axes, self.ivh_HW, IVH_COLOUR)
            outline(axes, self.reference_HW, REFERENCE_COLOUR)
            outline(axes, prediction_HW, PREDICTION_COLOUR)
            _entitle(axes, f"DSC {dsc:.3f}")
            _arrow(axes, np.logical_xor(*self.predictions_HW), self.spacing_HW_mm)


def _entitle(axes: Axes, *lines: str) -> None:
    """Write the lines above a panel, each no longer than its neighbours leave room for."""
    axes.set_title("\n".join(shortened(line, PANEL_LETTERS) for line in lines), fontsize=7, pad=TITLE_PAD)


def most_different_slice(first_DHW: Mask, second_DHW: Mask) -> int:
    """The slice where two masks differ in most voxels, the lowest of several."""
    return int((first_DHW ^ second_DHW).sum(axis=(1, 2)).argmax())


def _reference(raw: RawCase) -> Mask:
    assert raw.lesion_DHW is not None, "scored cases have a reference"
    return np.asarray(raw.lesion_DHW != 0)


def _ivh(case: Case, raw: RawCase) -> Mask | None:
    """Mask of a case's intraventricular hemorrhage, empty where it has none; None for a file that cannot be used.

    No result rests on it, so that a fault of it costs no picture.
    """
    if case.ivh_path is None:
        return np.zeros(raw.ct.array_DHW.shape, dtype=bool)
    try:
        return read_mask(case, case.ivh_path, raw.ct)
    except BadInput:
        return None


def _prediction(arm: PairArm, case_id: str) -> Mask:
    (fold,) = arm.cases.loc[arm.cases["case_id"] == case_id, "fold"]
    return np.asarray(read_volume(sealed_prediction(arm.fold_folders[int(fold)], case_id)).array_DHW != 0)


def _arrow(axes: Axes, different_HW: Mask, spacing_HW_mm: tuple[float, float]) -> None:
    """Draw an arrow from outside the head to the largest area that differs, to its innermost pixel."""
    areas_HW, num_areas = ndimage.label(different_HW)
    if not num_areas:
        return
    sizes = np.bincount(areas_HW.ravel())[1:]
    if sizes.max() * np.prod(spacing_HW_mm) < MIN_ARROW_MM2:
        return
    depth_HW = ndimage.distance_transform_edt(areas_HW == 1 + sizes.argmax(), sampling=spacing_HW_mm)
    shape = np.array(different_HW.shape)
    tip = shape - 1 - np.unravel_index(int(depth_HW.argmax()), different_HW.shape)  # as displayed
    outwards_mm = (tip - (shape - 1) / 2) * spacing_HW_mm
    length_mm = float(np.linalg.norm(outwards_mm))
    direction = outwards_mm / length_mm if length_mm else np.array([0.0, 1.0])
    tail = tip + direction * ARROW_MM / spacing_HW_mm
    arrow = axes.annotate(
        "",
        xy=(tip[1], tip[0]),
        xytext=(tail[1], tail[0]),
        annotation_clip=False,
        arrowprops={
            "arrowstyle": "-|>",
            "color": ARROW_COLOUR,
            "linewidth": 1.0,
            "mutation_scale": 7,
            "shrinkA": 0.0,
            "shrinkB": 1.0,
            "path_effects": [withStroke(linewidth=2.0, foreground="black")],
        },
    )
    arrow.set_in_layout(False)
