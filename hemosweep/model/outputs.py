"""Outputs of a network in training: one tensor of logits, or several, each with a weight in the loss."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from hemosweep.errors import BadInput
from hemosweep.model.losses.logits import log_probability


class Output(NamedTuple):
    """Logits of voxels `(B, 2, d, h, w)`, or of whole slices `(B, 2, D)`, and their weight in the loss."""

    logits: Tensor
    weight: float


Outputs = Tensor | tuple[Output, ...]
"""Outputs of a network: logits alone, or in training several outputs, the first one at full resolution."""


def loss_of_outputs(
    loss: Callable[..., Tensor], outputs: Outputs, label_BDHW: Tensor, weight_BDHW: Tensor | None = None
) -> Tensor:
    """Return the sum of the outputs' losses, each times its weight; logits alone have the weight 1.

    Logits of a lower resolution are compared with the nearest voxels of the label, as in nnU-Net. Logits of slices are
    compared with "this slice of the labelled part holds lesion" by the cross-entropy, whatever the loss.

    Args:
        loss: a function as in `hemosweep.components.protocols.Loss`.
        weight_BDHW: weights of the voxels, for a loss that takes them.

    Raises:
        BadInput: logits of slices are not as many as the slices of the labelled part.
    """
    maps = (label_BDHW,) if weight_BDHW is None else (label_BDHW, weight_BDHW)
    if isinstance(outputs, Tensor):
        return loss(outputs, *maps)
    first, *others = (output.weight * _loss_of_one(loss, output.logits, maps) for output in outputs)
    return sum(others, start=first)


def _loss_of_one(loss: Callable[..., Tensor], logits: Tensor, maps: tuple[Tensor, ...]) -> Tensor:
    if logits.ndim == 3:
        return _slice_loss(logits, maps[0])
    size_DHW = tuple(logits.shape[2:])
    return loss(logits, *(nearest(one_BDHW, size_DHW) for one_BDHW in maps))


def _slice_loss(logits_BCD: Tensor, label_BDHW: Tensor) -> Tensor:
    """Cross-entropy of whole slices."""
    if logits_BCD.shape[2] != label_BDHW.shape[1]:
        raise BadInput(
            f"the network's logits of slices are {tuple(logits_BCD.shape)}, while {label_BDHW.shape[1]} slices are "
            "labelled; return (B, 2, D)"
        )
    slice_BD11 = (label_BDHW == 1).any(dim=3, keepdim=True).any(dim=2, keepdim=True).long()
    return -log_probability(logits_BCD[..., None, None], slice_BD11).mean()


def nearest(map_BDHW: Tensor, size_DHW: tuple[int, ...]) -> Tensor:
    """A map on a grid of another size over the same extent: each voxel has the value at its centre."""
    for axis, size in enumerate(size_DHW, start=1):
        length = map_BDHW.shape[axis]
        if size != length:
            centre = torch.arange(size, device=map_BDHW.device) * 2 + 1
            map_BDHW = map_BDHW.index_select(axis, centre * length // (2 * size))
    return map_BDHW
