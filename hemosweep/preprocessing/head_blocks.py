"""The head on blocks of about a millimetre, each sorted into bone, soft tissue and the rest."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hemosweep.arrays import FloatArray, Mask, Spacing
from hemosweep.data.hounsfield import BONE_HU
from hemosweep.preprocessing.head import block_mean, blocks, shrink_factor

BLOCK_MM = 1.0
SATURATED_SHARE = 0.97
"""In a windowed export bone reads the maximum, give or take the rounding of the conversion."""
BONE_MEAN_HU = 120.0
"""Mean of a block from which it is bone, or bone and something else: the densest clot stays below, noise and all."""
TISSUE_FROM_HU = -10.0
"""Smoothed brain, blood and CSF (0 to 15) lie above; fat of orbit and neck (-120 to -60) and air lie below."""
CLEAR_OF_FLOOR_HU = 2.0
"""Margin by which tissue must clear a window's floor: air and fat read the floor, and CSF may."""
AIRY_HU = -50.0
"""Less, in a single pixel, is fat or air and no noise. A window with a higher floor hides both."""
SMOOTH_MM = 0.8


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadBlocks:
    """Blocks of `factor` by `factor` pixels: mean HU and, as masks, `bone_DHW`, `tissue_DHW` (what may be brain),
    `airy_DHW` (a pixel of it is fat or air) and `floor_DHW`: what reads the floor of a window that hides fat and air,
    None in other scans. Bone reads `top_hu` at least. `step_HW_mm` is the size of a block, `slice_mm` the slice step.
    """

    hu_DHW: FloatArray
    bone_DHW: Mask
    tissue_DHW: Mask
    airy_DHW: Mask
    floor_DHW: Mask | None
    top_hu: float
    factor: int
    slice_mm: float
    step_HW_mm: tuple[float, float]

    @property
    def block_ml(self) -> float:
        return self.step_HW_mm[0] * self.step_HW_mm[1] * self.slice_mm / 1000.0


def head_blocks(
    hu_DHW: FloatArray, head_DHW: Mask, spacing_DHW_mm: Spacing, range_hu: tuple[float, float]
) -> HeadBlocks:
    """Sort the blocks of a head. A block is bone where one of its pixels is, so that thin walls stay closed.

    Args:
        hu_DHW: CT in HU, or the part of it with the head.
        head_DHW: the head without its holder.
        spacing_DHW_mm: voxel size.
        range_hu: lowest and highest value of the whole CT.
    """
    factor = shrink_factor(spacing_DHW_mm, BLOCK_MM)
    top_hu, floor_hu = SATURATED_SHARE * range_hu[1], range_hu[0] + CLEAR_OF_FLOOR_HU
    mean_DHW = block_mean(hu_DHW, factor)
    bone_DHW = mean_DHW >= BONE_MEAN_HU
    airy_DHW = np.zeros(mean_DHW.shape, dtype=bool)
    for part_DHW in blocks(hu_DHW, factor):
        bone_DHW |= part_DHW >= min(BONE_HU, top_hu)
        airy_DHW |= part_DHW < max(AIRY_HU, floor_hu)
    inside_DHW = block_mean(head_DHW.astype(np.float32), factor) > 0.5
    slice_mm, *pixel_mm = spacing_DHW_mm
    step_HW_mm = (pixel_mm[0] * factor, pixel_mm[1] * factor)
    sigma = (0.0, *(SMOOTH_MM / step for step in step_HW_mm))
    hides_fat = floor_hu > AIRY_HU
    tissue_DHW = ndimage.gaussian_filter(mean_DHW, sigma, truncate=2.0) > (floor_hu if hides_fat else TISSUE_FROM_HU)
    tissue_DHW &= inside_DHW & ~bone_DHW
    return HeadBlocks(
        hu_DHW=mean_DHW,
        bone_DHW=bone_DHW & inside_DHW,
        tissue_DHW=tissue_DHW,
        airy_DHW=airy_DHW,
        floor_DHW=(inside_DHW & ~bone_DHW & ~tissue_DHW) if hides_fat else None,
        top_hu=top_hu,
        factor=factor,
        slice_mm=slice_mm,
        step_HW_mm=step_HW_mm,
    )
