"""Comparisons of one family, with p-values that are adjusted for their number.

Adjusted are the p-values of the claims (`stats.claim`), over all comparisons that the family declares: one that is not
there yet, or has no p-value, counts in the family's size as the largest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemosweep.errors import BadInput
from hemosweep.stats.paired import PairedComparison, to_json
from hemosweep.stats.ttest import SIGNIFICANCE_LEVEL
from hemosweep.stats.verdict import Outcome

CLAIMS = frozenset({"better", "worse", "different"})
"""Outcomes that claim a difference."""


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
    def outcome(self) -> Outcome:
        """The comparison's own outcome, or what is left of a claim that does not hold within the family."""
        if not self.taken_back:
            return self.comparison.outcome
        over_cases = self.comparison.p
        return "trained_models" if over_cases is not None and over_cases < SIGNIFICANCE_LEVEL else "no_evidence"

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
        return family | {"family_outcome": self.outcome, "family_verdict": self.verdict} | to_json(self.comparison)


def adjusted(
    pairs: Sequence[tuple[str, str]], comparisons: Sequence[PairedComparison], num_declared: int
) -> list[FamilyComparison]:
    """Comparisons as one family, whose claims are adjusted.

    Args:
        pairs: the names of A and B of each comparison.
        num_declared: number of the comparisons that the family declares, those among them that are not there yet.
    """
    p_values = [comparison.claim.p for comparison in comparisons]
    adjustments = (adjust(p_values, num_declared) for adjust in (holm, benjamini_hochberg))
    values = zip(pairs, comparisons, *adjustments, strict=True)
    return [
        FamilyComparison(a=a, b=b, comparison=comparison, holm_p=holm_p, bh_p=bh_p)
        for (a, b), comparison, holm_p, bh_p in values
    ]


def holm(p_values: Sequence[float | None], num_declared: int | None = None) -> tuple[float | None, ...]:
    """Adjusted for the family-wise error rate, step-down (Holm 1979), in the order given.

    Args:
        p_values: None for one that does not exist: it stays None.
        num_declared: size of the family; by default the number of the values that exist.

    Raises:
        BadInput: a value outside [0, 1].
    """
    p_m, order_m = _ascending(p_values)
    factor_m = _size(p_m, num_declared) - np.arange(p_m.size)
    return _in_place(p_values, order_m, np.maximum.accumulate(p_m * factor_m))


def benjamini_hochberg(p_values: Sequence[float | None], num_declared: int | None = None) -> tuple[float | None, ...]:
    """Adjusted for the false discovery rate, step-up (Benjamini and Hochberg 1995), in the order given.

    Arguments and errors as `holm`.
    """
    p_m, order_m = _ascending(p_values)
    factor_m = _size(p_m, num_declared) / np.arange(1, p_m.size + 1)
    return _in_place(p_values, order_m, np.minimum.accumulate((p_m * factor_m)[::-1])[::-1])


def _size(p_m: NDArray[np.float64], num_declared: int | None) -> int:
    return p_m.size if num_declared is None else max(num_declared, p_m.size)


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
