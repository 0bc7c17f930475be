"""The root of a function of one number, without `scipy.optimize`, which takes longer to import than a comparison."""

import math
from collections.abc import Callable

# A hundred halvings of an interval below 1e6 leave less than 1e-24 of it: every double is told from its neighbour,
# but for roots that are nearly zero.
MAX_HALVINGS = 100


def bisect(function: Callable[[float], float], low: float, high: float) -> float:
    """The number between `low` and `high` at which a monotonic function changes its sign, to the last digit."""
    sign = function(low)
    assert sign * function(high) <= 0, f"no change of sign between {low} and {high}"
    for _ in range(MAX_HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        value = function(middle)
        assert not math.isnan(value), f"no number at {middle}"
        if value * sign > 0:
            low = middle
        else:
            high = middle
    return high
