"""Distances between two masks' surfaces, in mm, every distance weighted by the surface that it stands for.

The method is that of Nikolov et al. (J Med Internet Res 2021;23(7):e26151): the surface passes between voxels, its
elements sit half a voxel beside them, and each weighs its area. Counting voxels on the boundary instead weighs a
voxel's 0.45 x 0.45 mm on top of a lesion like its 0.45 x 4.5 mm at the side, ten times too much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from hemosweep.scores.kinds import Distance, Share
from hemosweep.scores.marching_cubes import element_areas_mm2, neighbour_codes
from hemosweep.scores.masks import Masks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hemosweep.arrays import Mask, Spacing

NSD_TOLERANCE_MM = 2.0
"""Error of a border that the surface Dice forgives: about four pixels of a head CT, where partial volume and two
readers' hands differ, and less than the distance of its slices, so that a slice too many or too few is an error."""

HD_QUANTILE = 0.95

ROUNDING = 1e-9
"""Sums of the same distances or areas in another order differ by less than this share."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SurfaceDice(Share):
    """Normalised surface Dice: see `normalised_surface_dice`. 0 where one mask is empty.

    With another tolerance it is another metric, such as `nsd_1mm`, beside `nsd`.
    """

    tolerance_mm: float = NSD_TOLERANCE_MM

    @property
    def name(self) -> str:
        return "nsd" if self._is_usual else f"nsd_{self.tolerance_mm:g}mm".replace(".", "_")

    @property
    def label(self) -> str:
        return "NSD" if self._is_usual else f"NSD at {self.tolerance_mm:g} mm"

    def score(self, masks: Masks) -> float | None:
        distances = masks.once(distances_of)
        if distances is not None:
            return normalised_surface_dice(distances, self.tolerance_mm)
        return 0.0 if _any_lesion(masks) else None

    @property
    def _is_usual(self) -> bool:
        return self.tolerance_mm == NSD_TOLERANCE_MM


@dataclass(frozen=True, kw_only=True, slots=True)
class HausdorffDistance95(Distance):
    """95% Hausdorff distance: see `hausdorff95_mm`. The image's diagonal where one mask is empty."""

    name = "hd95_mm"
    label = "HD95"

    def score(self, masks: Masks) -> float | None:
        distances = masks.once(distances_of)
        if distances is not None:
            return hausdorff95_mm(distances)
        return masks.diagonal_mm if _any_lesion(masks) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class AverageSurfaceDistance(Distance):
    """Average symmetric surface distance: see `average_distance_mm`. The image's diagonal where one mask is empty."""

    name = "assd_mm"
    label = "ASSD"

    def score(self, masks: Masks) -> float | None:
        distances = masks.once(distances_of)
        if distances is not None:
            return average_distance_mm(distances)
        return masks.diagonal_mm if _any_lesion(masks) else None


METRICS = (SurfaceDice(), HausdorffDistance95(), AverageSurfaceDistance())


@dataclass(frozen=True, kw_only=True, slots=True)
class SurfaceDistances:
    """For every element of each mask's surface its distance to the other mask's surface, and its area."""

    predicted_mm: NDArray[np.float64]
    predicted_mm2: NDArray[np.float64]
    reference_mm: NDArray[np.float64]
    reference_mm2: NDArray[np.float64]


def distances_of(masks: Masks) -> SurfaceDistances | None:
    """Distances between the surfaces of a case, which its three metrics share; None where a mask is empty."""
    if not (masks.prediction_DHW.any() and masks.reference_DHW.any()):
        return None
    return surface_distances(masks.prediction_DHW, masks.reference_DHW, masks.spacing_DHW_mm)


def _any_lesion(masks: Masks) -> bool:
    return bool(masks.prediction_DHW.any() or masks.reference_DHW.any())


