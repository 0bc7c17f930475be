"""The regions of a case that patch centres are drawn from (paper, Section 2.2.1)."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import Mask, Spacing, bounding_box

BORDER_MM, RIM_MM, THIN_MM = 4.0, 2.0, 4.0
"""Depth of the brain's border, width of a lesion's rim, and thickness up to which a bright structure is no blood."""
MIN_BLOOD_ML = 0.3
"""Smaller bright spots are calcifications of plexus and pineal gland, and noise."""


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


def hyperdense(
    image_DHW: NDArray[np.floating],
    brain_DHW: Mask,
    lesion_DHW: Mask,
    spacing_DHW_mm: Spacing,
    above: float,
    *,
    bone: float,
) -> Mask:
    """Blood that is not the lesion: bright voxels in the brain, without the lesion and what is too thin or too small.

    The paper thresholds the image at the blood's intensity, takes the reference lesion off, and leaves out brain
    borders and midline structures by their size (Section 2.2.1). Here the brain's outermost `BORDER_MM`, as much around
    bone that reaches into the mask, and the rim of the lesion, where partial volume makes bright shells, are left out;
    an opening in plane takes what is thinner than falx and tentorium; a component counts from `MIN_BLOOD_ML` up.

    Args:
        image_DHW: intensities on any scale; `above` is the threshold on that scale, and from `bone` up it is bone.
    """
    _, height_mm, width_mm = spacing_DHW_mm
    # The threshold lies 2 to 3 standard deviations of the noise above grey matter: smooth before it.
    smooth_DHW = ndimage.gaussian_filter(image_DHW.astype(np.float32), (0.0, 1.0 / height_mm, 1.0 / width_mm))
    soft_DHW = brain_DHW & (image_DHW < bone)
    deep_DHW = ndimage.binary_erosion(soft_DHW, _disk(BORDER_MM, spacing_DHW_mm))
    near_lesion_DHW = ndimage.binary_dilation(lesion_DHW, _disk(RIM_MM, spacing_DHW_mm))
    bright_DHW = (smooth_DHW > above) & deep_DHW & ~near_lesion_DHW
    thick_DHW = ndimage.binary_opening(bright_DHW, _disk(THIN_MM / 2, spacing_DHW_mm))
    labels, num_labels = ndimage.label(thick_DHW)
    if num_labels == 0:
        return np.zeros_like(brain_DHW)
    sizes_ml = np.bincount(labels.ravel()) * float(np.prod(spacing_DHW_mm)) / 1000.0
    sizes_ml[0] = 0.0
    large: Mask = (sizes_ml >= MIN_BLOOD_ML)[labels]
    return large


def _disk(radius_mm: float, spacing_DHW_mm: Spacing) -> Mask:
    """Structuring element of one slice; at least the four neighbours."""
    _, height_mm, width_mm = spacing_DHW_mm
    rows, columns = max(1, round(radius_mm / height_mm)), max(1, round(radius_mm / width_mm))
    h, w = np.ogrid[-rows : rows + 1, -columns : columns + 1]
    inside: Mask = (h / rows) ** 2 + (w / columns) ** 2 <= 1.0
    return inside[None]
