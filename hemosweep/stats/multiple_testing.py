"""Comparisons of one family, with p-values that are adjusted for their number.

A comparison whose p-value does not exist is None: it stays None and does not count in the family's size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemosweep.errors import BadInput
from hemosweep.stats.paired import PairedComparison, to_json
from hemosweep.stats.ttest import SIGNIFICANCE_LEVEL

CLAIMS = frozenset({"better", "worse", "different", "within_seed_noise"})
"""Outcomes in which the t-test found a difference."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FamilyComparison:
    """A comparison B - A with its p-value within the family, after Holm and after Benjamini and Hochberg.

    `paper_p` is the bound that the paper prints for p, such as "<0.01"; None where it prints none.
    """

    a: str
    b: str
    comparison: PairedComparison
    holm_p: float | None
    bh_p: float | None
    paper_p: str | None = None

    @property
    def taken_back(self) -> bool:
        """True where the comparison by itself claims a difference that Holm's correction does not bear out."""
        return self.comparison.outcome in CLAIMS and self.holm_p is not None and self.holm_p >= SIGNIFICANCE_LEVEL

    @property
    def verdict(self) -> str:
        """The comparison's own verdict, or that its claim does not hold within the family."""
        if not self.taken_back:
            return self.comparison.verdict
        return (
            f"Not significant within this family of comparisons (Holm p = {self.holm_p:.4f}). "
            f"By itself: {self.comparison.verdict}"
        )

    def as_json(self) -> dict[str, Any]:
        """The family's keys and the comparison's, whose `verdict` is of the comparison by itself."""
        family = {"a": self.a, "b": self.b, "holm_p": self.holm_p, "bh_p": self.bh_p, "paper_p": self.paper_p}
        return family | {"family_verdict": self.verdict} | to_json(self.comparison)


def adjusted(pairs: Sequence[tuple[str, str]], comparisons: Sequence[PairedComparison]) -> list[FamilyComparison]:
    """Comparisons as one family: those without a p-value stay, and do not count in its size.

    Args:
        pairs: the names of A and B of each comparison.
    """
    p_values = [comparison.p for comparison in comparisons]
    values = zip(pairs, comparisons, holm(p_values), benjamini_hochberg(p_values), strict=True)
    return [
        FamilyComparison(a=a, b=b, comparison=comparison, holm_p=holm_p, bh_p=bh_p)
        for (a, b), comparison, holm_p, bh_p in values
    ]


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
