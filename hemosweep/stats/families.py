"""p-values of a family of comparisons, adjusted for their number.

A comparison whose p-value does not exist is None: it stays None and does not count in the family's size.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hemosweep.errors import BadInput


def holm(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Adjusted for the family-wise error rate, step-down (Holm 1979), in the order given.

    Raises:
        BadInput: a value outside [0, 1].
    """
    p_m, order_m = _ascending(p_values)
    factor_m = np.arange(p_m.size, 0, -1)
    return _in_place(p_values, order_m, np.maximum.accumulate(p_m * factor_m))


def benjamini_hochberg(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Adjusted for the false discovery rate, step-up (Benjamini and Hochberg 1995), in the order given.

    Raises:
        BadInput: a value outside [0, 1].
    """
    p_m, order_m = _ascending(p_values)
    factor_m = p_m.size / np.arange(1, p_m.size + 1)
    return _in_place(p_values, order_m, np.minimum.accumulate((p_m * factor_m)[::-1])[::-1])


def _ascending(p_values: Sequence[float | None]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The p-values that exist, ascending, and their places in the sequence."""
    for place, p in enumerate(p_values):
        if p is not None and not 0.0 <= p <= 1.0:
            raise BadInput(
                f"comparison {place + 1}: p-value {p:g} is outside [0, 1]; give None for one that is missing"
            )
    place_m = np.array([place for place, p in enumerate(p_values) if p is not None], dtype=np.intp)
    p_m = np.array([p for p in p_values if p is not None], dtype=np.float64)
    order_m = np.argsort(p_m, kind="stable")
    return p_m[order_m], place_m[order_m]


def _in_place(
    p_values: Sequence[float | None], place_m: NDArray[np.intp], adjusted_m: NDArray[np.float64]
) -> tuple[float | None, ...]:
    adjusted: list[float | None] = [None] * len(p_values)
    for place, value in zip(place_m.tolist(), adjusted_m.tolist(), strict=True):
        adjusted[place] = min(value, 1.0)
    return tuple(adjusted)
