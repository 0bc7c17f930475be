"""Ranges of an optimiser's values."""

import math

from hemosweep.errors import BadInput


def check_optimiser(learning_rate: float, weight_decay: float, **shares: float) -> None:
    """Refuse values that no optimiser works with.

    Args:
        shares: numbers of at least 0 and below 1, such as a momentum.

    Raises:
        BadInput: names the value and its range.
    """
    if not 0.0 < learning_rate < math.inf:
        raise BadInput(f"learning_rate={learning_rate}: must be positive")
    if not 0.0 <= weight_decay < math.inf:
        raise BadInput(f"weight_decay={weight_decay}: must not be negative")
    for name, share in shares.items():
        if not 0.0 <= share < 1.0:
            raise BadInput(f"{name}={share}: must lie in [0, 1)")
