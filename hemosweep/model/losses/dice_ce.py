"""Dice and cross-entropy, the paper's loss."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class DiceCE:
    """Sum of the soft Dice loss and the cross-entropy (paper, Section 2.2.3)."""

    def build(self) -> "Callable[[Tensor, Tensor], Tensor]":
        from hemosweep.model.losses.soft_dice import dice_ce_loss

        return dice_ce_loss
