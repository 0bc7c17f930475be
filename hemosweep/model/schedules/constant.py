"""No schedule, as in the paper."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Constant:
    """The learning rate stays what it is (paper, Section 2.2.3)."""

    def build(self, *, max_epochs: int) -> Callable[[Sequence[float]], float]:
        return lambda val_losses: 1.0
