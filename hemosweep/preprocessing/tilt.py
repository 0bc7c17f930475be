"""Gantry tilt: the slices of a sheared scan, put over each other.

A tilted gantry scans planes at an angle to the table's travel, so each slice starts a little higher or lower than the
one before and the affine is sheared. Whole pixels move here, not interpolated values: intensities and masks stay as
they are, the way back is exact, and a slice is at most half a pixel off its place.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Shape
from hemosweep.errors import BadInput

if TYPE_CHECKING:
    # Its module reads NIfTI, which the machines that only train do without.
    from hemosweep.data.nifti import Volume

Scalar = TypeVar("Scalar", bound=np.generic)
MAX_TILT_DEG = 45.0
"""Scanners tilt by 30 degrees at most; more is a header gone wrong."""
MAX_PIXELS_OFF = 0.5
"""Shear that moves no slice by this much is rounding in the header."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Straightening:
    """Place of each slice of a scan in the plane of the straight grid.

    `shifts_HW` has a row and a column per slice, none negative; `native_DHW` and `straight_DHW` are the two shapes.
    """

    native_DHW: Shape
    straight_DHW: Shape
    shifts_HW: tuple[tuple[int, int], ...]

    def apply(self, native: NDArray[Scalar], *, fill: float) -> NDArray[Scalar]:
        """Put an array of the scanner's grid on the straight one."""
        straight = np.full(self.straight_DHW, fill, dtype=native.dtype)
        for index in range(len(native)):
            straight[self._slice(index)] = native[index]
        return straight

    def revert(self, straight: NDArray[Scalar]) -> NDArray[Scalar]:
        """Exact inverse of `apply`."""
        return np.stack([straight[self._slice(index)] for index in range(len(straight))])

    def _slice(self, index: int) -> tuple[int, slice, slice]:
        """Place of a slice of the scan in the straight volume."""
        _, height, width = self.native_DHW
        top, left = self.shifts_HW[index]
        return index, slice(top, top + height), slice(left, left + width)


def tilt_deg(affine: NDArray[np.float64]) -> float:
    """Angle between the slices' normal and the line through their first voxels; 0 for an orthogonal grid."""
    along_w, along_h, along_d = affine[:3, :3].T
    normal = np.cross(along_w, along_h)
    cosine = abs(normal @ along_d) / (np.linalg.norm(normal) * np.linalg.norm(along_d))
    return math.degrees(math.acos(min(1.0, float(cosine))))


def straightening(affine: NDArray[np.float64], native_DHW: Shape) -> tuple[Straightening, NDArray[np.float64]] | None:
    """Shifts that make a sheared grid orthogonal, and the affine of the result; None where it is orthogonal already.

    Args:
        affine: 4 x 4, of a volume in RAS+ order.
        native_DHW: its shape.

    Raises:
        BadInput: rows and columns of a slice are not at right angles, or the slices are tilted by more than 45 degrees.
    """
    depth, height, width = native_DHW
    along_w, along_h, along_d = affine[:3, :3].T
    unit_w, unit_h = along_w / np.linalg.norm(along_w), along_h / np.linalg.norm(along_h)
    skew_pixels = abs(float(unit_w @ unit_h)) * max(height, width)
    if skew_pixels > 2 * MAX_PIXELS_OFF:
        angle_deg = math.degrees(math.acos(float(unit_w @ unit_h)))
        raise BadInput(f"rows and columns meet at {angle_deg:.1f} degrees, not 90; convert the original series again")
    if (angle_deg := tilt_deg(affine)) > MAX_TILT_DEG:
        raise BadInput(f"slices are tilted by {angle_deg:.0f} degrees, more than any gantry; convert the series again")
    per_slice = np.array([along_d @ unit_h / np.linalg.norm(along_h), along_d @ unit_w / np.linalg.norm(along_w)])
    shifts_D2 = np.rint(np.arange(depth)[:, None] * per_slice).astype(int)
    if np.abs(per_slice * (depth - 1)).max() < MAX_PIXELS_OFF:
        return None
    first_2 = shifts_D2.min(axis=0)
    shifts_D2 -= first_2
    grown_h, grown_w = shifts_D2.max(axis=0)
    normal = np.cross(unit_w, unit_h)
    straight = affine.copy()
    straight[:3, 2] = normal * (normal @ along_d) / (normal @ normal)
    straight[:3, 3] += along_h * first_2[0] + along_w * first_2[1]
    return (
        Straightening(
            native_DHW=native_DHW,
            straight_DHW=(depth, height + int(grown_h), width + int(grown_w)),
            shifts_HW=tuple((int(top), int(left)) for top, left in shifts_D2),
        ),
        straight,
    )


def straighten(ct: "Volume") -> "tuple[Volume, Straightening | None]":
    """A CT on an orthogonal grid, its own darkest value around it, and how it got there; None where it was on one.

    Raises:
        BadInput: as `straightening`.
    """
    straightened = straightening(ct.affine, ct.array_DHW.shape)
    if straightened is None:
        return ct, None
    moved, affine = straightened
    # Not -1024: in an export through a window, air reads the window's floor, and all above the darkest is tissue.
    return replace(ct, array_DHW=moved.apply(ct.array_DHW, fill=float(ct.array_DHW.min())), affine=affine), moved
