"""Generalised Dice, alone and with the cross-entropy."""

import torch
from torch import Tensor

from hemosweep.model.losses.logits import log_probability, one_hot


def generalised_dice_loss(logits_BCDHW: Tensor, label_BDHW: Tensor, epsilon: float = 1e-5) -> Tensor:
    """One minus twice the weighted overlap over the weighted volumes, both summed over the classes (Sudre et al. 2017).

    A class weighs one over its volume in the batch (the squared volume of the original gives a small lesion nearly all
    weight). A class without a voxel in the batch has the largest weight of the others, as in MONAI.
    """
    probability = torch.softmax(logits_BCDHW.float(), dim=1)
    target = one_hot(label_BDHW, like_BCDHW=probability)
    over = (0, 2, 3, 4)
    volume_C = target.sum(dim=over)
    smallest = torch.where(volume_C > 0, volume_C, volume_C.max()).min()
    weight_C = 1.0 / torch.where(volume_C > 0, volume_C, smallest)
    overlap = (weight_C * (probability * target).sum(dim=over)).sum()
    volumes = (weight_C * (probability.sum(dim=over) + volume_C)).sum()
    return 1.0 - (2.0 * overlap + epsilon) / (volumes + epsilon)


def generalised_dice_ce_loss(logits_BCDHW: Tensor, label_BDHW: Tensor) -> Tensor:
    """Sum of the generalised Dice loss and the cross-entropy."""
    return generalised_dice_loss(logits_BCDHW, label_BDHW) - log_probability(logits_BCDHW, label_BDHW).mean()
