"""The focal loss, with which the paper compares its own."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Focal:
    """Focal loss (paper, Section 3.2); gamma 2 is the value of Lin et al. 2017."""

    gamma: float = 2.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.gamma < math.inf:
            raise BadInput(f"gamma={self.gamma}: must not be negative")

    def build(self) -> "Callable[[Tensor, Tensor], Tensor]":
        from hemosweep.model.losses.focal_loss import focal_loss

        return partial(focal_loss, gamma=self.gamma)
