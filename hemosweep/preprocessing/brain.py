"""Removal of the skull by morphology (paper, Section 2.1.2): the mask of the intracranial space."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from hemosweep.arrays import FloatArray, Mask, Spacing
from hemosweep.data.hounsfield import BONE_HU
from hemosweep.preprocessing.calvarium import calvarium_mask
from hemosweep.preprocessing.head import (
    block_mean,
    blocks,
    enlarge,
    head_mask,
    largest_component,
    near,
    opened,
    shrink_factor,
)

SATURATED_SHARE = 0.97
"""In a windowed export bone reads the maximum, give or take the rounding of the conversion."""
WORK_MM = 1.0
"""Pixels are joined to blocks of about this size for everything but the last step, the border."""
BRAIN_TISSUE_FROM_HU = -10.0
"""Smoothed brain, blood and CSF (0 to 15) lie above; fat of orbit and neck (-120 to -60) and air lie below."""
CLEAR_OF_FLOOR_HU = 2.0
"""Margin by which tissue must clear a window's floor above that: air and fat read the floor."""
AIRY_HU = -50.0
"""Less, in a single pixel, is fat or air and no noise."""
SMOOTH_MM = 0.8
NUM_STARTS = 8
"""Slices tried as the widest one."""
BRAIN_OPENING_MM = 3.0
"""Half-width of the bridges (nerves, vessels, sutures, open skull base) between brain and the rest that are cut."""
BRAIN_REGROW_MM = 1.5 * BRAIN_OPENING_MM
MIN_OVERLAP = 0.5
"""Share of a piece that must lie over (or under) the brain of the slice before. Recesses of the skull shrink on their
way down; orbit, face and temporal muscles meet the brain at an edge only."""
FORAMEN_CM2 = 9.0
"""An adult's foramen magnum measures about 35 by 30 mm, 8 cm2, and the spinal canal below it less."""
DENSE_BLOOD_HU, MIN_BORDER_HU, MAX_BORDER_HU = 70.0, 300.0, 1000.0
BORDER_SHARE = 0.55
"""The inner table lies half-way in HU between what is inside (blood, at the most) and the bone; a little more than
half, because partial volume makes the densest block too soft, and no blood along the skull may be cut away."""
WINDOWED_MM = 1.1
"""Blurred by the scanner, compact bone passes the top of a soft-tissue window about so far inside its true border."""
BONE_REACH_MM = 4.0
PARTIAL_MM = 6.0
"""Distance over which a slice of 5 mm smears the sloping vault and base in plane."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Blocks:
    """The head on blocks of about `WORK_MM`: mean HU; bone; what has fat or air in it; what may be brain; the size of a
    block."""

    hu_DHW: FloatArray
    bone_DHW: Mask
    airy_DHW: Mask
    tissue_DHW: Mask
    step_HW_mm: tuple[float, float]

    @property
    def block_cm2(self) -> float:
        return self.step_HW_mm[0] * self.step_HW_mm[1] / 100.0


def brain_mask(hu_DHW: FloatArray, spacing_DHW_mm: Spacing, head_DHW: Mask | None = None) -> Mask:
    """Mask of everything inside the skull: brain, blood, ventricles, cisterns and sulci, down to the foramen magnum.

    The slice with most brain is found first. From there the brain is followed upwards and downwards, slice by slice:
    the region that bone encloses (a smooth outline bridges craniotomies) is opened, and the pieces that lie over the
    brain of the slice before are kept and grown back. The spinal canal is dropped, holes are filled, and the border is
    moved to where the HU is half-way between brain and bone. An empty mask means that no skull was found.

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
    factor = shrink_factor(spacing_DHW_mm, WORK_MM)
    top_hu = SATURATED_SHARE * float(hu_DHW.max())
    floor_hu = float(hu_DHW.min()) + CLEAR_OF_FLOOR_HU
    scan = _to_blocks(hu_DHW[box], head_DHW[box], spacing_DHW_mm, factor, min(BONE_HU, top_hu), floor_hu)
    brain_DHW = _follow(scan)
    _drop_spinal_canal(brain_DHW, scan)
    _fill_holes(brain_DHW)
    skull_DHW = scan.bone_DHW & ~brain_DHW
    border_DHW = _border_hu(scan, top_hu)
    is_windowed = top_hu < MIN_BORDER_HU  # then a partly filled voxel cannot be told from bone
    if not is_windowed:
        brain_DHW = _partly_bone(brain_DHW, scan, border_DHW)
    _to_pixels(mask_DHW[box], hu_DHW[box], brain_DHW, skull_DHW, border_DHW, factor)
    if is_windowed:
        _grow_into_bone(mask_DHW[box], hu_DHW[box] >= top_hu, spacing_DHW_mm)
    return mask_DHW


