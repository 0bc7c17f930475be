"""Places of the slices of a series.

Everything comes from ImagePositionPatient and ImageOrientationPatient: SliceThickness is not the pitch, InstanceNumber
need not follow the anatomy, and the tilt tag is nominal, with a sign that differs by vendor.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemosweep.errors import BadInput

MAX_SKEW = 0.01
"""Sine of the angle by which rows and columns may miss 90 degrees, and how far their lengths may be off 1: rounding."""
MAX_OFF_STEP = 0.05
"""Distance that a slice may have from an even grid, in steps, before the series counts as uneven."""
ROUNDED_MM = 0.101
"""Distance from an even grid that positions written with one decimal place may have, both ends of the grid among them:
0.05 mm each."""
MIN_STEP = 0.1
"""Slices closer than this, in median steps, lie at one place: two scans in one series."""
MAX_GAP_MM = 20.0
"""More than this is not filled in by interpolation."""
MIN_TILT_DEG = 0.5
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


class SeveralScans(BadInput):
    """The slices are those of several scans. `in_one_place` are the indices of those that lie where another does."""

    def __init__(self, message: str, in_one_place: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.in_one_place = in_one_place


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """Slices in order of their place, from inferior to superior, and the even grid they make.

    `order_N` lists the given slices in that order. `affine` is 4 x 4, from (column, row, slice) of the even grid to
    RAS+ millimetres, and sheared where the gantry was tilted. `at_D` is, for each slice of the even grid, its place
    among the given ones (2.5: halfway between the third and the fourth); None where the slices are even as they are.
    """

    order_N: tuple[int, ...]
    affine: NDArray[np.float64]
    extent_mm: float
    tilt_deg: float
    at_D: NDArray[np.float64] | None
    warnings: tuple[str, ...]

    @property
    def step_mm(self) -> float:
        """Pitch of the even grid along the table, as positions tell it."""
        return float(np.linalg.norm(self.affine[:3, 2]))


def stack_slices(
    positions_N3: NDArray[np.float64],
    row_3: NDArray[np.float64],
    column_3: NDArray[np.float64],
    pixel_mm: tuple[float, float],
) -> Stack:
    """Order the slices of one axial series and check that they make a grid.

    Args:
        positions_N3: ImagePositionPatient in millimetres (LPS), at least two.
        row_3: direction in which the column index grows, the first half of ImageOrientationPatient.
        column_3: direction in which the row index grows, the second half.
        pixel_mm: PixelSpacing, that between rows first.

    Raises:
        BadInput: why they make none, without the name of the series; `SeveralScans` where they are more than one.
    """
    lengths = np.linalg.norm([row_3, column_3], axis=1)
    if np.abs(lengths - 1.0).max() > MAX_SKEW or abs(row_3 @ column_3) > MAX_SKEW or min(pixel_mm) <= 0.0:
        raise BadInput("its header gives no right-angled pixels")
    row_3, column_3 = row_3 / lengths[0], column_3 / lengths[1]
    normal_3 = np.cross(row_3, column_3)
    normal_3 *= np.sign(normal_3[2]) or 1.0
    along_N = positions_N3 @ normal_3
    order_N = np.argsort(along_N, kind="stable")
    along_N, positions_N3 = along_N[order_N], positions_N3[order_N]
    steps_mm = np.diff(along_N)
    median_mm = float(np.median(steps_mm))
    is_doubled = steps_mm <= max(0.01, MIN_STEP * median_mm)
    if is_doubled.any():
        pairs = np.flatnonzero(is_doubled)
        raise SeveralScans(
            f"{len(pairs)} of its slices lie where another does: it mixes several scans",
            tuple(int(index) for index in order_N[np.union1d(pairs, pairs + 1)]),
        )
    if steps_mm.max() > MAX_GAP_MM:
        raise BadInput(f"between two of its slices is a gap of {steps_mm.max():.3g} mm: a part is missing")
    first_3, way_3 = positions_N3[0], positions_N3[-1] - positions_N3[0]
    share_N = (along_N - along_N[0]) / (along_N[-1] - along_N[0])
    aside_mm = float(np.linalg.norm(positions_N3 - first_3 - share_N[:, None] * way_3, axis=1).max())
    if aside_mm > max(pixel_mm):
        raise SeveralScans(f"its slices lie up to {aside_mm:.2g} mm beside one line: it mixes several scans")

    warnings = []
    way_mm = float(np.linalg.norm(way_3))
    tilt_deg = float(np.rad2deg(np.arccos(min(1.0, abs(float(normal_3 @ way_3)) / way_mm))))
    if tilt_deg >= MIN_TILT_DEG:
        warnings.append(f"the gantry was tilted by {tilt_deg:.1f} degrees")
    num_steps, at_D = len(steps_mm), None
    off_mm = np.abs(share_N * num_steps - np.arange(len(share_N))).max() * median_mm
    if off_mm > max(MAX_OFF_STEP * median_mm, ROUNDED_MM):
        num_steps = int(np.ceil((along_N[-1] - along_N[0]) / steps_mm.min() - MAX_OFF_STEP))
        at_D = np.interp(np.linspace(0.0, 1.0, num_steps + 1), share_N, np.arange(len(share_N)))
        slanted_mm = steps_mm / np.cos(np.deg2rad(tilt_deg))
        warnings.append(_uneven_steps_warning(slanted_mm, way_mm / num_steps))
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = row_3 * pixel_mm[1], column_3 * pixel_mm[0]
    affine[:3, 2], affine[:3, 3] = way_3 / num_steps, first_3
    affine[:3] = LPS_TO_RAS @ affine[:3]
    return Stack(
        order_N=tuple(int(index) for index in order_N),
        affine=affine,
        extent_mm=float(along_N[-1] - along_N[0]),
        tilt_deg=tilt_deg,
        at_D=at_D,
        warnings=tuple(warnings),
    )


def _uneven_steps_warning(steps_mm: NDArray[np.float64], even_mm: float) -> str:
    """Warning about uneven steps, and the way they are handled."""
    made = f"resampled along the slice axis to {even_mm:.3g} mm"
    times_N = steps_mm / np.median(steps_mm)
    wide = np.flatnonzero(times_N > 1.5)
    whole = np.abs(times_N - np.rint(times_N)).max() <= MAX_OFF_STEP
    if whole and times_N.min() > 0.5 and len(wide) <= 0.2 * len(steps_mm):
        missing = int(np.rint(times_N[wide] - 1.0).sum())
        after = ", ".join(str(index + 1) for index in wide)
        slices = "slice is" if missing == 1 else "slices are"
        return f"{missing} {slices} missing (after number {after} from below) and interpolated: {made}"
    values, counts = np.unique(np.round(steps_mm, 2), return_counts=True)
    steps = ", ".join(f"{count} of {value:g} mm" for value, count in list(zip(values, counts, strict=True))[:4])
    more = ", ..." if len(values) > 4 else ""
    return f"the slice steps are uneven ({steps}{more}): {made}"
