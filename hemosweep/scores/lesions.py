"""Scores of found lesions, independent of their size: a missed small lesion hardly changes a voxel score.

A lesion is a connected component of a mask; voxels with a corner in common are connected (26 neighbours). A reference
lesion is found when at least one of its voxels is predicted, and a predicted lesion is right when at least one of its
voxels is in the reference. That is the rule of the lesion-wise scores of the WMH challenge (Kuijf et al., IEEE Trans
Med Imaging 2019;38(11):2556-2568) and of ISLES 2022 and ATLAS. One prediction may find several lesions, so that one of
the whole brain finds all: these scores stand beside the voxel and surface scores, not for them. Nothing is too small to
count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.scores.kinds import Share
from hemosweep.scores.masks import Masks

if TYPE_CHECKING:
    from hemosweep.arrays import Mask


@dataclass(frozen=True, kw_only=True, slots=True)
class LesionF1(Share):
    """Harmonic mean of the two below: see `lesion_f1`."""

    name = "lesion_f1"
    label = "lesion F1"

    def score(self, masks: Masks) -> float | None:
        return lesion_f1(masks.once(lesion_counts))


@dataclass(frozen=True, kw_only=True, slots=True)
class LesionSensitivity(Share):
    """Share of the reference's lesions that were found: see `lesion_sensitivity`."""

    name = "lesion_sensitivity"
    label = "lesion sensitivity"

    def score(self, masks: Masks) -> float | None:
        return lesion_sensitivity(masks.once(lesion_counts))


@dataclass(frozen=True, kw_only=True, slots=True)
class LesionPrecision(Share):
    """Share of the predicted lesions that are right: see `lesion_precision`."""

    name = "lesion_precision"
    label = "lesion precision"

    def score(self, masks: Masks) -> float | None:
        return lesion_precision(masks.once(lesion_counts))


METRICS = (LesionF1(), LesionSensitivity(), LesionPrecision())


@dataclass(frozen=True, kw_only=True, slots=True)
class LesionCounts:
    """Numbers of reference lesions, of found ones among them, of predicted lesions, and of right ones among them."""

    num_reference: int
    num_found: int
    num_predicted: int
    num_right: int


def lesion_counts(masks: Masks) -> LesionCounts:
    """Lesions of a case, which its three metrics share."""
    return count_lesions(masks.prediction_DHW, masks.reference_DHW)


def count_lesions(prediction_DHW: Mask, reference_DHW: Mask) -> LesionCounts:
    """Count the lesions of two masks of one shape."""
    num_reference, num_found = _count_and_hit(reference_DHW, prediction_DHW)
    num_predicted, num_right = _count_and_hit(prediction_DHW, reference_DHW)
    return LesionCounts(
        num_reference=num_reference, num_found=num_found, num_predicted=num_predicted, num_right=num_right
    )


def lesion_sensitivity(counts: LesionCounts) -> float | None:
    """Share of the reference's lesions that were found; None, undefined, where it has none."""
    return counts.num_found / counts.num_reference if counts.num_reference else None


def lesion_precision(counts: LesionCounts) -> float | None:
    """Share of the predicted lesions that are right; None, undefined, where none was predicted."""
    return counts.num_right / counts.num_predicted if counts.num_predicted else None


def lesion_f1(counts: LesionCounts) -> float | None:
    """Harmonic mean of lesion-wise sensitivity and precision, as in the WMH challenge.

    As with DSC: zero where no lesion was found, also because nothing was predicted; None, undefined, where the
    reference has none.
    """
    sensitivity, precision = lesion_sensitivity(counts), lesion_precision(counts)
    if sensitivity is None:
        return None
    if not sensitivity or not precision:
        return 0.0
    return 2.0 * sensitivity * precision / (sensitivity + precision)


def _count_and_hit(mask_DHW: Mask, other_DHW: Mask) -> tuple[int, int]:
    """Components of a mask, and those of them that another mask hits."""
    import numpy as np
    from scipy import ndimage

    label_DHW, num_components = ndimage.label(mask_DHW, structure=np.ones((3, 3, 3)))
    is_hit = np.zeros(num_components + 1, dtype=bool)
    is_hit[label_DHW[mask_DHW & other_DHW]] = True
    return num_components, int(np.count_nonzero(is_hit))
