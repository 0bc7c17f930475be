"""Volumes in mL from voxel counts, and the bedside estimate ABC/2 in both of its forms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.scores.kinds import Volume
from hemosweep.scores.masks import Masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemosweep.arrays import Mask, Spacing


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceVolume(Volume):
    """Volume of the reference."""

    name = "reference_ml"
    label = "reference volume"

    def score(self, masks: Masks) -> float:
        return _count(masks.reference_DHW) * masks.voxel_ml


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictedVolume(Volume):
    """Volume of the prediction."""

    name = "predicted_ml"
    label = "predicted volume"

    def score(self, masks: Masks) -> float:
        return _count(masks.prediction_DHW) * masks.voxel_ml


@dataclass(frozen=True, kw_only=True, slots=True)
class FalsePositiveVolume(Volume):
    """Volume of what was predicted outside the reference."""

    name = "false_positive_ml"
    label = "false-positive volume"
    higher_is_better = False

    def score(self, masks: Masks) -> float:
        return _count(masks.prediction_DHW & ~masks.reference_DHW) * masks.voxel_ml


@dataclass(frozen=True, kw_only=True, slots=True)
class VolumeDifference(Volume):
    """Predicted minus reference volume: neither direction is better."""

    name = "volume_difference_ml"
    label = "volume difference"
    lowest = None
    averaged = True

    def score(self, masks: Masks) -> float:
        return _difference_ml(masks)


@dataclass(frozen=True, kw_only=True, slots=True)
class AbsoluteVolumeDifference(Volume):
    """Predicted minus reference volume, without its sign."""

    name = "absolute_volume_difference_ml"
    label = "absolute volume difference"
    higher_is_better = False
    averaged = True

    def score(self, masks: Masks) -> float:
        return abs(_difference_ml(masks))


METRICS = (
    ReferenceVolume(),
    PredictedVolume(),
    FalsePositiveVolume(),
    VolumeDifference(),
    AbsoluteVolumeDifference(),
)


def _difference_ml(masks: Masks) -> float:
    return _count(masks.prediction_DHW) * masks.voxel_ml - _count(masks.reference_DHW) * masks.voxel_ml


def _count(mask_DHW: Mask) -> int:
    import numpy as np

    return int(np.count_nonzero(mask_DHW))


FULL_SLICE, HALF_SLICE = 0.75, 0.25
"""Shares of the largest slice's area: a slice above the first counts whole, one below the second does not count."""


def abc2_ml(mask_DHW: Mask, spacing_DHW_mm: Spacing, *, weighted: bool = True) -> float:
    """ABC/2 of a mask in RAS+ order, in mL; 0 for an empty one.

    On the axial slice with the largest area (the lowest of equal ones), A is the largest diameter and B the largest
    one at right angles to it, both between outer edges of pixels. C is the number of slices times their distance.

    Args:
        weighted: Kothari's form (Kothari et al., Stroke 1996;27:1304-1305): a slice counts 1 if its area is above 75%
            of the largest, 0.5 from 25% to 75%, and 0 below. Without it each slice of the lesion counts 1, so that C is
            its height: A x B x C / 2.

    The rule is for one hemorrhage. A diameter across two would be none, so separate pieces (not even a corner in
    common) are measured one by one and added up.

    Kothari's weights were made for slices of 5 to 10 mm. On thin ones they cut an ellipsoid's height to
    (1 + sqrt(3)) / 4 = 68%, so that the estimate is about two thirds of the volume: 24.5 mL for one of 60 x 40 x 30 mm,
    whose volume is 37.7 mL. There the plain form, 36.0 mL, holds.
    """
    import numpy as np
    from scipy import ndimage

    pieces_DHW, _ = ndimage.label(mask_DHW, structure=np.ones((3, 3, 3)))
    boxes = ndimage.find_objects(pieces_DHW)
    return math.fsum(
        _abc2_ml(pieces_DHW[box] == label, spacing_DHW_mm, weighted) for label, box in enumerate(boxes, start=1)
    )


def _abc2_ml(piece_DHW: Mask, spacing_DHW_mm: Spacing, weighted: bool) -> float:
    import numpy as np

    spacing_d_mm, spacing_h_mm, spacing_w_mm = spacing_DHW_mm
    area_D = piece_DHW.sum(axis=(1, 2))
    a_mm, b_mm = diameters_mm(piece_DHW[int(area_D.argmax())], (spacing_h_mm, spacing_w_mm))
    share_D = area_D / area_D.max()
    weight_D = np.where(share_D > FULL_SLICE, 1.0, np.where(share_D >= HALF_SLICE, 0.5, 0.0))
    num_slices = float(weight_D.sum()) if weighted else float(len(area_D))
    return a_mm * b_mm * num_slices * spacing_d_mm / 2.0 / 1000.0


def diameters_mm(mask_HW: Mask, spacing_HW_mm: tuple[float, float]) -> tuple[float, float]:
    """Largest diameter of a non-empty mask's convex outline, and the largest one at right angles to it."""
    import numpy as np
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist, squareform

    pixels_N2 = np.argwhere(mask_HW)
    corners_K2 = np.unique(np.concatenate([pixels_N2 + corner for corner in ((0, 0), (0, 1), (1, 0), (1, 1))]), axis=0)
    points_K2 = corners_K2 * np.asarray(spacing_HW_mm)
    outline_K2 = points_K2[ConvexHull(points_K2).vertices]
    distance_KK = squareform(pdist(outline_K2))
    first, second = np.unravel_index(int(distance_KK.argmax()), distance_KK.shape)
    a_mm = float(distance_KK[first, second])
    along_2 = (outline_K2[second] - outline_K2[first]) / a_mm
    # Nothing of the outline lies before the first end of A or beyond the second, or it would be farther apart. So A
    # parts it into two chains, and their distance across A is largest at a corner of one of them.
    offset_K2 = outline_K2 - outline_K2[first]
    along_K = offset_K2 @ along_2
    across_K = offset_K2 @ np.array([-along_2[1], along_2[0]])
    order_K = np.argsort(along_K)

    def chain(side: float) -> NDArray[np.float64]:
        """Height of one chain above A, at every corner of the outline."""
        on_chain_K = [k for k in order_K if side * across_K[k] > 0 or k in (first, second)]
        height_K: NDArray[np.float64] = np.interp(along_K, along_K[on_chain_K], side * across_K[on_chain_K])
        return height_K

    return a_mm, float((chain(1.0) + chain(-1.0)).max())
