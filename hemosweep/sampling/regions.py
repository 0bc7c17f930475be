"""The regions of a case that patch centres are drawn from (paper, Section 2.2.1)."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.preprocessing.grid import bounding_box

Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]


def lesion_border(lesion_DHW: Mask, spacing_DHW_mm: Spacing, half_width_mm: float) -> Mask:
    """Voxels off the lesion within a cube of `half_width_mm` around any lesion voxel, hence around its border."""
    size = [2 * round(half_width_mm / mm) + 1 for mm in spacing_DHW_mm]
    near_DHW: Mask = ndimage.maximum_filter(lesion_DHW, size=size, mode="constant", cval=False)
    return near_DHW & ~lesion_DHW


def brain_center(brain_DHW: Mask, spacing_DHW_mm: Spacing, half_width_mm: float) -> Mask:
    """Cube around the brain's centre: along each axis the middle between the first and last slice that shows brain."""
    starts, sizes = bounding_box(brain_DHW)
    cube_DHW = np.zeros_like(brain_DHW)
    extent = []
    for start, size, mm, length in zip(starts, sizes, spacing_DHW_mm, brain_DHW.shape, strict=True):
        middle, reach = start + (size - 1) // 2, round(half_width_mm / mm)
        extent.append(slice(max(0, middle - reach), min(length, middle + reach + 1)))
    cube_DHW[tuple(extent)] = True
    return cube_DHW


def negative_regions(
    names: tuple[str, ...],
    *,
    brain_DHW: Mask,
    lesion_DHW: Mask,
    spacing_DHW_mm: Spacing,
    border_half_width_mm: float,
    center_half_width_mm: float,
) -> dict[str, Mask]:
    """Masks of the named regions. None holds a lesion voxel, and all but `volume` lie inside the brain."""
    masks: dict[str, Mask] = {}
    for name in names:
        if name == "volume":
            masks[name] = ~lesion_DHW
        elif name == "brain":
            masks[name] = brain_DHW & ~lesion_DHW
        elif name == "lesion_border":
            masks[name] = brain_DHW & lesion_border(lesion_DHW, spacing_DHW_mm, border_half_width_mm)
        elif name == "brain_center":
            masks[name] = brain_DHW & ~lesion_DHW & brain_center(brain_DHW, spacing_DHW_mm, center_half_width_mm)
        else:
            raise KeyError(name)
    return masks