def surface_distances(prediction_DHW: Mask, reference_DHW: Mask, spacing_DHW_mm: Spacing) -> SurfaceDistances:
    """Measure two masks of one shape, neither of them empty, on a right-angled grid.

    The volume's edge is a surface too: nothing is known of what lies beyond.

    Raises:
        ValueError: a mask is empty, the shapes differ, or the spacing is none.
    """
    if prediction_DHW.shape != reference_DHW.shape:
        raise ValueError(f"prediction {prediction_DHW.shape} and reference {reference_DHW.shape} differ in shape")
    if not all(0.0 < mm < math.inf for mm in spacing_DHW_mm):
        raise ValueError(f"spacing {spacing_DHW_mm} is not three lengths in mm")
    if not (prediction_DHW.any() and reference_DHW.any()):
        raise ValueError("an empty mask has no surface to measure from")
    areas_mm2 = element_areas_mm2(spacing_DHW_mm)
    predicted_code, reference_code = neighbour_codes(prediction_DHW), neighbour_codes(reference_DHW)
    predicted, reference = _is_surface(predicted_code), _is_surface(reference_code)
    return SurfaceDistances(
        predicted_mm=_distances_mm(predicted, reference, spacing_DHW_mm),
        predicted_mm2=areas_mm2[predicted_code[predicted]],
        reference_mm=_distances_mm(reference, predicted, spacing_DHW_mm),
        reference_mm2=areas_mm2[reference_code[reference]],
    )


def normalised_surface_dice(distances: SurfaceDistances, tolerance_mm: float = NSD_TOLERANCE_MM) -> float:
    """Share of both surfaces that lies within the tolerance of the other one."""
    limit_mm = tolerance_mm * (1.0 + ROUNDING)
    within_mm2 = (
        distances.predicted_mm2[distances.predicted_mm <= limit_mm].sum()
        + distances.reference_mm2[distances.reference_mm <= limit_mm].sum()
    )
    return float(within_mm2 / (distances.predicted_mm2.sum() + distances.reference_mm2.sum()))


def hausdorff95_mm(distances: SurfaceDistances) -> float:
    """The distance that 95% of a surface stay within, of the two surfaces the larger one.

    The two are never pooled: a small surface's errors would drown in a large one.
    """
    return max(
        _quantile_mm(distances.predicted_mm, distances.predicted_mm2),
        _quantile_mm(distances.reference_mm, distances.reference_mm2),
    )


def average_distance_mm(distances: SurfaceDistances) -> float:
    """Average symmetric surface distance: the mean over both surfaces together, by area."""
    total = distances.predicted_mm @ distances.predicted_mm2 + distances.reference_mm @ distances.reference_mm2
    return float(total / (distances.predicted_mm2.sum() + distances.reference_mm2.sum()))


def _is_surface(code: NDArray[np.uint8]) -> Mask:
    """Neither 0 nor 255: adding 1 makes them 1 and, past the end of a byte, 0."""
    import numpy as np

    surface: Mask = code + np.uint8(1) > 1
    return surface


def _quantile_mm(distance_mm: NDArray[np.float64], area_mm2: NDArray[np.float64]) -> float:
    """The smallest distance within which at least 95% of the area lies."""
    import numpy as np

    order = np.argsort(distance_mm)
    covered_mm2 = np.cumsum(area_mm2[order])
    place = np.searchsorted(covered_mm2, HD_QUANTILE * covered_mm2[-1] * (1.0 - ROUNDING))
    return float(distance_mm[order[place]])


def _distances_mm(points: Mask, targets: Mask, spacing_DHW_mm: Spacing) -> NDArray[np.float64]:
    """Distance of each point, in the order of the array, to the nearest target.

    What an Euclidean distance transform of the volume would have at the points, in a third of its time: slices are
    transformed one by one, and distances across slices are added at the points alone, from the nearest slice outwards
    until no other can be nearer.
    """
    import numpy as np
    from scipy import ndimage

    depth_mm, *plane_mm = spacing_DHW_mm

    @cache
    def within_slice_mm2(index: int) -> NDArray[np.float64]:
        distance_HW_mm: NDArray[np.float64] = ndimage.distance_transform_edt(~targets[index], sampling=plane_mm)
        return distance_HW_mm.ravel() ** 2

    target_slices = np.flatnonzero(targets.any(axis=(1, 2)))
    away = points & ~targets
    away_mm2 = []
    for index in np.flatnonzero(away.any(axis=(1, 2))):
        place = np.flatnonzero(away[index])
        nearest_mm2 = np.full(len(place), np.inf)
        for other in target_slices[np.argsort(abs(target_slices - index))]:
            across_mm2 = (depth_mm * (other - index)) ** 2
            left = np.flatnonzero(nearest_mm2 > across_mm2)
            if not len(left):
                break
            candidate_mm2 = within_slice_mm2(int(other))[place[left]] + across_mm2
            nearest_mm2[left] = np.minimum(nearest_mm2[left], candidate_mm2)
        away_mm2.append(nearest_mm2)
    distance_mm = np.zeros(np.count_nonzero(points))
    if away_mm2:
        distance_mm[~targets[points]] = np.sqrt(np.concatenate(away_mm2))
    return distance_mm
