"""Overlap metrics from integer voxel counts; undefined values follow DESIGN.md, *Undefined values*."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.scores.kinds import Share
from hemosweep.scores.masks import Masks

if TYPE_CHECKING:
    from hemosweep.arrays import Mask


@dataclass(frozen=True, kw_only=True, slots=True)
class Dsc(Share):
    """Dice similarity coefficient: see `dice`."""

    name = "dsc"
    label = "DSC"

    def score(self, masks: Masks) -> float | None:
        return dice(masks.prediction_DHW, masks.reference_DHW)


@dataclass(frozen=True, kw_only=True, slots=True)
class VoxelSensitivity(Share):
    """Share of the reference that was found: see `voxel_sensitivity`."""

    name = "voxel_sensitivity"
    label = "voxel sensitivity"

    def score(self, masks: Masks) -> float | None:
        return voxel_sensitivity(masks.prediction_DHW, masks.reference_DHW)


@dataclass(frozen=True, kw_only=True, slots=True)
class VoxelPrecision(Share):
    """Share of the prediction that is right: see `voxel_precision`."""

    name = "voxel_precision"
    label = "voxel precision"

    def score(self, masks: Masks) -> float | None:
        return voxel_precision(masks.prediction_DHW, masks.reference_DHW)


METRICS = (Dsc(), VoxelSensitivity(), VoxelPrecision())


def dice(prediction: Mask, reference: Mask) -> float | None:
    """Dice similarity coefficient 2TP / (2TP + FP + FN) (paper, Section 2.3), of two masks of one shape.

    Zero for an empty prediction of a non-empty reference; None, undefined, for an empty reference.
    """
    num_both, num_predicted, num_reference = _count(prediction, reference)
    return 2 * num_both / (num_predicted + num_reference) if num_reference else None


def voxel_sensitivity(prediction: Mask, reference: Mask) -> float | None:
    """TP / (TP + FN), the share of the reference that was found; None, undefined, for an empty reference."""
    num_both, _, num_reference = _count(prediction, reference)
    return num_both / num_reference if num_reference else None


def voxel_precision(prediction: Mask, reference: Mask) -> float | None:
    """TP / (TP + FP), the share of the prediction that is right; None, undefined, for an empty prediction."""
    num_both, num_predicted, _ = _count(prediction, reference)
    return num_both / num_predicted if num_predicted else None


def _count(prediction: Mask, reference: Mask) -> tuple[int, int, int]:
    """Voxels in both masks, in the prediction and in the reference."""
    import numpy as np

    if prediction.shape != reference.shape:
        raise ValueError(f"prediction {prediction.shape} and reference {reference.shape} differ in shape")
    num_both = int(np.count_nonzero(prediction & reference))
    return num_both, int(np.count_nonzero(prediction)), int(np.count_nonzero(reference))
