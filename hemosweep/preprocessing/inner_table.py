"""The brain mask's border along the bone: from blocks to pixels, without bone and with the blood that lies on it."""

import numpy as np
from scipy import ndimage

from hemosweep.arrays import FloatArray, Mask
from hemosweep.data.hounsfield import BONE_HU, CLOT_HU
from hemosweep.preprocessing.head import enlarge, near, opened
from hemosweep.preprocessing.head_blocks import AIRY_HU, BLOCK_MM, HeadBlocks

BLOOD_FROM_HU = 55.0
"""Clots, and the large sinuses; gray matter stays below 45."""
CLOT_ML = 1.0
"""Less is noise, or the tentorium."""
CLEAR_OF_BONE_MM = 2.0
"""Nearer to bone, blur makes brain look like blood."""
BLOOD_REACH_MM = 5.0
"""Distance from a clot within which what lies on the bone is blood."""
BLOOD_ON_BONE_HU = 300.0
"""A block of three quarters of blood and one of bone reads about that."""
PARTIAL_MM = 6.0
"""Distance over which a slice of 5 mm smears the sloping vault and base in plane."""


def blood_on_bone(brain_DHW: Mask, scan: HeadBlocks) -> Mask:
    """Blocks near a clot, in plane or one slice on: those of the brain, and those of bone that hold more blood."""
    clots_DHW = _clots(brain_DHW, scan)
    if not clots_DHW.any():
        return clots_DHW
    near_DHW = np.stack([near(clots_HW, BLOOD_REACH_MM, scan.step_HW_mm) for clots_HW in clots_DHW])
    near_DHW = ndimage.maximum_filter1d(near_DHW, 3, axis=0)
    open_DHW = scan.bone_DHW & ~scan.airy_DHW & (scan.hu_DHW < min(BLOOD_ON_BONE_HU, scan.top_hu)) & near_DHW
    seed_DHW = brain_DHW & near_DHW
    structure = np.zeros((3, 3, 3), dtype=bool)
    structure[1] = ndimage.generate_binary_structure(2, 1)
    if scan.top_hu < BLOOD_ON_BONE_HU:  # voxels of blood and bone read as bone there: one block of them is blood
        open_DHW |= ndimage.binary_dilation(seed_DHW, structure) & scan.bone_DHW & near_DHW
    seed_DHW[1:] |= seed_DHW[:-1] & open_DHW[1:]
    seed_DHW[:-1] |= seed_DHW[1:] & open_DHW[:-1]
    num_steps = round(PARTIAL_MM / min(scan.step_HW_mm))
    blood_DHW: Mask = ndimage.binary_dilation(seed_DHW, structure, iterations=num_steps, mask=open_DHW | seed_DHW)
    return blood_DHW


def _clots(brain_DHW: Mask, scan: HeadBlocks) -> Mask:
    """Blood of at least `CLOT_ML` in one piece, as far as it is clear of bone."""
    clots_DHW = brain_DHW & (scan.hu_DHW >= BLOOD_FROM_HU)
    clear_mm = max(CLEAR_OF_BONE_MM, 1.2 * min(scan.step_HW_mm))  # also where a block is larger than that
    for clots_HW, bone_HW in zip(clots_DHW, scan.bone_DHW, strict=True):
        if clots_HW.any():
            clots_HW &= opened(~bone_HW, clear_mm, scan.step_HW_mm)
    labels_DHW, _ = ndimage.label(clots_DHW, np.ones((3, 3, 3)))
    is_large = np.bincount(labels_DHW.ravel()) * scan.block_ml >= CLOT_ML
    is_large[0] = False
    large_DHW: Mask = is_large[labels_DHW]
    return large_DHW


def to_pixels(mask_DHW: Mask, hu_DHW: FloatArray, brain_DHW: Mask, scan: HeadBlocks) -> None:
    """Fill `mask_DHW`, on the grid of `hu_DHW`: the blocks of the brain and those of bone beside them, less the pixels
    of bone, fat and air that reach out of them in their slice. Calcifications and air inside stay."""
    square = np.ones((3, 3), dtype=bool)
    shape_HW = mask_DHW.shape[1:]
    soft_below_hu = min(CLOT_HU, scan.top_hu)
    blood_DHW = blood_on_bone(brain_DHW, scan)
    is_fine = min(scan.step_HW_mm) <= scan.factor * BLOCK_MM  # else three pixels are wider than the border
    for index in np.flatnonzero(brain_DHW.any(axis=(1, 2))):
        wide_HW = brain_DHW[index] | (ndimage.binary_dilation(brain_DHW[index], square) & scan.bone_DHW[index])
        outside_HW = enlarge(~wide_HW, scan.factor, shape_HW).astype(bool)
        hard_HW = hu_DHW[index] >= soft_below_hu
        if is_fine:
            hard_HW &= _without_specks(hard_HW | outside_HW) | (hu_DHW[index] >= BONE_HU)
        labels_HW, num_pieces = ndimage.label(outside_HW | hard_HW | (hu_DHW[index] < AIRY_HU))
        reaches_out = np.zeros(num_pieces + 1, dtype=bool)
        reaches_out[labels_HW[outside_HW]] = True
        mask_DHW[index] = ~reaches_out[labels_HW] | enlarge(blood_DHW[index], scan.factor, shape_HW)


def _without_specks(mask_HW: Mask) -> Mask:
    """The median of each pixel and its eight neighbours: noise in a clot is no bone."""
    count_HW = ndimage.uniform_filter(mask_HW.astype(np.float32), 3)
    median_HW: Mask = count_HW > 0.5
    return median_HW
