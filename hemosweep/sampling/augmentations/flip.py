"""Random flips."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Flip:
    """Flips along the axes that are given, of each patch with an even chance."""

    left_right: bool = True
    front_back: bool = False
    head_foot: bool = False

    def __post_init__(self) -> None:
        if not (self.left_right or self.front_back or self.head_foot):
            raise BadInput("Flip: no axis is given; set left_right, front_back or head_foot")

    def build(self) -> "Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, tuple[Tensor, ...]]]":
        # From the last axis of a patch: W, H, D.
        axes = ((-1, self.left_right), (-2, self.front_back), (-3, self.head_foot))
        return partial(_flip, axes=tuple(axis for axis, is_given in axes if is_given))


def _flip(
    x_BCDHW: "Tensor", maps_BDHW: "tuple[Tensor, ...]", *, axes: tuple[int, ...]
) -> "tuple[Tensor, tuple[Tensor, ...]]":
    import torch

    for axis in axes:
        is_flipped_B = torch.rand(len(x_BCDHW), device=x_BCDHW.device) < 0.5
        x_BCDHW, *maps = (
            torch.where(is_flipped_B.view(-1, *(1,) * (one.ndim - 1)), one.flip(axis), one)
            for one in (x_BCDHW, *maps_BDHW)
        )
        maps_BDHW = tuple(maps)
    return x_BCDHW, maps_BDHW
