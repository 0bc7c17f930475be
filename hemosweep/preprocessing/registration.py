"""Rigid registration of two head CTs with SimpleITK, the same to the last bit on any number of threads.

The metric is the mean square of the difference over every voxel near the brain of HU clipped to one window, where
bone, brain and cerebrospinal fluid differ and lesions, vessels and metal weigh little. Sampled metrics and mutual
information are left out: their sums depend on how many threads share the work. ITK still adds up one partial sum a
work unit, so the number of units is fixed here. Pyramids shrink in plane only: a slice of 4.5 mm is coarse already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hemosweep.arrays import Mask
from hemosweep.data.nifti import Volume
from hemosweep.preprocessing.head import near

if TYPE_CHECKING:
    import SimpleITK

Matrix = NDArray[np.float64]
"""4 x 4, millimetres (x, y, z) to millimetres."""

REGISTRATION_WINDOW_HU = (-100.0, 300.0)
NEAR_BRAIN_MM = 20.0
"""The metric's region reaches this far beyond the brain: over skull and scalp, whose edges are sharp and keep still
when a hemorrhage pushes the brain aside."""
SLICE_MM, PIXEL_MM = 4.5, 2.2
"""Thinner slices and pixels are averaged to at most and to about this much."""
# Pixels to a side of a level's pixel, first step (mm) and last step (mm).
PYRAMID = ((4, 4.0, 0.05), (2, 0.5, 0.02), (1, 0.25, 0.02))
NUM_REFINED = 3
MAX_ITERATIONS = 60
STEP_SHRINKS_BY = 0.7
RADIUS_MM = 63.0
"""A turn by one radian counts as a move by this much, as far as the skull lies from the middle."""
NUM_WORK_UNITS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """A rigid transform, from the fixed CT's millimetres to those of the moving CT, and the quality of its fit.

    `correlation` is that of the clipped HU near the brain where the moving CT covers it (0 where nothing varies),
    `covered` the share that it covers.
    """

    to_moving: Matrix
    correlation: float
    covered: float

    @property
    def score(self) -> float:
        return self.correlation * self.covered


def register_rigid(fixed: Volume, moving: Volume, brain_DHW: Mask, starts: Sequence[Matrix]) -> Registration:
    """Register two CTs in HU by rotation and translation.

    The starts that fit best are refined on the coarsest level, and the best of those on all levels.

    Args:
        fixed: CT in HU.
        moving: CT in HU.
        brain_DHW: brain mask on the fixed CT's grid.
        starts: rigid transforms from the fixed CT's millimetres to those of the moving CT.
    """
    # A windowed export and a full-range CT agree within the narrower of their ranges only.
    low_hu = max(REGISTRATION_WINDOW_HU[0], float(fixed.array_DHW.min()), float(moving.array_DHW.min()))
    high_hu = min(REGISTRATION_WINDOW_HU[1], float(fixed.array_DHW.max()), float(moving.array_DHW.max()))
    brain = _reduced(Volume(array_DHW=brain_DHW, affine=fixed.affine))
    fixed, moving = (
        _reduced(Volume(array_DHW=np.clip(ct.array_DHW, low_hu, max(low_hu, high_hu)), affine=ct.affine))
        for ct in (fixed, moving)
    )
    candidates = [Registration(to_moving=start, correlation=0.0, covered=0.0) for start in starts]
    for size, first_step_mm, last_step_mm in PYRAMID:
        block = (1, size, size)
        level, level_moving = shrink(fixed, block), shrink(moving, block)
        shares_DHW = shrink(brain, block).array_DHW.astype(np.float32)
        region_DHW = np.stack(
            [near(share_HW > 0.5, NEAR_BRAIN_MM, level.spacing_DHW_mm[1:]) for share_HW in shares_DHW]
        )
        candidates = [_fit(level, level_moving, region_DHW, start.to_moving) for start in candidates]
        candidates = sorted(candidates, key=lambda start: -start.score)[:NUM_REFINED]
        refined = [
            _refine(level, level_moving, region_DHW, start.to_moving, first_step_mm, last_step_mm)
            for start in candidates
            if start.score > 0.0  # ITK cannot work on what does not overlap
        ]
        candidates = [max(refined or candidates, key=lambda end: end.score)]
    return candidates[0]


def turned_starts(start: Matrix, centre_mm: NDArray[np.float64], turns_deg: Sequence[Sequence[float]]) -> list[Matrix]:
    """The start after every combination of turns about the x, y and z axis through a point of the fixed CT."""
    starts = []
    for angles_deg in product(*turns_deg):
        turn = np.eye(4)
        turn[:3, :3] = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
        turn[:3, 3] = centre_mm - np.einsum("ij,j->i", turn[:3, :3], centre_mm)
        starts.append(np.einsum("ij,jk->ik", start, turn))
    return starts


def shrink(volume: Volume, sizes_DHW: tuple[int, int, int]) -> Volume:
    """Average over blocks of voxels; an incomplete block at the end of an axis is left out."""
    means_DHW = volume.array_DHW.astype(np.float32, copy=False)
    for axis, size in enumerate(sizes_DHW):
        end = means_DHW.shape[axis] // size * size
        if size > 1:
            parts = [means_DHW[(slice(None),) * axis + (slice(start, end, size),)] for start in range(size)]
            means_DHW = parts[0] + parts[1]
            for part in parts[2:]:
                means_DHW += part
            means_DHW /= np.float32(size)
    step = np.diag([*reversed(sizes_DHW), 1.0])
    step[:3, 3] = (np.asarray(sizes_DHW[::-1]) - 1) / 2  # a block's centre
    return Volume(array_DHW=means_DHW, affine=np.einsum("ij,jk->ik", volume.affine, step))


def _reduced(volume: Volume) -> Volume:
    """The volume on the grid of the finest level."""
    depth_mm, height_mm, width_mm = volume.spacing_DHW_mm
    sizes = (int(SLICE_MM / depth_mm + 0.01), round(PIXEL_MM / height_mm), round(PIXEL_MM / width_mm))
    return shrink(volume, (max(1, sizes[0]), max(1, sizes[1]), max(1, sizes[2])))


def _refine(
    fixed: Volume, moving: Volume, region_DHW: Mask, start: Matrix, first_step_mm: float, last_step_mm: float
) -> Registration:
    """Descend from `start` to the least mean square over the region."""
    import SimpleITK

    middle_DHW = [float(index.mean()) for index in np.nonzero(region_DHW)]
    centre = np.einsum("ij,j->i", fixed.affine, [*reversed(middle_DHW), 1.0])[:3]
    transform = SimpleITK.Euler3DTransform()
    transform.SetCenter(centre.tolist())
    transform.SetMatrix(start[:3, :3].ravel().tolist(), 1e-6)
    transform.SetTranslation((np.einsum("ij,j->i", start[:3, :3], centre) + start[:3, 3] - centre).tolist())

    method = SimpleITK.ImageRegistrationMethod()
    method.SetNumberOfWorkUnits(NUM_WORK_UNITS)
    method.SetMetricAsMeanSquares()
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetMetricFixedMask(to_image(region_DHW.astype(np.uint8), fixed.affine))
    method.SetInterpolator(SimpleITK.sitkLinear)
    # ITK's gradient filter would blur by a slice's thickness in every direction.
    method.MetricUseFixedImageGradientFilterOff()
    method.MetricUseMovingImageGradientFilterOff()
    method.SetOptimizerScales([RADIUS_MM**2] * 3 + [1.0] * 3)
    method.SetOptimizerAsRegularStepGradientDescent(first_step_mm, last_step_mm, MAX_ITERATIONS, STEP_SHRINKS_BY)
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(to_image(fixed.array_DHW, fixed.affine), to_image(moving.array_DHW, moving.affine))
    except RuntimeError:  # ITK's answer where the descent drove the two apart
        return Registration(to_moving=start, correlation=0.0, covered=0.0)
    end = np.eye(4)
    end[:3, :3] = np.asarray(transform.GetMatrix()).reshape(3, 3)
    end[:3, 3] = centre + np.asarray(transform.GetTranslation()) - np.einsum("ij,j->i", end[:3, :3], centre)
    return _fit(fixed, moving, region_DHW, end)


def _fit(fixed: Volume, moving: Volume, region_DHW: Mask, to_moving: Matrix) -> Registration:
    """Fit of a transform over the region."""
    moved_DHW = resample(moving, fixed.array_DHW.shape, fixed.affine, to_moving, fill=np.nan)
    covered_DHW = region_DHW & np.isfinite(moved_DHW)
    num_covered, num_voxels = int(covered_DHW.sum()), int(region_DHW.sum())
    if num_covered == 0:
        return Registration(to_moving=to_moving, correlation=0.0, covered=0.0)
    a, b = (array_DHW[covered_DHW].astype(np.float64) for array_DHW in (fixed.array_DHW, moved_DHW))
    a, b = a - a.mean(), b - b.mean()
    power = float((a * a).sum() * (b * b).sum())
    correlation = float((a * b).sum()) / power**0.5 if power > 0 else 0.0
    return Registration(to_moving=to_moving, correlation=correlation, covered=num_covered / num_voxels)


def to_image(array_DHW: NDArray[np.generic], affine: Matrix) -> "SimpleITK.Image":
    """The array as ITK's image, its place kept in RAS millimetres (both sides of a registration agree)."""
    import SimpleITK

    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image = SimpleITK.GetImageFromArray(array_DHW)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    return image


