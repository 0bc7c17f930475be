"""The head without the holder it lies on (paper, Section 2.1.2), and the in-plane steps shared with the brain mask."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import FloatArray, Mask, Spacing
from hemosweep.data.hounsfield import is_saturated

HEAD_TISSUE_FROM_HU = -200.0
"""Between fat (-120) and the foam of holders and cushions (-950 to -700)."""
FLOOR_MARGIN_HU = 8.0
"""Windowed exports clip air and fat to one value; tissue is what lies clear of it by more than the noise."""
MAX_FLOOR_HU = 25.0
"""A window's floor lies below brain; a higher minimum is that of a picture without air."""
HEAD_WORK_MM = 2.0
HEAD_OPENING_MM = 5.0
"""Half-width of the parts that are cut off the head: shells and plates of holders are less than 10 mm thick."""
HEAD_REGROW_MM = 7.5
"""Distance that skin, ears and nose, which the opening cuts off too, may have from what it leaves: 1.5 half-widths."""

BRIDGED_SLICES = 2
"""Blank slices in a row that part no head from its other half."""


def shrink_factor(spacing_DHW_mm: Spacing, step_mm: float) -> int:
    """Number of pixels that make up about `step_mm`; at least one."""
    return max(1, round(step_mm / min(spacing_DHW_mm[1:])))


def blocks(image_DHW: FloatArray, factor: int) -> list[FloatArray]:
    """The image's pixels as `factor` squared images, one for each place in a block; short blocks repeat the edge."""
    missing = [(-size) % factor for size in image_DHW.shape[1:]]
    if any(missing):
        image_DHW = np.pad(image_DHW, ((0, 0), (0, missing[0]), (0, missing[1])), mode="edge")
    return [image_DHW[:, row::factor, column::factor] for row in range(factor) for column in range(factor)]


def block_mean(image_DHW: FloatArray, factor: int) -> FloatArray:
    """Mean of each block of `factor` by `factor` pixels of a slice."""
    parts = blocks(image_DHW, factor)
    total = parts[0].astype(np.float32)
    for part in parts[1:]:
        total += part
    total /= np.float32(len(parts))
    return total


def enlarge(coarse_HW: NDArray[np.generic], factor: int, shape_HW: tuple[int, int]) -> NDArray[np.generic]:
    """A slice back on the grid that its blocks were made of."""
    return coarse_HW.repeat(factor, axis=0).repeat(factor, axis=1)[: shape_HW[0], : shape_HW[1]]


def largest_component(mask_DHW: Mask) -> Mask:
    """The largest piece connected through faces; empty for an empty mask."""
    labels, num_labels = ndimage.label(mask_DHW)
    if num_labels == 0:
        return mask_DHW
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest: Mask = labels == sizes.argmax()
    return largest


def distance_mm(mask_HW: Mask, spacing_HW_mm: tuple[float, float]) -> FloatArray:
    """Distance of each pixel of the mask to the nearest one outside; the image's border is no outside."""
    distance: NDArray[np.float64] = ndimage.distance_transform_edt(mask_HW, sampling=spacing_HW_mm)
    return distance.astype(np.float32)


def opened(mask_HW: Mask, width_mm: float, spacing_HW_mm: tuple[float, float]) -> Mask:
    """The part of the mask that lies more than `width_mm` inside its border."""
    return distance_mm(mask_HW, spacing_HW_mm) > width_mm


def near(mask_HW: Mask, reach_mm: float, spacing_HW_mm: tuple[float, float]) -> Mask:
    """Pixels within `reach_mm` of the mask."""
    if not mask_HW.any():
        return mask_HW
    return distance_mm(~mask_HW, spacing_HW_mm) <= reach_mm


def head_mask(hu_DHW: FloatArray, spacing_DHW_mm: Spacing) -> Mask:
    """Mask of the head without its holder, filled slice by slice: skull, sinuses and airway belong to it.

    What is denser than air is opened in plane, which cuts holder, cables and clips off also where they touch the
    scalp; the largest connected piece is grown back to the skin and filled. Worked out on blocks of about 2 mm.
    An empty mask means that there is nothing but air.

    Args:
        hu_DHW: CT in HU, RAS+ array order.
        spacing_DHW_mm: voxel size.
    """
    factor = shrink_factor(spacing_DHW_mm, HEAD_WORK_MM)
    step_HW_mm = (spacing_DHW_mm[1] * factor, spacing_DHW_mm[2] * factor)
    lowest_hu = float(hu_DHW.min())
    is_windowed = is_saturated(hu_DHW) or HEAD_TISSUE_FROM_HU < lowest_hu < MAX_FLOOR_HU
    threshold = lowest_hu + FLOOR_MARGIN_HU if is_windowed else HEAD_TISSUE_FROM_HU
    dense_DHW = np.stack([ndimage.binary_fill_holes(plane > threshold) for plane in block_mean(hu_DHW, factor)])
    core_DHW = np.stack([_core(plane, step_HW_mm) for plane in dense_DHW])
    core_DHW &= largest_component(ndimage.maximum_filter1d(core_DHW, BRIDGED_SLICES + 1, axis=0))
    head_DHW = np.zeros(hu_DHW.shape, dtype=bool)
    for plane, dense_HW, core_HW in zip(head_DHW, dense_DHW, core_DHW, strict=True):
        grown_HW = dense_HW & near(core_HW, HEAD_REGROW_MM, step_HW_mm)
        plane[:] = enlarge(ndimage.binary_fill_holes(grown_HW), factor, plane.shape)
    return head_DHW


def _core(dense_HW: Mask, step_HW_mm: tuple[float, float]) -> Mask:
    """The opened slice; a head that reaches the image's border has no outside there, so one is put around."""
    return opened(np.pad(dense_HW, 1), HEAD_OPENING_MM, step_HW_mm)[1:-1, 1:-1]
