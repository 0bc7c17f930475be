"""The dependent t-test, its interval, its stars, and the effect size in standard deviations of the differences."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from hemosweep.stats.pairing import Floats
from hemosweep.stats.root import bisect

SIGNIFICANCE_LEVEL = 0.05
CONFIDENCE = 0.95
# Strict bounds, as in the paper.
STAR_BOUNDS = (0.05, 0.01, 0.005, 0.001)
# Beyond it the noncentral t distribution is no longer computed, and its limit is exact to six digits.
LARGE_T = 1e4


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanTest:
    """The mean of n values and Student's test that it is zero.

    `t`, `df`, `p` and `ci95` are None where there are fewer than two values, or where the values are all the same.
    """

    n: int
    mean: float | None
    sd: float | None
    ci95: tuple[float, float] | None
    t: float | None
    df: int | None
    p: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class EffectSize:
    """Cohen's dz = mean difference / sd of the differences, and times Hedges' correction for small samples.

    Hedges' form and its interval are None for two cases, where the correction has no value.
    """

    dz: float
    dz_ci95: tuple[float, float]
    hedges: float | None
    hedges_ci95: tuple[float, float] | None


def mean(values_N: Floats) -> float | None:
    return float(values_N.mean()) if values_N.size else None


def sd(values_N: Floats) -> float | None:
    """With n - 1 in the denominator."""
    return float(values_N.std(ddof=1)) if values_N.size > 1 else None


def varies(values_N: Floats, resolution: float) -> bool:
    """True if values differ by more than floating-point noise."""
    return values_N.size > 1 and float(np.ptp(values_N)) > resolution


def mean_test(values_N: Floats, resolution: float) -> MeanTest:
    """Student's t-test of one sample; of differences B - A it is the dependent t-test (scipy's `ttest_rel`)."""
    n, values_mean, values_sd = values_N.size, mean(values_N), sd(values_N)
    if values_mean is None or not varies(values_N, resolution):
        return MeanTest(n=n, mean=values_mean, sd=values_sd, ci95=None, t=None, df=None, p=None)
    df = n - 1
    standard_error = math.sqrt(float(np.mean((values_N - values_mean) ** 2)) * (n / df) / n)
    t = values_mean / standard_error
    half = float(special.stdtrit(df, (1 + CONFIDENCE) / 2)) * standard_error
    return MeanTest(
        n=n,
        mean=values_mean,
        sd=values_sd,
        ci95=(values_mean - half, values_mean + half),
        t=t,
        df=df,
        p=two_sided_p(t, df),
    )


def scaled_test(test: MeanTest, factor: float) -> MeanTest:
    """The test with the variance of the mean multiplied by a factor; unchanged where it has no value."""
    if test.t is None or test.df is None or test.mean is None or test.ci95 is None:
        return test
    t = test.t / math.sqrt(factor)
    half = (test.ci95[1] - test.mean) * math.sqrt(factor)
    return replace(test, t=t, p=two_sided_p(t, test.df), ci95=(test.mean - half, test.mean + half))


def stars(p: float | None) -> str:
    return "" if p is None else "*" * sum(p < bound for bound in STAR_BOUNDS)


def two_sided_p(t: float, df: float) -> float:
    return above_zero(2 * float(special.stdtr(df, -abs(t))))


def above_zero(p: float) -> float:
    """A p-value too small for a double exists all the same."""
    return max(p, float(np.finfo(np.float64).tiny))


def effect_size(test: MeanTest) -> EffectSize | None:
    """Standardised mean difference with the interval of Steiger and Fouladi (1997): the noncentrality parameters at
    which the t observed is the 97.5% and the 2.5% quantile, divided by the square root of n.
    """
    if test.t is None or test.df is None:
        return None
    dz = test.t / math.sqrt(test.n)
    tail = (1 - CONFIDENCE) / 2
    low, high = (noncentrality(test.t, test.df, p) / math.sqrt(test.n) for p in (1 - tail, tail))
    factor = hedges_factor(test.df)
    return EffectSize(
        dz=dz,
        dz_ci95=(low, high),
        hedges=None if factor is None else factor * dz,
        hedges_ci95=None if factor is None else (factor * low, factor * high),
    )


def hedges_factor(df: int) -> float | None:
    """Hedges' (1981, eq. 6e) exact correction of the bias of a standardised mean difference; None for one degree."""
    if df < 2:
        return None
    return math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)


def noncentrality(t: float, df: int, p: float) -> float:
    """The noncentrality parameter at which a noncentral t of `df` degrees falls to or below `t` with probability p."""
    if t < 0:
        return -noncentrality(-t, df, 1 - p)
    if t > LARGE_T:
        # T <= t becomes noncentrality / t <= chi / sqrt(df): the normal part of T no longer matters.
        return t * math.sqrt(float(special.chdtri(df, p)) / df)
    # The parameter grows with t: at t = 0 it is a normal quantile, and it never is a normal deviate above t times
    # chi / sqrt(df).
    low = -float(special.ndtri(p)) - 1e-9
    high = 5.0 + t * math.sqrt(float(special.chdtri(df, 1e-9)) / df)
    return bisect(lambda delta: float(special.nctdtr(df, delta, t)) - p, low, high)
