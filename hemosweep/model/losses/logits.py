"""Log-probabilities and one-hot labels of logits.

Labels become one-hot by comparison and the cross-entropy is spelled out: on CUDA, PyTorch's own (`nll_loss2d`) cannot
repeat its bits and is refused by `torch.use_deterministic_algorithms`.
"""

import torch
from torch import Tensor


def one_hot(label_BDHW: Tensor, like_BCDHW: Tensor) -> Tensor:
    """1 in the channel of each voxel's class, 0 in the others."""
    class_C111 = torch.arange(like_BCDHW.shape[1], device=label_BDHW.device)[:, None, None, None]
    return (label_BDHW[:, None] == class_C111).to(like_BCDHW.dtype)


def log_probability(logits_BCDHW: Tensor, label_BDHW: Tensor) -> Tensor:
    """Logarithm of the probability that each voxel's own class is given, `(B, D, H, W)`; minus the cross-entropy."""
    log_p_BCDHW = torch.log_softmax(logits_BCDHW.float(), dim=1)
    return (log_p_BCDHW * one_hot(label_BDHW, like_BCDHW=log_p_BCDHW)).sum(dim=1)
