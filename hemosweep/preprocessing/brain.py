"""Removal of head holder and skull by morphology (paper, Section 2.1.2): the mask of the intracranial space."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

BONE_HU = 200.0
"""Bone starts here in a full-range CT; blood and calcified falx partial volume stay below."""
TISSUE_HU = (-5.0, 120.0)
OPENING_MM = 3.0
"""Half-width of the bridges (nerves, vessels, open skull base) between brain and the rest that are cut."""

Mask = NDArray[np.bool_]


def is_saturated(hu_DHW: NDArray[np.float32]) -> bool:
    """Whether the CT was exported through a soft-tissue window: nothing reads as bone, so bone is its maximum."""
    return bool(hu_DHW.max() < BONE_HU)


def _bone(hu_DHW: NDArray[np.float32]) -> Mask:
    threshold = 0.97 * float(hu_DHW.max()) if is_saturated(hu_DHW) else BONE_HU
    return hu_DHW >= threshold


def _largest_component(mask_DHW: Mask) -> Mask:
    labels, num_labels = ndimage.label(mask_DHW)
    if num_labels == 0:
        return mask_DHW
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest: Mask = labels == sizes.argmax()
    return largest


def _num_directions_to_bone(bone_DHW: Mask) -> NDArray[np.int8]:
    """For each voxel, in how many of the four in-plane axis directions a ray meets bone."""
    count = np.zeros(bone_DHW.shape, dtype=np.int8)
    for axis in (1, 2):
        count += np.maximum.accumulate(bone_DHW, axis=axis)
        count += np.flip(np.maximum.accumulate(np.flip(bone_DHW, axis), axis=axis), axis)
    return count


def _in_plane_distance_mm(mask_DHW: Mask, spacing_DHW_mm: tuple[float, float, float]) -> NDArray[np.float32]:
    """Distance of each voxel of the mask to the mask's outside, slice by slice."""
    return np.stack(
        [ndimage.distance_transform_edt(plane, sampling=spacing_DHW_mm[1:]).astype(np.float32) for plane in mask_DHW]
    )


def brain_mask(hu_DHW: NDArray[np.float32], spacing_DHW_mm: tuple[float, float, float]) -> Mask:
    """Mask of everything inside the skull: brain, blood, ventricles, cisterns and sulci.

    Tissue that bone encloses from at least three of four sides is opened in plane, its largest connected component
    grown back, and holes (calcifications, dense blood) filled slice by slice. An empty mask means that no skull was
    found.

    Args:
        hu_DHW: CT in HU, RAS+ array order.
        spacing_DHW_mm: voxel size.
    """
    bone_DHW = _bone(hu_DHW)
    sigma = (0.0, 0.8 / spacing_DHW_mm[1], 0.8 / spacing_DHW_mm[2])
    smooth_DHW = ndimage.gaussian_filter(hu_DHW, sigma)
    inside_DHW = _num_directions_to_bone(bone_DHW) >= 3
    tissue_DHW = inside_DHW & ~bone_DHW & (smooth_DHW > TISSUE_HU[0]) & (smooth_DHW < TISSUE_HU[1])
    core_DHW = _largest_component(_in_plane_distance_mm(tissue_DHW, spacing_DHW_mm) > OPENING_MM)
    if not core_DHW.any():
        return core_DHW
    near_core_DHW = _in_plane_distance_mm(~core_DHW, spacing_DHW_mm) <= 1.5 * OPENING_MM
    near_core_DHW &= core_DHW.any(axis=(1, 2), keepdims=True)  # the distance to nothing is nonsense
    grown_DHW = near_core_DHW & inside_DHW & ~bone_DHW
    return np.stack([ndimage.binary_fill_holes(plane) for plane in grown_DHW])


def head_mask(hu_DHW: NDArray[np.float32]) -> Mask:
    """Mask of the head without its holder: the largest connected piece of everything denser than fat."""
    threshold = 0.0 if is_saturated(hu_DHW) else -200.0
    dense_DHW = ndimage.binary_opening(hu_DHW > threshold, np.ones((1, 5, 5), dtype=bool))
    return _largest_component(dense_DHW)
