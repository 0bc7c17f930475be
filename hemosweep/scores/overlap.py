"""Overlap metrics from integer voxel counts; undefined values follow DESIGN.md, *Undefined values*."""

import numpy as np

from hemosweep.arrays import Mask

METRIC_VERSION = "2"
"""Raised whenever a score could change for the same prediction, or a new one comes to be; runs of different versions
are not compared. 1: DSC and volumes. 2: surfaces, lesions, volume differences, voxel sensitivity and precision too."""


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
    if prediction.shape != reference.shape:
        raise ValueError(f"prediction {prediction.shape} and reference {reference.shape} differ in shape")
    num_both = int(np.count_nonzero(prediction & reference))
    return num_both, int(np.count_nonzero(prediction)), int(np.count_nonzero(reference))
