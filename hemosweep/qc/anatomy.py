"""Head and brain on pixels of about one millimetre: enough to see where a mask lies, in a fraction of the time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask, Spacing
from hemosweep.data.nifti import Volume
from hemosweep.data.odd_slices import OddSlices, odd_slices
from hemosweep.preprocessing.brain import brain_mask
from hemosweep.preprocessing.head import head_mask
from hemosweep.preprocessing.no_head import no_head
from hemosweep.preprocessing.tilt import Straightening, straighten

MIN_PIXEL_MM = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class Anatomy:
    """Head and brain of one CT, its slices put straight, every `step`-th pixel of rows and columns kept.

    Both are empty where the CT shows no head; `fault` says what it shows instead. `slices` are its odd slices.
    """

    head_DHW: Mask
    brain_DHW: Mask
    hu_DHW: NDArray[np.float32]
    spacing_DHW_mm: Spacing
    fault: str | None
    slices: OddSlices
    step: int
    moved: Straightening | None

    @property
    def voxel_ml(self) -> float:
        return float(np.prod(self.spacing_DHW_mm)) / 1000.0

    def coarse(self, mask_DHW: Mask) -> Mask:
        """A mask of the CT's grid on the grid of `head_DHW`."""
        straight_DHW = mask_DHW if self.moved is None else self.moved.apply(mask_DHW, fill=False)
        return straight_DHW[:, :: self.step, :: self.step]


def find_anatomy(ct: Volume) -> Anatomy:
    """Find head and brain, or what there is instead (`no_head`).

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
    head_DHW = head_mask(hu_DHW, coarse_mm)
    brain_DHW = brain_mask(hu_DHW, coarse_mm, head_DHW)
    fault = no_head(hu_DHW, coarse_mm, head_DHW, brain_DHW)
    if fault is not None:
        head_DHW = brain_DHW = np.zeros_like(head_DHW)
    return Anatomy(
        head_DHW=head_DHW,
        brain_DHW=brain_DHW,
        hu_DHW=hu_DHW,
        spacing_DHW_mm=coarse_mm,
        fault=fault,
        slices=odd_slices(ct.array_DHW.astype(np.float32, copy=False), ct.spacing_DHW_mm),
        step=step,
        moved=moved,
    )
