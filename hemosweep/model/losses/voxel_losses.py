"""Losses of single voxels, some of which weigh more than others."""

from typing import Literal

from torch import Tensor

from hemosweep.model.losses.focal_loss import focal_map
from hemosweep.model.losses.logits import log_probability


def cross_entropy_loss(
    logits_BCDHW: Tensor,
    label_BDHW: Tensor,
    lesion_weight: float | Literal["balanced"] | None = None,
    at_most: float = 10.0,
) -> Tensor:
    """Weighted mean of the cross-entropy of each voxel (`hemosweep.model.losses.cross_entropy.CrossEntropy`)."""
    ce_BDHW = -log_probability(logits_BCDHW, label_BDHW)
    if lesion_weight is None:
        return ce_BDHW.mean()
    lesion_BDHW = (label_BDHW == 1).to(ce_BDHW.dtype)
    weight: float | Tensor
    if lesion_weight == "balanced":
        num_lesion = lesion_BDHW.sum()
        weight = ((lesion_BDHW.numel() - num_lesion) / num_lesion.clamp(min=1.0)).clamp(min=1.0 / at_most, max=at_most)
    else:
        weight = lesion_weight
    weight_BDHW = 1.0 + (weight - 1.0) * lesion_BDHW
    return (weight_BDHW * ce_BDHW).sum() / weight_BDHW.sum()


def weighted_voxel_loss(logits_BCDHW: Tensor, label_BDHW: Tensor, weight_BDHW: Tensor, gamma: float = 0.0) -> Tensor:
    """Mean over the voxels of weight times focal loss, which is the cross-entropy at gamma 0."""
    if gamma:
        return (weight_BDHW * focal_map(logits_BCDHW, label_BDHW, gamma)).mean()
    return -(weight_BDHW * log_probability(logits_BCDHW, label_BDHW)).mean()
