"""Cosine decay."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hemosweep.errors import BadInput


@dataclass(frozen=True, kw_only=True, slots=True)
class Cosine:
    """Half a cosine from 1 to `lowest` over all epochs, without restarts (Loshchilov and Hutter 2017, Eq. 5)."""

    lowest: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.lowest < 1.0:
            raise BadInput(f"lowest={self.lowest}: must lie in [0, 1)")

    def build(self, *, max_epochs: int) -> Callable[[Sequence[float]], float]:
        def factor(val_losses: Sequence[float]) -> float:
            done = min(len(val_losses), max_epochs) / max_epochs
            return self.lowest + (1.0 - self.lowest) * (1.0 + math.cos(math.pi * done)) / 2.0

        return factor
