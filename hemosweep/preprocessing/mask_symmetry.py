"""Symmetry of a mask about its own mid-sagittal plane."""

import math
from itertools import product

import numpy as np
from scipy import optimize

from hemosweep.arrays import Mask, Spacing
from hemosweep.preprocessing.symmetry.plane import MidPlane
from hemosweep.preprocessing.symmetry.plane_fit import ROLLS_DEG, TURNS_DEG, Points

POINT_MM, SEARCH_POINT_MM = 4.0, 10.0
"""Spacing of the voxels whose mirror images are looked up, and of those that the search over all angles uses."""


def asymmetric_share(mask_DHW: Mask, spacing_DHW_mm: Spacing) -> float:
    """Share of a mask that has no counterpart on the other side; 0 for a symmetric or an empty mask.

    The plane is the one under which most of the mask falls onto itself, so of a loss on one side at least half shows.
    Counterparts outside the volume do not count.
    """
    if not mask_DHW.any():
        return 0.0
    plane = _Overlap(mask_DHW, spacing_DHW_mm, SEARCH_POINT_MM)
    starts = [(math.radians(turn), math.radians(roll), 0.0) for turn, roll in product(TURNS_DEG, ROLLS_DEG)]
    start = min(starts, key=plane.missing)
    fine = _Overlap(mask_DHW, spacing_DHW_mm, POINT_MM)
    simplex = np.array(start) + np.array([(0, 0, 0), (0.07, 0, 0), (0, 0.07, 0), (0, 0, 3.0)])
    found = optimize.minimize(
        fine.missing, start, method="Nelder-Mead", options={"initial_simplex": simplex, "xatol": 0.01, "fatol": 1e-4}
    )
    return float(found.fun)


class _Overlap:
    """A mask and some of its voxels, mirrored about planes near its centre."""

    def __init__(self, mask_DHW: Mask, spacing_DHW_mm: Spacing, point_mm: float) -> None:
        self._spacing = np.asarray(spacing_DHW_mm)
        steps = [max(1, round(point_mm / mm)) for mm in spacing_DHW_mm]
        self._mask_DHW = mask_DHW
        some_3N = np.array(np.nonzero(mask_DHW[:: steps[0], :: steps[1], :: steps[2]]))
        if not some_3N.size:
            some_3N, steps = np.array(np.nonzero(mask_DHW)), [1, 1, 1]
        self._points_3N: Points = some_3N * np.array(steps)[:, None] * self._spacing[:, None]
        self._centre = self._points_3N.mean(axis=1)

    def missing(self, pose: tuple[float, float, float] | Points) -> float:
        """Share of the points whose mirror image lies in the volume, but not in the mask.

        Args:
            pose: turn and roll in radians, and distance of the plane from the centre of the points in millimetres.
        """
        turn, roll, shift_mm = pose
        normal = (math.sin(roll), math.cos(roll) * math.sin(turn), math.cos(roll) * math.cos(turn))
        plane = MidPlane(normal_DHW=normal, offset_mm=float(np.sum(normal * self._centre)) + shift_mm)
        index_3N = np.rint(plane.reflect(self._points_3N) / self._spacing[:, None]).astype(np.intp)
        shape_31 = np.array(self._mask_DHW.shape)[:, None]
        within_N = ((index_3N >= 0) & (index_3N < shape_31)).all(axis=0)
        d, h, w = index_3N[:, within_N]
        return float(np.mean(~self._mask_DHW[d, h, w])) if d.size else 1.0
