"""Head and brain on pixels of about one millimetre: enough to see where a mask lies, in a fraction of the time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.data.nifti import Volume
from hemosweep.preprocessing.brain import brain_mask
from hemosweep.preprocessing.head import head_mask
from hemosweep.preprocessing.tilt import Straightening, straighten

MIN_PIXEL_MM = 0.9
MIN_HEAD_ML = 500.0
"""Smallest volume of a head: a newborn's brain alone is 350 mL."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Anatomy:
    """Head and brain of one CT, its slices put straight, every `step`-th pixel of rows and columns kept."""

    head_DHW: Mask
    brain_DHW: Mask
    hu_DHW: NDArray[np.float32]
    voxel_ml: float
    step: int
    moved: Straightening | None

    def coarse(self, mask_DHW: Mask) -> Mask:
        """A mask of the CT's grid on the grid of `head_DHW`."""
        straight_DHW = mask_DHW if self.moved is None else self.moved.apply(mask_DHW, fill=False)
        return straight_DHW[:, :: self.step, :: self.step]


def find_anatomy(ct: Volume) -> Anatomy:
    """Find head and brain; both are empty where there is no head with a brain in it.

    Args:
        ct: in HU, all finite.

    Raises:
        BadInput: its slices cannot be put straight.
    """
    straight, moved = straighten(ct)
    slice_mm, *pixel_mm = straight.spacing_DHW_mm
    step = max(1, round(MIN_PIXEL_MM / min(pixel_mm)))
    hu_DHW = np.ascontiguousarray(straight.array_DHW[:, ::step, ::step], dtype=np.float32)
    coarse_mm = (slice_mm, pixel_mm[0] * step, pixel_mm[1] * step)
    voxel_ml = float(np.prod(coarse_mm)) / 1000.0
    head_DHW = head_mask(hu_DHW, coarse_mm)
    brain_DHW = brain_mask(hu_DHW, coarse_mm, head_DHW)
    if np.count_nonzero(head_DHW) * voxel_ml < MIN_HEAD_ML or not brain_DHW.any():
        head_DHW = brain_DHW = np.zeros_like(head_DHW)
    return Anatomy(head_DHW=head_DHW, brain_DHW=brain_DHW, hu_DHW=hu_DHW, voxel_ml=voxel_ml, step=step, moved=moved)
