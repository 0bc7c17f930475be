"""The mid-sagittal plane of a head, and images mirrored about it: the paper's flip and FLIRT step (Section 2.1.2).

To mirror about a plane is an exact involution: mirrored twice, every point is back. Skull and scalp, which a hemorrhage
leaves alone, outweigh the displaced brain in finding the plane, and absolute rather than squared differences keep what
has no counterpart from pulling at it.
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import FloatArray, Mask, Spacing, bounding_box
from hemosweep.errors import BadInput
from hemosweep.preprocessing.head import near
from hemosweep.preprocessing.symmetry.plane_fit import Points, fit, search, shrink

PLANE_WINDOW_HU = (-100.0, 100.0)
"""Fat to bone: a CT of full range looks as one that was exported through a soft-tissue window."""
SEARCH_MM, HEAD_FIT_MM, BRAIN_FIT_MM = 8.0, 4.0, 2.5
"""Pixels of the search over all angles, of the fit to the head, and of the fit to the brain and its skull."""
SKULL_MM = 15.0
"""Width around the brain that counts as its skull and scalp; jaw, ears and neck lie beyond."""
MIN_DEPTH_MM = 20.0
"""Least depth of a brain that shows its roll; below it the roll stays zero."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MidPlane:
    """The points p with normal . p = offset, in index millimetres: (d, h, w) index times voxel size.

    The normal is of unit length.
    """

    normal_DHW: tuple[float, float, float]
    offset_mm: float

    def __post_init__(self) -> None:
        assert math.isclose(math.hypot(*self.normal_DHW), 1.0, abs_tol=1e-9)

    def reflect(self, points_3N: Points) -> Points:
        """Mirror images of points, both in index millimetres."""
        normal = np.asarray(self.normal_DHW)
        distance_N = np.einsum("i,in->n", normal, points_3N) - self.offset_mm
        mirrored_3N: Points = points_3N - 2.0 * normal[:, None] * distance_N
        return mirrored_3N


def mirror_by_plane(
    image_DHW: NDArray[Any],
    hu_DHW: FloatArray,
    head_DHW: Mask,
    brain_DHW: Mask,
    spacing_DHW_mm: Spacing,
    *,
    fill: float,
) -> FloatArray:
    """`image_DHW` mirrored about the head's mid-sagittal plane, on the same grid, by linear interpolation.

    The other arguments are those of `estimate_mid_plane`; `fill` stands where the mirror image lies outside the grid.

    Raises:
        BadInput: no head or no brain to find the plane in.
    """
    plane = estimate_mid_plane(hu_DHW, head_DHW, brain_DHW, spacing_DHW_mm)
    return reflect_image(image_DHW, plane, spacing_DHW_mm, fill=fill)


def reflect_image(image_DHW: NDArray[Any], plane: MidPlane, spacing_DHW_mm: Spacing, *, fill: float) -> FloatArray:
    """`image_DHW` mirrored about `plane`, on the same grid, by linear interpolation; `fill` lies outside the grid."""
    mirrored_DHW = np.full(image_DHW.shape, fill, dtype=np.float32)
    content_DHW = image_DHW != fill
    if not content_DHW.any():
        return mirrored_DHW
    # Only what differs from the fill is mirrored, to where the box around it falls: most of a scan is air.
    start_DHW, size_DHW = bounding_box(content_DHW)
    source = tuple(slice(start, start + size) for start, size in zip(start_DHW, size_DHW, strict=True))
    spacing = np.asarray(spacing_DHW_mm)
    edges = [(axis.start - 1.0, float(axis.stop)) for axis in source]
    corners = plane.reflect(np.array(list(product(*edges))).T * spacing[:, None]) / spacing[:, None]
    low = np.clip(np.floor(corners.min(axis=1)), 0, image_DHW.shape).astype(int)
    high = np.clip(np.ceil(corners.max(axis=1)) + 1, 0, image_DHW.shape).astype(int)
    target = tuple(slice(first, last) for first, last in zip(low, high, strict=True))
    normal = np.asarray(plane.normal_DHW)
    matrix = (np.eye(3) - 2.0 * np.outer(normal, normal)) * spacing / spacing[:, None]
    at_target = np.sum(matrix * low, axis=1) + 2.0 * plane.offset_mm * normal / spacing
    # "grid-constant" blends into the fill: a point that rounding puts just outside still gets its voxel.
    mirrored_DHW[target] = ndimage.affine_transform(
        image_DHW[source],
        matrix,
        at_target - np.array(start_DHW),
        output_shape=mirrored_DHW[target].shape,
        output=np.float32,
        order=1,
        mode="grid-constant",
        cval=fill,
    )
    return mirrored_DHW


def estimate_mid_plane(hu_DHW: FloatArray, head_DHW: Mask, brain_DHW: Mask, spacing_DHW_mm: Spacing) -> MidPlane:
    """Mid-sagittal plane of a head: searched for on the whole head, then refined on the brain and its skull.

    Heads turned by up to 40 and rolled by up to 30 degrees are found. The plane does not depend on the number of
    threads. What lies outside the head's mask counts as air.

    Args:
        hu_DHW: CT in HU, RAS+ array order, with orthogonal axes; it may be clipped to a soft-tissue window.
        head_DHW: the head without its holder.
        brain_DHW: what lies inside the skull.
        spacing_DHW_mm: voxel size.

    Raises:
        BadInput: a mask is empty.
    """
    for name, mask_DHW in (("head", head_DHW), ("brain", brain_DHW)):
        if not mask_DHW.any():
            raise BadInput(f"mid-sagittal plane: the {name} mask is empty; is this a head CT?")
    start_DHW, size_DHW = bounding_box(head_DHW | brain_DHW)
    box = tuple(slice(start, start + size) for start, size in zip(start_DHW, size_DHW, strict=True))
    corner_mm = np.array(start_DHW) * np.asarray(spacing_DHW_mm)
    low_hu = max(PLANE_WINDOW_HU[0], float(hu_DHW.min()))
    image_DHW = np.where(head_DHW[box], np.clip(hu_DHW[box], low_hu, PLANE_WINDOW_HU[1]) - low_hu, np.float32(0.0))
    coarse, whole, fine = (
        shrink(image_DHW, spacing_DHW_mm, corner_mm, pixel_mm) for pixel_mm in (SEARCH_MM, HEAD_FIT_MM, BRAIN_FIT_MM)
    )
    brain = shrink(brain_DHW[box].astype(np.float32), spacing_DHW_mm, corner_mm, BRAIN_FIT_MM)
    step_mm = (float(brain.spacing_mm[1]), float(brain.spacing_mm[2]))
    around_DHW = np.stack([near(plane_HW > 0.5, SKULL_MM, step_mm) for plane_HW in brain.image_DHW])

    depth_mm = float(np.ptp(np.flatnonzero(brain_DHW.any(axis=(1, 2))))) * spacing_DHW_mm[0]
    has_roll = depth_mm >= MIN_DEPTH_MM
    pose = search(coarse, has_roll)
    pose = fit(whole, whole.image_DHW > 0.0, pose, has_roll, first_step=4.0, last_step=0.2)
    pose = fit(fine, around_DHW, pose, has_roll, first_step=1.0, last_step=0.03)
    normal = pose.axes[:, 2]
    return MidPlane(
        normal_DHW=(float(normal[0]), float(normal[1]), float(normal[2])),
        offset_mm=float(np.sum(normal * pose.centre_mm)) + pose.shift_mm,
    )
