"""Findings about a brain mask: its measures, and in plain words those that somebody should look at."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hemosweep.arrays import FloatArray, Mask, Spacing, bounding_box
from hemosweep.data.hounsfield import CLOT_HU
from hemosweep.preprocessing.mask_symmetry import asymmetric_share

COARSE_MM = 2.0
"""Distance of the voxels on which pieces, holes and symmetry are looked for, whatever grid the mask has."""
MIN_PIECE_ML = 0.1
PLAUSIBLE_ML = (900.0, 1900.0)
"""Adults have 1,100 to 1,750 mL within the skull; the scan's voxels may be wrong, or the mask."""
MAX_BONE_SHARE = 0.02
MAX_ASYMMETRY = 0.065
"""Eight real heads have 0.03 to 0.05, phantoms with a bone flap removed 0.03."""
MAX_HOLES_ML, MAX_PIECES, MAX_LOOSE_ML = 5.0, 3, 5.0
MAX_HEAD_SHARE, MAX_VERTEX_SHARE = 0.4, 0.25
"""A 10 mm slice of a vertex has less than 0.25 of the head's largest area."""
MAX_BASE_SHARE = 0.35
"""A scan that begins in the posterior fossa has up to 0.25."""
MAX_SIDE_CM2 = 2.0
MAX_END_SHARE, MAX_ABOVE_MM = 0.25, 30.0
"""Above the brain of the vertex lie up to 20 mm of bone and scalp."""
MIN_LESION_KEPT = 0.995
LOOK_AT_IT = "look at the scan"


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskMeasures:
    """Measures of a brain mask.

    `bone_share` is the share above 95 HU, `asymmetry` the share without a counterpart on the other side. `holes_ml` is
    what the mask encloses, also between a part of it above and one below, bone left out. `num_pieces` counts
    connected pieces of at least 0.1 mL, `loose_ml` is what lies outside the largest. `vertex_share` and `base_share`
    are the areas of the mask in the scan's first and last slice over its largest; `head_share` is that of the head at
    the vertex. `side_cm2` is the area in which the mask meets the other four sides of the volume. `end_share` is the
    area of the mask's own last slice over its largest, `above_mm` how far the head goes on above it.
    """

    volume_ml: float
    bone_share: float
    asymmetry: float
    holes_ml: float
    num_pieces: int
    loose_ml: float
    vertex_share: float
    base_share: float
    head_share: float
    side_cm2: float
    end_share: float
    above_mm: float


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskFinding:
    """One thing about a brain mask, or the scan it is drawn on, that somebody should look at.

    `text` is the same for every case, so that cases with one finding share a line; `value` is this case's number, if
    there is one. `advice` is the way out, or empty.
    """

    kind: str
    text: str
    value: str = ""
    advice: str = LOOK_AT_IT

    @property
    def warning(self) -> str:
        """Finding without the number."""
        return "; ".join(filter(None, (self.text, self.advice)))

    @property
    def message(self) -> str:
        """Finding with the number."""
        text = f"{self.text} ({self.value})" if self.value else self.text
        return "; ".join(filter(None, (text, self.advice)))


def mask_findings(measures: MaskMeasures) -> tuple[MaskFinding, ...]:
    """Return what somebody should look at, in plain words."""
    return tuple(_findings(measures))


def _findings(measures: MaskMeasures) -> Iterator[MaskFinding]:
    if ends := list(_cut_ends(measures)):
        where, value = (" and ".join(words) for words in zip(*ends, strict=True))
        yield MaskFinding(kind="head-cut-off", text=f"the scan ends in the head, {where}", value=value)
    volume, (low_ml, high_ml) = f"{measures.volume_ml:,.0f} mL", PLAUSIBLE_ML
    if measures.volume_ml < low_ml and not ends:
        text = f"the brain mask is smaller than {low_ml:,.0f} mL: a part may be missing, unless this is a child"
        yield MaskFinding(kind="mask-volume", text=text, value=volume)
    if measures.volume_ml > high_ml:
        text = f"the brain mask is larger than {high_ml:,.0f} mL: it may hold more than the brain, or the voxel size is"
        yield MaskFinding(kind="mask-volume", text=f"{text} wrong", value=volume)
    if measures.bone_share > MAX_BONE_SHARE:
        text = f"more than {MAX_BONE_SHARE:.0%} of the brain mask is as dense as bone"
        yield MaskFinding(kind="mask-bone", text=text, value=f"{measures.bone_share:.1%} above {CLOT_HU:g} HU")
    if measures.asymmetry > MAX_ASYMMETRY:
        text = "the two sides of the brain mask differ: a part of one may be missing, unless the skull is open there"
        yield MaskFinding(kind="mask-asymmetry", text=text, value=f"{measures.asymmetry:.0%} have no counterpart")
    if measures.end_share > MAX_END_SHARE and measures.above_mm > MAX_ABOVE_MM:
        text = "the brain mask ends far below the top of the head: the upper part of the brain may be missing"
        value = f"its last slice is {measures.end_share:.0%} of the largest, the head goes on for "
        yield MaskFinding(kind="mask-top", text=text, value=f"{value}{measures.above_mm:.0f} mm")
    if measures.holes_ml > MAX_HOLES_ML:
        yield MaskFinding(kind="mask-holes", text="the brain mask has holes", value=f"{measures.holes_ml:.0f} mL")
    if measures.num_pieces > MAX_PIECES or measures.loose_ml > MAX_LOOSE_ML:
        value = f"{measures.num_pieces} pieces, {measures.loose_ml:.1f} mL outside the largest"
        yield MaskFinding(kind="mask-pieces", text="the brain mask is in several pieces", value=value)


