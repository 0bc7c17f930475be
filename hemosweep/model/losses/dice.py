"""The soft Dice loss alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor

OVER = ("batch", "sample")


@dataclass(frozen=True, kw_only=True, slots=True)
class SoftDice:
    """One minus the soft Dice coefficient, over the voxels of the whole batch or of each patch (`over="sample"`), then
    averaged over the patches.

    `background` counts as a class of its own, or is left out.
    """

    over: str = "batch"
    background: bool = True

    def __post_init__(self) -> None:
        if self.over not in OVER:
            raise BadInput(f"over={self.over!r}: choose one of {', '.join(OVER)}")

    def build(self) -> "Callable[[Tensor, Tensor], Tensor]":
        from hemosweep.model.losses.soft_dice import soft_dice_loss

        return partial(soft_dice_loss, each_sample=self.over == "sample", background=self.background)
