"""Soft Dice, alone and with the cross-entropy."""

import torch
from torch import Tensor

from hemosweep.model.losses.logits import log_probability, one_hot


def soft_dice_loss(
    logits_BCDHW: Tensor,
    label_BDHW: Tensor,
    epsilon: float = 1e-5,
    *,
    each_sample: bool = False,
    background: bool = True,
) -> Tensor:
    """One minus the soft Dice coefficient, averaged over both classes.

    Overlap and volumes are summed over the whole batch: half of the patches hold no lesion voxel, where a Dice
    coefficient per patch is undefined. The background counts as a class of its own.

    Args:
        each_sample: sum over each patch instead, and average over the patches, too; one that holds no lesion voxel has
            the lesion's coefficient `epsilon` over the predicted volume.
        background: whether the background counts.
    """
    probability = torch.softmax(logits_BCDHW.float(), dim=1)
    target = one_hot(label_BDHW, like_BCDHW=probability)
    over = (2, 3, 4) if each_sample else (0, 2, 3, 4)
    overlap_C = (probability * target).sum(dim=over)
    volumes_C = probability.sum(dim=over) + target.sum(dim=over)
    dice_C = (2.0 * overlap_C + epsilon) / (volumes_C + epsilon)
    return 1.0 - (dice_C if background else dice_C[..., 1:]).mean()


def dice_ce_loss(logits_BCDHW: Tensor, label_BDHW: Tensor) -> Tensor:
    """Sum of the soft Dice loss and the cross-entropy (paper, Section 2.2.3; Clèrigues et al. 2019)."""
    return soft_dice_loss(logits_BCDHW, label_BDHW) - log_probability(logits_BCDHW, label_BDHW).mean()
