"""Overlap metrics from integer voxel counts; undefined values follow DESIGN.md, *Undefined values*."""

import numpy as np
from numpy.typing import NDArray

METRIC_VERSION = "1"
"""Raised whenever a score could change for the same prediction; runs of different versions are not compared."""


def dice(prediction: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float | None:
    """Dice similarity coefficient 2TP / (2TP + FP + FN) (paper, Section 2.3), of two masks of one shape.

    Zero for an empty prediction of a non-empty reference; None, undefined, for an empty reference.
    """
    if prediction.shape != reference.shape:
        raise ValueError(f"prediction {prediction.shape} and reference {reference.shape} differ in shape")
    num_reference = int(np.count_nonzero(reference))
    if num_reference == 0:
        return None
    num_both = int(np.count_nonzero(prediction & reference))
    return 2 * num_both / (int(np.count_nonzero(prediction)) + num_reference)