def _span(occupied: Mask | np.bool_) -> slice:
    places = np.flatnonzero(occupied)
    return slice(int(places[0]), int(places[-1]) + 1)


def _to_blocks(
    hu_DHW: FloatArray, head_DHW: Mask, spacing_DHW_mm: Spacing, factor: int, bone_hu: float, floor_hu: float
) -> _Blocks:
    """A block is bone where one of its pixels is, so that thin walls stay closed."""
    mean_DHW = block_mean(hu_DHW, factor)
    bone_DHW = np.zeros(mean_DHW.shape, dtype=bool)
    airy_DHW = bone_DHW.copy()
    for part in blocks(hu_DHW, factor):
        bone_DHW |= part >= bone_hu
        airy_DHW |= part < max(AIRY_HU, floor_hu)
    inside_DHW = block_mean(head_DHW.astype(np.float32), factor) > 0.5
    step_HW_mm = (spacing_DHW_mm[1] * factor, spacing_DHW_mm[2] * factor)
    sigma = (0.0, *(SMOOTH_MM / step for step in step_HW_mm))
    tissue_DHW = ndimage.gaussian_filter(mean_DHW, sigma, truncate=2.0) > max(BRAIN_TISSUE_FROM_HU, floor_hu)
    return _Blocks(
        hu_DHW=mean_DHW,
        bone_DHW=bone_DHW & inside_DHW,
        airy_DHW=airy_DHW,
        tissue_DHW=tissue_DHW & ~bone_DHW & inside_DHW,
        step_HW_mm=step_HW_mm,
    )


def _follow(scan: _Blocks) -> Mask:
    """The brain, followed from its widest slice to both ends of the scan."""
    brain_DHW = np.zeros(scan.bone_DHW.shape, dtype=bool)
    start, core_HW = _widest_slice(scan)
    if not core_HW.any():
        return brain_DHW
    brain_DHW[start] = _in_slice(scan, start, core_HW, anything=True)
    for route in (range(start, len(brain_DHW)), range(start, -1, -1)):
        for before, index in pairwise(route):
            if not brain_DHW[before].any():
                break
            brain_DHW[index] = _in_slice(scan, index, brain_DHW[before])
    return brain_DHW


def _widest_slice(scan: _Blocks) -> tuple[int, Mask]:
    """The slice with the largest piece of tissue that bone encloses, and that piece, opened."""
    met_DHW = np.zeros(scan.bone_DHW.shape, dtype=np.int8)
    for axis in (1, 2):
        met_DHW += np.maximum.accumulate(scan.bone_DHW, axis=axis)
        met_DHW += np.flip(np.maximum.accumulate(np.flip(scan.bone_DHW, axis), axis=axis), axis)
    enclosed_DHW = scan.tissue_DHW & (met_DHW >= 3)
    by_area = np.argsort(-enclosed_DHW.sum(axis=(1, 2)), kind="stable")[:NUM_STARTS]
    cores = {int(k): largest_component(opened(enclosed_DHW[k], BRAIN_OPENING_MM, scan.step_HW_mm)) for k in by_area}
    start = max(cores, key=lambda k: (int(cores[k].sum()), k))
    return start, cores[start]


def _in_slice(scan: _Blocks, index: int, before_HW: Mask, *, anything: bool = False) -> Mask:
    """The brain in a slice, given that of the slice before; empty where too little bone surrounds it.

    `anything` keeps every piece that touches `before_HW`, however little of it.
    """
    calvarium_HW = calvarium_mask(scan.bone_DHW[index], before_HW, scan.step_HW_mm)
    tissue_HW = scan.tissue_DHW[index] & calvarium_HW
    core_HW = opened(tissue_HW, BRAIN_OPENING_MM, scan.step_HW_mm)
    labels_HW, num_pieces = ndimage.label(core_HW)
    if num_pieces == 0:
        return core_HW
    areas = np.bincount(labels_HW.ravel())
    over = np.bincount(labels_HW[before_HW], minlength=areas.size)
    keep = over > 0 if anything else over >= MIN_OVERLAP * areas
    keep[0] = False
    kept_HW: Mask = keep[labels_HW]
    grown_HW = near(kept_HW, BRAIN_REGROW_MM, scan.step_HW_mm) & tissue_HW
    brain_HW: Mask = ndimage.binary_propagation(kept_HW, mask=grown_HW)  # not across thin bone
    return brain_HW


