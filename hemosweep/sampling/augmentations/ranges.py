"""Ranges that augmentations draw from."""

from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor


def check_range(name: str, value: float, below: float) -> None:
    """Refuse the half-width of a range that is negative or too large.

    Raises:
        BadInput: it is.
    """
    if not 0.0 <= value < below:
        raise BadInput(f"{name}={value}: must lie in [0, {below:g})")


def drawn(half_width: float, like: "Tensor", *shape: int) -> "Tensor":
    """Uniform numbers between minus and plus `half_width`, on the device of a tensor, from its global generator."""
    import torch

    return (2.0 * torch.rand(shape, device=like.device) - 1.0) * half_width
