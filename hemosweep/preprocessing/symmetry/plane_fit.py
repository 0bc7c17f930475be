"""Search for the plane about which a head agrees best with its own reflection, first over all angles, then by descent.

A reflection has three parameters, a turn about the body's axis, a roll about the front-back axis and an offset, where
flip and rigid registration have six (Prima, Ourselin and Ayache, IEEE TMI 2002). Sums run in a fixed order on one
thread, so that a plane is the same on every machine that rounds alike.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from hemosweep.arrays import FloatArray, Mask, Spacing
from hemosweep.preprocessing.head import block_mean, shrink_factor

LATTICE_MM = 8.0
"""Spacing of the points that the search over all angles looks at."""
TURNS_DEG, ROLLS_DEG = range(-40, 41, 8), range(-32, 33, 8)
"""Patients lie askew: of eight public scans one is turned by 37 and rolled by 23 degrees. Past 45 degrees the front
would be taken for a side."""

Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """The head with larger pixels (never with thicker slices), air 0; index zero lies at `origin_mm`."""

    image_DHW: FloatArray
    spacing_mm: Points
    origin_mm: Points


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanePose:
    """A plane as it is searched for: two angles, and the distance from the point `centre_mm`."""

    turn_deg: float
    roll_deg: float
    shift_mm: float
    centre_mm: Points

    @property
    def axes(self) -> Points:
        """Columns: up and to the front in the plane, and its normal to the right; rows in (D, H, W)."""
        turn, roll = math.radians(self.turn_deg), math.radians(self.roll_deg)
        sin_t, cos_t, sin_r, cos_r = math.sin(turn), math.cos(turn), math.sin(roll), math.cos(roll)
        return np.array(
            [[cos_r, 0.0, sin_r], [-sin_r * sin_t, cos_t, cos_r * sin_t], [-sin_r * cos_t, -sin_t, cos_r * cos_t]]
        )


def shrink(array_DHW: FloatArray, spacing_DHW_mm: Spacing, corner_mm: Points, pixel_mm: float) -> Level:
    """Average pixels to blocks of about `pixel_mm`, with a rim of zeros; the array's first voxel is at `corner_mm`.

    A blur as wide as the slices are thick follows: seen through thick slices the sloping vault is a flight of steps,
    and steps that match steps would hold the roll back.
    """
    factor = shrink_factor(spacing_DHW_mm, pixel_mm)
    spacing_mm = np.asarray(spacing_DHW_mm)
    blocks_DHW = np.pad(block_mean(array_DHW, factor), ((0, 0), (1, 1), (1, 1)))
    sigma = 0.5 * spacing_DHW_mm[0] / (factor * spacing_mm[1:])
    return Level(
        image_DHW=ndimage.gaussian_filter(blocks_DHW, (0.0, *sigma)),
        spacing_mm=spacing_mm * (1, factor, factor),
        origin_mm=corner_mm - spacing_mm * (0, (factor + 1) / 2, (factor + 1) / 2),  # the middle of a block in the rim
    )


def _middle_mm(level: Level) -> Points:
    """Centre of gravity in the slices' plane, half of the volume in depth."""
    image_DHW = level.image_DHW
    middle = [(image_DHW.shape[0] - 1) / 2]
    for others in ((0, 2), (0, 1)):
        profile = image_DHW.sum(axis=others, dtype=np.float64)
        middle.append(float(np.sum(np.arange(profile.size) * profile) / np.sum(profile)))
    return np.array(middle) * level.spacing_mm + level.origin_mm