def _drop_spinal_canal(brain_DHW: Mask, scan: _Blocks) -> None:
    """Empty the lowest slices in place, up to the first with more than a foramen magnum in it."""
    areas_cm2 = brain_DHW.sum(axis=(1, 2)) * scan.block_cm2
    brain_DHW[: int(np.argmax(areas_cm2 >= FORAMEN_CM2))] = False


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


def _border_hu(scan: _Blocks, top_hu: float) -> FloatArray:
    """For each block the HU that parts brain from bone: a share of the way to the densest bone around it, but in
    windowed exports no more than `top_hu`, where bone begins."""
    size = [3, *(2 * round(BONE_REACH_MM / step) + 1 for step in scan.step_HW_mm)]
    densest_DHW: FloatArray = ndimage.maximum_filter(scan.hu_DHW, size)
    border_DHW: FloatArray = np.float32(DENSE_BLOOD_HU) + np.float32(BORDER_SHARE) * (
        densest_DHW - np.float32(DENSE_BLOOD_HU)
    )
    np.clip(border_DHW, min(MIN_BORDER_HU, top_hu), min(MAX_BORDER_HU, top_hu), out=border_DHW)
    return border_DHW


def _partly_bone(brain_DHW: Mask, scan: _Blocks, border_DHW: FloatArray) -> Mask:
    """Blocks next to the brain, in plane or one slice on, that hold less bone than brain: sloping vault and base."""
    open_DHW = scan.bone_DHW & ~scan.airy_DHW & (scan.hu_DHW < border_DHW)
    seed_DHW = brain_DHW.copy()
    seed_DHW[1:] |= brain_DHW[:-1] & open_DHW[1:]
    seed_DHW[:-1] |= brain_DHW[1:] & open_DHW[:-1]
    structure = np.zeros((3, 3, 3), dtype=bool)
    structure[1] = ndimage.generate_binary_structure(2, 1)
    num_steps = round(PARTIAL_MM / min(scan.step_HW_mm))
    grown: Mask = ndimage.binary_dilation(seed_DHW, structure, iterations=num_steps, mask=open_DHW | brain_DHW)
    return grown


def _to_pixels(
    mask_DHW: Mask, hu_DHW: FloatArray, brain_DHW: Mask, skull_DHW: Mask, border_DHW: FloatArray, factor: int
) -> None:
    """Fill `mask_DHW`: where brain meets skull, to a block's width on either side, each pixel's own HU decides."""
    square = np.ones((3, 3), dtype=bool)
    shape_HW = mask_DHW.shape[1:]
    for index in np.flatnonzero(brain_DHW.any(axis=(1, 2))):
        brain_HW, skull_HW = brain_DHW[index], skull_DHW[index]
        doubtful_HW = ndimage.binary_dilation(brain_HW, square) & skull_HW
        doubtful_HW |= ndimage.binary_dilation(skull_HW, square) & brain_HW
        is_soft_HW = (hu_DHW[index] < enlarge(border_DHW[index], factor, shape_HW)) & (hu_DHW[index] >= AIRY_HU)
        mask_DHW[index] = np.where(
            enlarge(doubtful_HW, factor, shape_HW), is_soft_HW, enlarge(brain_HW, factor, shape_HW)
        )


def _grow_into_bone(mask_DHW: Mask, bone_DHW: Mask, spacing_DHW_mm: Spacing) -> None:
    """Move the border of `mask_DHW` in place by `WINDOWED_MM`, to whole pixels, where it meets bone."""
    num_steps = int(WINDOWED_MM / min(spacing_DHW_mm[1:]) + 0.5)
    for index in np.flatnonzero(mask_DHW.any(axis=(1, 2))) if num_steps else ():
        open_HW = mask_DHW[index] | bone_DHW[index]
        mask_DHW[index] = ndimage.binary_dilation(mask_DHW[index], iterations=num_steps, mask=open_HW)
