"""Polynomial decay."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hemosweep.errors import BadInput


@dataclass(frozen=True, kw_only=True, slots=True)
class Poly:
    """(1 - epoch / max_epochs)^power; 0.9 is the power of nnU-Net (Isensee et al. 2021)."""

    power: float = 0.9

    def __post_init__(self) -> None:
        if not 0.0 < self.power < math.inf:
            raise BadInput(f"power={self.power}: must be positive")

    def build(self, *, max_epochs: int) -> Callable[[Sequence[float]], float]:
        return lambda val_losses: float((1.0 - min(len(val_losses), max_epochs) / max_epochs) ** self.power)
