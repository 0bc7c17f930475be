"""Generalised Dice and cross-entropy, the loss of the work that the paper cites for its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneralisedDiceCE:
    """Sum of the generalised Dice loss and the cross-entropy.

    The paper's Section 2.2.3 cites Clèrigues et al. 2019 for its combined loss, and the public code of that work has
    this form of it, with both parts halved.
    """

    def build(self) -> "Callable[[Tensor, Tensor], Tensor]":
        from hemosweep.model.losses.generalised_dice import generalised_dice_ce_loss

        return generalised_dice_ce_loss
