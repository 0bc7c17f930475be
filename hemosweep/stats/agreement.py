"""Agreement of two arms on a single case: Bland and Altman's limits of agreement."""

import math
from dataclasses import dataclass

from hemosweep.stats.ttest import CONFIDENCE, MeanTest

# 95% of normal differences lie within so many standard deviations of their mean.
LIMIT_SDS = 1.959963984540054
# The interval of a limit reaches 6 standard deviations from the mean with five cases, 13 with three, 63 with two.
MIN_CASES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitsOfAgreement:
    """The two limits between which 95% of all cases' differences are to be expected, each with its 95% interval."""

    low: float
    high: float
    low_ci95: tuple[float, float]
    high_ci95: tuple[float, float]


def limits_of_agreement(differences: MeanTest) -> LimitsOfAgreement | None:
    """Mean difference ± 1.96 sd (Bland and Altman 1999, section 2), from the test of the differences.

    The intervals are exact for normal differences: a limit's pivot follows the noncentral t distribution (Carkeet
    2015), of which Bland and Altman's ± t sqrt(3 / n) sd is the approximation for many cases. None where the
    differences are all the same, or of fewer than five cases.
    """
    centre, sd, df, n = differences.mean, differences.sd, differences.df, differences.n
    if centre is None or sd is None or df is None or n < MIN_CASES:
        return None
    # It takes a second to import, and only a report has limits of agreement.
    from scipy import stats

    root = math.sqrt(n)
    tail = (1 - CONFIDENCE) / 2
    near, far = (float(stats.nct.ppf(p, df, LIMIT_SDS * root)) / root * sd for p in (tail, 1 - tail))
    return LimitsOfAgreement(
        low=centre - LIMIT_SDS * sd,
        high=centre + LIMIT_SDS * sd,
        low_ci95=(centre - far, centre - near),
        high_ci95=(centre + near, centre + far),
    )
