"""Removal of the skull by morphology (paper, Section 2.1.2): the mask of the intracranial space, without bone."""

from itertools import pairwise

import numpy as np
from scipy import ndimage

from hemosweep.arrays import FloatArray, Mask, Spacing
from hemosweep.preprocessing.calvarium import calvarium_mask
from hemosweep.preprocessing.head import head_mask, largest_component, near, opened
from hemosweep.preprocessing.head_blocks import HeadBlocks, head_blocks
from hemosweep.preprocessing.inner_table import to_pixels

NUM_STARTS = 8
"""Slices tried as the widest one."""
OPENING_MM = 3.0
"""Half-width of the bridges (nerves, vessels, sutures, open skull base) between brain and the rest that are cut."""
REGROW_MM = 1.5 * OPENING_MM
MIN_OVERLAP, OVERLAP_MM = 0.5, 5.0
"""Share of a piece that must lie over (or under) the brain of the slice before, and of the one `OVERLAP_MM` before.
Recesses of the skull shrink on their way down; orbit, face and temporal muscles meet the brain at an edge only."""
FORAMEN_SHARE = 0.07
"""An adult's foramen magnum measures about 35 by 30 mm, 8 cm2, or 6% of the widest slice's 140 cm2, and the spinal
canal below it less: where less brain than this share of the widest slice is left, the way down ends."""
PIECE_SHARE = 0.01
"""A smaller piece on the way down (1.5 cm2) is a foramen or the last of a recess; below it lies no brain."""
WHOLE_SHARES, WHOLE_SLICES = (0.6, 2.5), 5
"""A slice with less or more bone or tissue than these shares of the median about it is damaged, and left out: up to two
slices in a row. Areas that only rise or fall are their own median."""
VERTEX_SHARE = 0.2
"""Smaller areas, of the vertex, vary from slice to slice."""
MIN_SOFT = 0.6
"""Share of the border of a dark piece that must be brain: that of sulci and cisterns is, that of sinuses is bone."""
RIM_MM = 1.5
"""Half-width of the rim between a sinus and its bone that blur makes look like tissue."""


