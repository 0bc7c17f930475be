"""Smallest difference that a comparison of this size detects, and a test that one is too small to matter."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from hemosweep.errors import BadInput
from hemosweep.stats.root import bisect
from hemosweep.stats.ttest import SIGNIFICANCE_LEVEL, above_zero

POWER = 0.8


@dataclass(frozen=True, kw_only=True, slots=True)
class Equivalence:
    """Two one-sided t-tests that the mean difference lies within ± margin (Schuirmann 1987).

    `p` is the larger of the two; `shown` where it is below 0.05, and then the 90% interval is inside the margin.
    """

    margin: float
    p: float
    ci90: tuple[float, float]
    shown: bool


def minimum_detectable_difference(sd_diff: float, n: int) -> float:
    """The true mean difference that a two-sided 5% t-test of n pairs finds with 80% power, given their sd.

    It is about the design and not about the difference observed: there is no "observed power" here.
    """
    df = n - 1
    critical = float(special.stdtrit(df, 1 - SIGNIFICANCE_LEVEL / 2))

    def missing(noncentrality: float) -> float:
        # In the far tail the opposite sign's share is NaN in place of nothing.
        opposite = float(np.nan_to_num(special.nctdtr(df, noncentrality, -critical)))
        return 1 - float(special.nctdtr(df, noncentrality, critical)) + opposite - POWER

    return bisect(missing, 0.0, 10 + 5 * critical) * sd_diff / math.sqrt(n)


def check_margin(margin: float) -> None:
    """Raises:
    BadInput: a margin that is not above zero.
    """
    if not (math.isfinite(margin) and margin > 0):
        raise BadInput(f"equivalence margin {margin:g}: give the largest difference that does not matter, above 0")


def equivalence(mean_diff: float, standard_error: float, df: float, margin: float) -> Equivalence:
    """Test that the true mean difference is within the margin, from an estimate and its standard error."""
    check_margin(margin)
    p = float(special.stdtr(df, (abs(mean_diff) - margin) / standard_error))
    half = float(special.stdtrit(df, 1 - SIGNIFICANCE_LEVEL)) * standard_error
    return Equivalence(
        margin=margin, p=above_zero(p), ci90=(mean_diff - half, mean_diff + half), shown=p < SIGNIFICANCE_LEVEL
    )