def _cut_ends(measures: MaskMeasures) -> Iterator[tuple[str, str]]:
    """Places where the scan ends before the head does, with a number each."""
    if measures.head_share > MAX_HEAD_SHARE or measures.vertex_share > MAX_VERTEX_SHARE:
        share = max(measures.head_share, measures.vertex_share)
        yield "at the vertex", f"the last slice is {share:.0%} of the largest"
    if measures.base_share > MAX_BASE_SHARE:
        yield "at the base", f"the brain in the first slice is {measures.base_share:.0%} of the largest"
    if measures.side_cm2 > MAX_SIDE_CM2:
        yield "at a side", f"{measures.side_cm2:.0f} cm2 of the brain mask lie at the border"


def measure_mask(hu_DHW: FloatArray, spacing_DHW_mm: Spacing, head_DHW: Mask, brain_DHW: Mask) -> MaskMeasures:
    """Measure a non-empty brain mask. Pixels of 0.5 and of 2 mm give nearly the same measures.

    Args:
        hu_DHW: CT in HU, RAS+ array order.
        spacing_DHW_mm: voxel size.
        head_DHW: the head without its holder.
        brain_DHW: the brain mask.
    """
    slice_mm, height_mm, width_mm = spacing_DHW_mm
    area_D = np.count_nonzero(brain_DHW, axis=(1, 2))
    head_area_D = np.count_nonzero(head_DHW, axis=(1, 2))
    steps = [max(1, round(COARSE_MM / mm)) for mm in spacing_DHW_mm]
    some = tuple(slice(None, None, step) for step in steps)
    coarse_DHW = brain_DHW[some]
    coarse_mm = (slice_mm * steps[0], height_mm * steps[1], width_mm * steps[2])
    coarse_ml = float(np.prod(coarse_mm)) / 1000.0
    start_DHW, size_DHW = bounding_box(coarse_DHW)
    box = tuple(slice(start, start + size) for start, size in zip(start_DHW, size_DHW, strict=True))
    labels_DHW, _ = ndimage.label(coarse_DHW[box])
    pieces_ml = np.bincount(labels_DHW.ravel())[1:] * coarse_ml
    top_head = int(np.flatnonzero(head_area_D)[-1]) if head_area_D.any() else 0
    top_brain = int(np.flatnonzero(area_D)[-1])
    sides = np.count_nonzero(brain_DHW[:, [0, -1]]) * width_mm + np.count_nonzero(brain_DHW[:, :, [0, -1]]) * height_mm
    return MaskMeasures(
        volume_ml=float(area_D.sum()) * float(np.prod(spacing_DHW_mm)) / 1000.0,
        bone_share=float(np.mean(hu_DHW[brain_DHW] > CLOT_HU)),
        asymmetry=asymmetric_share(coarse_DHW, coarse_mm),
        holes_ml=float(np.count_nonzero(_holes(coarse_DHW[box], hu_DHW[some][box]))) * coarse_ml,
        num_pieces=int(np.count_nonzero(pieces_ml >= MIN_PIECE_ML)),
        loose_ml=float(pieces_ml.sum() - pieces_ml.max()),
        vertex_share=float(area_D[-1] / area_D.max()),
        base_share=float(area_D[0] / area_D.max()),
        head_share=float(head_area_D[top_head] / max(1, head_area_D.max())),
        side_cm2=float(sides * slice_mm / 100.0),
        end_share=float(area_D[top_brain] / area_D.max()),
        above_mm=max(0, top_head - top_brain) * slice_mm,
    )


def lesion_outside_share(lesion_DHW: Mask, brain_DHW: Mask) -> float:
    """Share of a lesion that lies outside the brain mask; 0 for an empty one."""
    num_lesion = np.count_nonzero(lesion_DHW)
    return float(np.count_nonzero(lesion_DHW & ~brain_DHW)) / num_lesion if num_lesion else 0.0


def lesion_finding(outside_share: float) -> MaskFinding | None:
    """Return the finding about a lesion of which more than 0.5% lies outside the brain mask."""
    if outside_share <= 1.0 - MIN_LESION_KEPT:
        return None
    text = f"more than {1.0 - MIN_LESION_KEPT:.1%} of the lesion lies outside the brain mask"
    return MaskFinding(kind="lesion-outside-brain", text=text, value=f"{outside_share:.1%}", advice="")


def _holes(mask_DHW: Mask, hu_DHW: FloatArray) -> Mask:
    """Gaps in the mask: enclosed on all sides, or between mask above and mask below without being bone."""
    above_DHW = np.flip(np.maximum.accumulate(np.flip(mask_DHW, 0), axis=0), 0)
    between_DHW = above_DHW & np.maximum.accumulate(mask_DHW, axis=0) & (hu_DHW <= CLOT_HU)
    holes: Mask = (ndimage.binary_fill_holes(mask_DHW) | between_DHW) & ~mask_DHW
    return holes
