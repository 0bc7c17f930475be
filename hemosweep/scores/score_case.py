"""Scores of one case.

What a score is where a mask is empty (DESIGN.md, *Undefined values*; None is undefined):

    ==============================  ===========  ===============  ================
    score                           both empty   reference empty  prediction empty
    ==============================  ===========  ===============  ================
    dsc, lesion_f1                  None         None             0
    nsd                             None         0                0
    hd95_mm, assd_mm                None         image diagonal   image diagonal
    *_sensitivity                   None         None             0
    *_precision                     None         0                None
    volume_difference_ml            0            predicted_ml     -reference_ml
    absolute_volume_difference_ml   0            predicted_ml     reference_ml
    false_positive_ml               0            predicted_ml     0
    ==============================  ===========  ===============  ================

The diagonal is that of the whole image, in mm: no distance between two masks can be longer, so that nothing is gained
by predicting nothing.
"""

import math

import numpy as np

from hemosweep.arrays import Mask, Spacing
from hemosweep.scores.lesions import count_lesions, lesion_f1, lesion_precision, lesion_sensitivity
from hemosweep.scores.overlap import dice, voxel_precision, voxel_sensitivity
from hemosweep.scores.surface import (
    average_distance_mm,
    hausdorff95_mm,
    normalised_surface_dice,
    surface_distances,
)
from hemosweep.scores.table import CaseScores


def score_case(
    prediction: Mask,
    reference: Mask,
    *,
    spacing_DHW_mm: Spacing,
    case_id: str,
    fold: int,
    ivh: str,
) -> CaseScores:
    """Score a prediction against the reference, both `(D, H, W)` on the scanner's grid.

    Distances take the grid as right-angled; on a tilted scan they leave out by how much each slice is shifted.

    Raises:
        ValueError: the two differ in shape.
    """
    if prediction.shape != reference.shape:
        raise ValueError(f"prediction {prediction.shape} and reference {reference.shape} differ in shape")
    diagonal_mm = math.hypot(*(size * mm for size, mm in zip(reference.shape, spacing_DHW_mm, strict=True)))
    box = _bounding_box(prediction | reference)
    prediction, reference = prediction[box], reference[box]
    voxel_ml = math.prod(spacing_DHW_mm) / 1000.0
    reference_ml = int(np.count_nonzero(reference)) * voxel_ml
    predicted_ml = int(np.count_nonzero(prediction)) * voxel_ml
    nsd, hd95_mm, assd_mm = _surface_scores(prediction, reference, spacing_DHW_mm, diagonal_mm)
    lesions = count_lesions(prediction, reference)
    return CaseScores(
        case_id=case_id,
        dsc=dice(prediction, reference),
        fold=fold,
        ivh=ivh,
        reference_ml=reference_ml,
        predicted_ml=predicted_ml,
        false_positive_ml=int(np.count_nonzero(prediction & ~reference)) * voxel_ml,
        nsd=nsd,
        hd95_mm=hd95_mm,
        assd_mm=assd_mm,
        volume_difference_ml=predicted_ml - reference_ml,
        absolute_volume_difference_ml=abs(predicted_ml - reference_ml),
        lesion_f1=lesion_f1(lesions),
        lesion_sensitivity=lesion_sensitivity(lesions),
        lesion_precision=lesion_precision(lesions),
        voxel_sensitivity=voxel_sensitivity(prediction, reference),
        voxel_precision=voxel_precision(prediction, reference),
    )


def _surface_scores(
    prediction_DHW: Mask,
    reference_DHW: Mask,
    spacing_DHW_mm: Spacing,
    diagonal_mm: float,
) -> tuple[float | None, float | None, float | None]:
    """Surface Dice, 95% Hausdorff distance and average symmetric surface distance."""
    has_prediction, has_reference = bool(prediction_DHW.any()), bool(reference_DHW.any())
    if not has_prediction and not has_reference:
        return None, None, None
    if not has_prediction or not has_reference:
        return 0.0, diagonal_mm, diagonal_mm
    distances = surface_distances(prediction_DHW, reference_DHW, spacing_DHW_mm)
    return normalised_surface_dice(distances), hausdorff95_mm(distances), average_distance_mm(distances)


def _bounding_box(mask_DHW: Mask) -> tuple[slice, ...]:
    """The smallest box that holds a mask; an empty box for an empty mask. Everything is much faster inside it."""
    if not mask_DHW.any():
        return (slice(0, 0),) * mask_DHW.ndim
    ranges = []
    for axis in range(mask_DHW.ndim):
        others = tuple(other for other in range(mask_DHW.ndim) if other != axis)
        (inside,) = np.nonzero(mask_DHW.any(axis=others))
        ranges.append(slice(int(inside[0]), int(inside[-1]) + 1))
    return tuple(ranges)
