"""A lab's own metric: overlap of the two boundaries alone (boundary IoU; Cheng et al. 2021)."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from hemosweep.ablation.sweep import Sweep
from hemosweep.scores.kinds import Share
from hemosweep.scores.masks import Masks


@dataclass(frozen=True)
class BoundaryIoU(Share):
    """Intersection over union of the voxels of each mask that touch its outside within a slice; None for two empty
    masks."""

    name = "boundary_iou"
    label = "boundary IoU"

    def score(self, masks: Masks) -> float | None:
        prediction, reference = boundary(masks.prediction_DHW), boundary(masks.reference_DHW)
        union = np.count_nonzero(prediction | reference)
        return np.count_nonzero(prediction & reference) / union if union else None


def boundary(mask_DHW):
    cross = ndimage.generate_binary_structure(2, 1)[None]
    return mask_DHW & ~ndimage.binary_erosion(mask_DHW, cross)


SWEEP = Sweep(
    name="boundary",
    question="Do more patches find the border better?",
    space={"num_patches": (32, 64)},
    arm_name=lambda params: str(params["num_patches"]),
    configure=lambda base, params: replace(
        base, sampling=replace(base.sampling, num_patches_per_case=params["num_patches"])
    ),
    baseline="32",
    comparisons=(("32", "64"),),
    metrics=(BoundaryIoU(),),
)