def search(level: Level, has_roll: bool) -> PlanePose:
    """The pose, among steps of both angles, under which the head correlates best with its mirror image.

    Turned so that the plane's normal is the last axis, an image correlates with its mirror images about all offsets
    in one convolution with itself.
    """
    image_DHW, middle_mm = level.image_DHW, _middle_mm(level)
    extent_mm = level.spacing_mm * image_DHW.shape
    depth, width = 1 + int(extent_mm[0] / LATTICE_MM), 2 + int(np.hypot(extent_mm[1], extent_mm[2]) / LATTICE_MM)
    shape_DHW = (depth, width, width)
    best, best_score = PlanePose(turn_deg=0.0, roll_deg=0.0, shift_mm=0.0, centre_mm=middle_mm), -1.0
    # Nearest to upright first: among equals it is the likeliest.
    for turn_deg in sorted(TURNS_DEG, key=abs):
        for roll_deg in sorted(ROLLS_DEG, key=abs) if has_roll else (0,):
            pose = replace(best, turn_deg=float(turn_deg), roll_deg=float(roll_deg))
            matrix = pose.axes * LATTICE_MM / level.spacing_mm[:, None]
            half = np.sum(matrix * (np.array(shape_DHW) - 1) / 2, axis=1)
            offset = (middle_mm - level.origin_mm) / level.spacing_mm - half
            turned_DHW = ndimage.affine_transform(
                image_DHW, matrix, offset, output_shape=shape_DHW, output=np.float32, order=1, mode="nearest"
            )
            spectrum = np.fft.rfft(turned_DHW.reshape(-1, width), 2 * width, axis=1)
            scores = np.fft.irfft(np.sum(spectrum * spectrum, axis=0), 2 * width)
            scores /= np.sum(turned_DHW * turned_DHW, dtype=np.float64)
            peak = int(np.argmax(scores))  # the sum of the indices of a voxel and its mirror image
            if scores[peak] > best_score + 1e-6:
                best_score = float(scores[peak])
                best = replace(pose, shift_mm=(peak - (width - 1)) / 2 * LATTICE_MM)
    return best


def fit(
    level: Level, region_DHW: Mask, start: PlanePose, has_roll: bool, *, first_step: float, last_step: float
) -> PlanePose:
    """Move a plane to where the mean absolute difference between mirror images is least (Nelder and Mead's simplex).

    Pairs of points on a lattice that is tied to the plane are compared, one of which is in the region at least at the
    start. Both come by interpolation, so that no plane is favoured for lying on the grid. Steps are in degrees and mm.
    """
    slice_mm, pixel_mm = float(level.spacing_mm[0]), float(level.spacing_mm[1])
    pitch_mm = np.array([max(slice_mm, pixel_mm), pixel_mm, pixel_mm])
    extent_mm = level.spacing_mm * level.image_DHW.shape
    depth, reach = max(1, round(extent_mm[0] / pitch_mm[0])), 2 + int(np.hypot(extent_mm[1], extent_mm[2]) / pixel_mm)
    lattice = np.meshgrid(
        np.arange(depth) - (depth - 1) / 2,
        np.arange(reach) - (reach - 1) / 2,
        np.arange(reach // 2) + 0.5,
        indexing="ij",
    )
    points_3N = np.stack([axis.ravel() for axis in lattice]) * pitch_mm[:, None]

    def pairs(pose: PlanePose) -> tuple[Points, Points]:
        """Indices of the lattice points and of their mirror images."""
        axes = pose.axes / level.spacing_mm[:, None]
        base = (pose.centre_mm + pose.shift_mm * pose.axes[:, 2] - level.origin_mm) / level.spacing_mm
        on_plane_3N = base[:, None] + np.einsum("ij,jn->in", axes[:, :2], points_3N[:2])
        away_3N = axes[:, 2:] * points_3N[2]
        return on_plane_3N + away_3N, on_plane_3N - away_3N

    right_3N, left_3N = pairs(start)
    last = np.array(level.image_DHW.shape)[:, None] - 1
    inside_N = np.ones(points_3N.shape[1], dtype=bool)
    for side_3N in (right_3N, left_3N):
        inside_N &= np.all((side_3N > -1e-6) & (side_3N < last + 1e-6), axis=0)  # the first slice too, if rounded
    points_3N, right_3N, left_3N = (points[:, inside_N] for points in (points_3N, right_3N, left_3N))
    either_N = np.zeros(points_3N.shape[1], dtype=bool)
    for side_3N in (right_3N, left_3N):
        either_N |= region_DHW[tuple(np.rint(side_3N).astype(np.intp))]
    points_3N = points_3N[:, either_N]
    if points_3N.size == 0:
        return start

    def pose_of(values: Points) -> PlanePose:
        roll_deg = float(values[2]) if has_roll else 0.0
        return replace(start, turn_deg=float(values[0]), shift_mm=float(values[1]), roll_deg=roll_deg)

    def cost(values: Points) -> float:
        right, left = (
            ndimage.map_coordinates(level.image_DHW, points, output=np.float32, order=1, mode="nearest")
            for points in pairs(pose_of(values))
        )
        return float(np.mean(np.abs(right - left), dtype=np.float64))

    first = np.array([start.turn_deg, start.shift_mm, start.roll_deg])[: 2 + has_roll]
    simplex = np.vstack([first, first + first_step * np.eye(first.size)])
    minimum = optimize.minimize(
        cost,
        first,
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": last_step, "fatol": math.inf},
    )
    return pose_of(minimum.x)