def resample(
    volume: Volume, shape_DHW: tuple[int, ...], affine: Matrix, to_volume: Matrix, *, fill: float
) -> NDArray[np.float32]:
    """Sample a volume on another grid by linear interpolation.

    Args:
        shape_DHW: shape of the grid.
        affine: the grid's voxel index (w, h, d) to millimetres.
        to_volume: the grid's millimetres to the volume's; mirrors are allowed.
        fill: value outside the volume.
    """
    import SimpleITK

    transform = SimpleITK.AffineTransform(3)
    transform.SetMatrix(to_volume[:3, :3].ravel().tolist())
    transform.SetTranslation(to_volume[:3, 3].tolist())
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    method = SimpleITK.ResampleImageFilter()
    method.SetNumberOfWorkUnits(NUM_WORK_UNITS)
    method.SetTransform(transform)
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetDefaultPixelValue(fill)
    method.SetSize([int(length) for length in reversed(shape_DHW)])
    method.SetOutputSpacing(spacing.tolist())
    method.SetOutputOrigin(affine[:3, 3].tolist())
    method.SetOutputDirection((affine[:3, :3] / spacing).ravel().tolist())
    image = to_image(volume.array_DHW.astype(np.float32, copy=False), volume.affine)
    sampled_DHW: NDArray[np.float32] = SimpleITK.GetArrayFromImage(method.Execute(image))
    return sampled_DHW
