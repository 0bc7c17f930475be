"""Training losses, each a function `(logits_BCDHW, label_BDHW) -> scalar` with integer class labels.

Labels become one-hot by comparison and the cross-entropy is spelled out: on CUDA, PyTorch's own (`nll_loss2d`) cannot
repeat its bits and is refused by `torch.use_deterministic_algorithms`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]


def soft_dice_loss(logits_BCDHW: Tensor, label_BDHW: Tensor, epsilon: float = 1e-5) -> Tensor:
    """One minus the soft Dice coefficient, averaged over both classes.

    Overlap and volumes are summed over the whole batch: half of the patches hold no lesion voxel, where a Dice
    coefficient per patch is undefined. The background counts as a class of its own.
    """
    probability = torch.softmax(logits_BCDHW.float(), dim=1)
    target = _one_hot(label_BDHW, like_BCDHW=probability)
    over = (0, 2, 3, 4)
    overlap_C = (probability * target).sum(dim=over)
    volumes_C = probability.sum(dim=over) + target.sum(dim=over)
    return 1.0 - ((2.0 * overlap_C + epsilon) / (volumes_C + epsilon)).mean()


def dice_ce_loss(logits_BCDHW: Tensor, label_BDHW: Tensor) -> Tensor:
    """Sum of the soft Dice loss and the cross-entropy (paper, Section 2.2.3; Clèrigues et al. 2019)."""
    return soft_dice_loss(logits_BCDHW, label_BDHW) - _log_probability(logits_BCDHW, label_BDHW).mean()


def focal_loss(logits_BCDHW: Tensor, label_BDHW: Tensor, gamma: float = 2.0) -> Tensor:
    """Cross-entropy of each voxel times (1 - p)^gamma, averaged: easy voxels count less (Lin et al. 2017, Eq. 4).

    Without the weight alpha of its Eq. 5: balanced sampling settles the classes' shares, and the paper names none.
    """
    log_p_BDHW = _log_probability(logits_BCDHW, label_BDHW)
    # At p = 1 a power below one has no finite slope.
    miss_BDHW = (-torch.expm1(log_p_BDHW)).clamp(min=1e-8)
    return -(miss_BDHW**gamma * log_p_BDHW).mean()


def _one_hot(label_BDHW: Tensor, like_BCDHW: Tensor) -> Tensor:
    """1 in the channel of each voxel's class, 0 in the others."""
    class_C111 = torch.arange(like_BCDHW.shape[1], device=label_BDHW.device)[:, None, None, None]
    return (label_BDHW[:, None] == class_C111).to(like_BCDHW.dtype)


def _log_probability(logits_BCDHW: Tensor, label_BDHW: Tensor) -> Tensor:
    """Logarithm of the probability that each voxel's own class is given, `(B, D, H, W)`; minus the cross-entropy."""
    log_p_BCDHW = torch.log_softmax(logits_BCDHW.float(), dim=1)
    return (log_p_BCDHW * _one_hot(label_BDHW, like_BCDHW=log_p_BCDHW)).sum(dim=1)
