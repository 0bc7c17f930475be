"""The focal loss of logits."""

import torch
from torch import Tensor

from hemosweep.model.losses.logits import log_probability


def focal_loss(logits_BCDHW: Tensor, label_BDHW: Tensor, gamma: float = 2.0) -> Tensor:
    """Cross-entropy of each voxel times (1 - p)^gamma, averaged: easy voxels count less (Lin et al. 2017, Eq. 4).

    Without the weight alpha of its Eq. 5: balanced sampling settles the classes' shares, and the paper names none.
    """
    return focal_map(logits_BCDHW, label_BDHW, gamma).mean()


def focal_map(logits_BCDHW: Tensor, label_BDHW: Tensor, gamma: float) -> Tensor:
    """The focal loss of each voxel."""
    log_p_BDHW = log_probability(logits_BCDHW, label_BDHW)
    # At p = 1 a power below one has no finite slope.
    miss_BDHW = (-torch.expm1(log_p_BDHW)).clamp(min=1e-8)
    return -(miss_BDHW**gamma * log_p_BDHW)