def brain_mask(hu_DHW: FloatArray, spacing_DHW_mm: Spacing, head_DHW: Mask | None = None) -> Mask:
    """Mask of everything inside the skull: brain, blood, ventricles, cisterns and sulci, down to the foramen magnum.

    The slice with most brain is found first. From there the brain is followed upwards and downwards, slice by slice:
    the region that bone encloses (a smooth outline bridges craniotomies) is opened, and the pieces that lie over the
    brain of the slices before are kept and grown back. The way down ends at the foramen magnum. Holes are filled, and
    the border is drawn pixel by pixel: a pixel that bone brightens stays outside, but for blood that lies on the bone.
    An empty mask means that no skull was found.

    Args:
        hu_DHW: CT in HU, RAS+ array order.
        spacing_DHW_mm: voxel size.
        head_DHW: the head without its holder (`head_mask`); made here where it is not given.
    """
    if head_DHW is None:
        head_DHW = head_mask(hu_DHW, spacing_DHW_mm)
    mask_DHW = np.zeros(hu_DHW.shape, dtype=bool)
    if not head_DHW.any():
        return mask_DHW
    box = tuple(_span(head_DHW.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    range_hu = float(hu_DHW.min()), float(hu_DHW.max())
    scan = head_blocks(hu_DHW[box], head_DHW[box], spacing_DHW_mm, range_hu)
    brain_DHW = _follow(scan)
    _fill_holes(brain_DHW)
    if scan.floor_DHW is not None:
        for brain_HW, floor_HW in zip(brain_DHW, scan.floor_DHW, strict=True):
            brain_HW |= _surrounded(floor_HW & ~brain_HW, brain_HW)
    to_pixels(mask_DHW[box], hu_DHW[box], brain_DHW, scan)
    return mask_DHW


def _span(occupied: Mask | np.bool_) -> slice:
    places = np.flatnonzero(occupied)
    return slice(int(places[0]), int(places[-1]) + 1)


def _follow(scan: HeadBlocks) -> Mask:
    """The brain, followed from its widest slice to both ends of the scan."""
    brain_DHW = np.zeros(scan.bone_DHW.shape, dtype=bool)
    is_whole_D = _is_whole(scan)
    start, core_HW = _widest_slice(scan, is_whole_D)
    if not core_HW.any():
        return brain_DHW
    brain_DHW[start] = _in_slice(scan, start, core_HW, upwards=True)
    widest = np.count_nonzero(brain_DHW[start])
    if not widest:
        return brain_DHW
    num_earlier = max(1, round(OVERLAP_MM / scan.slice_mm))
    whole = np.flatnonzero(is_whole_D)
    upwards, downwards = whole[whole >= start], whole[whole <= start][::-1]
    for place, (before, index) in enumerate(pairwise(upwards), start=1):
        earlier = upwards[max(0, place - num_earlier)]
        brain_DHW[index] = _in_slice(scan, index, brain_DHW[before], brain_DHW[earlier], upwards=True)
        if not brain_DHW[index].any():
            break
    for place, (before, index) in enumerate(pairwise(downwards), start=1):
        earlier = downwards[max(0, place - num_earlier)]
        brain_HW = _in_slice(scan, index, brain_DHW[before], brain_DHW[earlier], upwards=False)
        brain_HW = _large_pieces(brain_HW, PIECE_SHARE * widest)
        if np.count_nonzero(brain_HW) < FORAMEN_SHARE * widest:
            break
        brain_DHW[index] = brain_HW
    return brain_DHW


def _is_whole(scan: HeadBlocks) -> Mask:
    """Slices that are like those around them: not blank, cut, noise or of other HU, which bone or tissue would show."""
    is_whole_D = np.ones(len(scan.bone_DHW), dtype=bool)
    for part_DHW in (scan.bone_DHW, scan.tissue_DHW):
        area_D = np.count_nonzero(part_DHW, axis=(1, 2))
        usual_D = ndimage.median_filter(area_D, WHOLE_SLICES, mode="nearest")
        is_usual_D = (area_D >= WHOLE_SHARES[0] * usual_D) & (area_D <= WHOLE_SHARES[1] * usual_D)
        is_whole_D &= is_usual_D | (usual_D < VERTEX_SHARE * area_D.max())
    return is_whole_D


def _widest_slice(scan: HeadBlocks, is_whole_D: Mask) -> tuple[int, Mask]:
    """The slice with the largest piece of tissue that bone encloses, and that piece, opened."""
    met_DHW = np.zeros(scan.bone_DHW.shape, dtype=np.int8)
    for axis in (1, 2):
        met_DHW += np.maximum.accumulate(scan.bone_DHW, axis=axis)
        met_DHW += np.flip(np.maximum.accumulate(np.flip(scan.bone_DHW, axis), axis=axis), axis)
    enclosed_DHW = scan.tissue_DHW & (met_DHW >= 3)
    by_area = np.argsort(-enclosed_DHW.sum(axis=(1, 2)) * is_whole_D, kind="stable")[:NUM_STARTS]
    cores = {int(k): largest_component(opened(enclosed_DHW[k], OPENING_MM, scan.step_HW_mm)) for k in by_area}
    start = max(cores, key=lambda k: (int(cores[k].sum()), k))
    return start, cores[start]


def _in_slice(scan: HeadBlocks, index: int, before_HW: Mask, earlier_HW: Mask | None = None, *, upwards: bool) -> Mask:
    """The brain in a slice, given that of the slice before and of an earlier one; empty where too little bone surrounds
    it. Without an earlier slice every piece is kept that touches `before_HW`, however little of it."""
    calvarium_HW = calvarium_mask(scan.bone_DHW[index], before_HW, scan.step_HW_mm)
    tissue_HW = scan.tissue_DHW[index] & calvarium_HW
    if scan.floor_DHW is not None and upwards:  # wide sulci leave little of the convexity; further down lie the orbits
        thick_HW = near(opened(tissue_HW, RIM_MM, scan.step_HW_mm), RIM_MM, scan.step_HW_mm) & tissue_HW
        tissue_HW |= _surrounded(scan.floor_DHW[index] & calvarium_HW, thick_HW)
    core_HW = opened(tissue_HW, OPENING_MM, scan.step_HW_mm)
    labels_HW, num_pieces = ndimage.label(core_HW)
    if num_pieces == 0:
        return core_HW
    areas = np.bincount(labels_HW.ravel())

    def meets(brain_HW: Mask, min_share: float) -> Mask:
        met: Mask = np.bincount(labels_HW[brain_HW], minlength=areas.size) >= np.maximum(min_share * areas, 1)
        return met

    if earlier_HW is None:
        keep = meets(before_HW, 0.0)
    else:
        keep = meets(before_HW, MIN_OVERLAP) & meets(earlier_HW, MIN_OVERLAP)
    keep[0] = False
    kept_HW: Mask = keep[labels_HW]
    grown_HW = near(kept_HW, REGROW_MM, scan.step_HW_mm) & tissue_HW
    brain_HW: Mask = ndimage.binary_propagation(kept_HW, mask=grown_HW)  # not across thin bone
    return brain_HW


def _large_pieces(mask_HW: Mask, min_blocks: float) -> Mask:
    labels_HW, _ = ndimage.label(mask_HW)
    keep = np.bincount(labels_HW.ravel()) >= min_blocks
    keep[0] = False
    large_HW: Mask = keep[labels_HW]
    return large_HW


def _surrounded(dark_HW: Mask, soft_HW: Mask) -> Mask:
    """Pieces of `dark_HW` whose border is `soft_HW` for the most part (`MIN_SOFT`)."""
    labels_HW, num_pieces = ndimage.label(dark_HW)
    around, soft = np.zeros((2, num_pieces + 1), dtype=np.intp)
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        beside_HW = np.where(dark_HW, 0, np.roll(labels_HW, step, axis=axis))
        around += np.bincount(beside_HW.ravel(), minlength=num_pieces + 1)
        soft += np.bincount(beside_HW[soft_HW], minlength=num_pieces + 1)
    keep = (soft > 0) & (soft >= MIN_SOFT * around)
    keep[0] = False
    kept_HW: Mask = keep[labels_HW]
    return kept_HW


def _fill_holes(brain_DHW: Mask) -> None:
    """Fill calcifications, clots and trapped air in place, but not the sella and clinoids, which rise from the base.

    A hole stays where at least half of it stands on what is not brain in the slice below.
    """
    below_HW = np.zeros(brain_DHW.shape[1:], dtype=bool)
    for plane_HW in brain_DHW:
        labels_HW, num_holes = ndimage.label(ndimage.binary_fill_holes(plane_HW) & ~plane_HW)
        if num_holes and below_HW.any():
            areas = np.bincount(labels_HW.ravel())
            standing = np.bincount(labels_HW[~below_HW], minlength=areas.size) >= 0.5 * areas
            labels_HW[standing[labels_HW]] = 0
        plane_HW |= labels_HW > 0
        below_HW = plane_HW
