"""Decay where the validation loss stands still."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hemosweep.errors import BadInput


@dataclass(frozen=True, kw_only=True, slots=True)
class Plateau:
    """Times `factor` whenever the validation loss has not improved for `patience` epochs.

    Early stopping has its own patience, which must be longer to see an effect.
    """

    factor: float = 0.5
    patience: int = 5

    def __post_init__(self) -> None:
        if not 0.0 < self.factor < 1.0:
            raise BadInput(f"factor={self.factor}: must lie in (0, 1)")
        if self.patience < 1:
            raise BadInput(f"patience={self.patience}: must be at least 1")

    def build(self, *, max_epochs: int) -> Callable[[Sequence[float]], float]:
        def factor(val_losses: Sequence[float]) -> float:
            num_cuts, best, since = 0, math.inf, 0
            for val_loss in val_losses:
                best, since = (val_loss, 0) if val_loss < best else (best, since + 1)
                if since == self.patience:
                    num_cuts, since = num_cuts + 1, 0
            return float(self.factor**num_cuts)

        return factor
