"""What the t-test is checked against: Wilcoxon's test, the sign-flip permutation test and the BCa interval.

Each works on magnitudes or on sorted values, so that its digits depend neither on the order or the names of the cases
nor on which arm is called A. Random draws come from a fixed seed.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hemosweep.stats.ttest import CONFIDENCE, above_zero

Steps = NDArray[np.int64]

SEED = 20210
NUM_BOOTSTRAP_RESAMPLES = 9_999
# Its jackknife takes n^2 steps: a hundred thousand cases would take minutes.
MAX_BOOTSTRAPPED = 10_000
# What one step of the bootstrap may hold, in numbers drawn.
MAX_DRAWN = 5_000_000
NUM_RANDOM_PATTERNS = 99_999
# Wilcoxon's null distribution is tabulated up to this many cases; with ties it is counted out, up to fewer.
MAX_EXACT = 50
MAX_TIED_EXACT = 13
# Up to this many differences that are not zero, all 2^n sign patterns are gone through.
MAX_ENUMERATED = 20
CASES_PER_BYTE = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckTest:
    """A two-sided p-value and how it was computed, in words."""

    p: float
    method: str


def wilcoxon_test(steps_N: Steps) -> CheckTest | None:
    """Wilcoxon's signed-rank test of the differences rounded to nine digits; None where all are zero.

    Zeros are dropped and ties take mid-ranks (Wilcoxon's own way). The method, and so p, is what scipy chooses; over
    tied ranks, where scipy would take seconds, the sign patterns are counted here.
    """
    if steps_N.size < 2 or not steps_N.any():
        return None
    nonzero = steps_N[steps_N != 0]
    tied = np.unique(np.abs(nonzero)).size < steps_N.size
    if tied and steps_N.size <= MAX_TIED_EXACT:
        double_ranks = (2 * stats.rankdata(np.abs(nonzero))).astype(np.int64)
        p = _share_of_patterns(double_ranks, abs(int((np.sign(nonzero) * double_ranks).sum())))
        return CheckTest(p=p, method="exact, over the sign patterns of tied ranks")
    method = "exact" if not tied and steps_N.size <= MAX_EXACT else "normal approximation, corrected for ties"
    return CheckTest(p=above_zero(float(stats.wilcoxon(steps_N.astype(np.float64)).pvalue)), method=method)


def sign_flip_test(steps_N: Steps) -> CheckTest | None:
    """Permutation test of the mean difference; without a difference the two arms' scores of a case are exchangeable.

    Exact over all 2^n sign patterns of up to 20 differences that are not zero. Otherwise (b + 1) / (m + 1) with b of m
    random patterns at least as extreme, never zero (Phipson and Smyth 2010). None where all differences are zero.
    """
    if steps_N.size < 2 or not steps_N.any():
        return None
    observed = abs(int(steps_N.sum()))
    magnitudes = np.sort(np.abs(steps_N[steps_N != 0]))
    if magnitudes.size <= MAX_ENUMERATED:
        method = f"exact, all {2**magnitudes.size} sign patterns"
        return CheckTest(p=_share_of_patterns(magnitudes, observed), method=method)
    num_extreme = int((np.abs(_random_sums(magnitudes)) >= observed).sum())
    p = (num_extreme + 1) / (NUM_RANDOM_PATTERNS + 1)
    return CheckTest(p=p, method=f"{NUM_RANDOM_PATTERNS} random sign patterns")


def _share_of_patterns(magnitudes: Steps, observed: int) -> float:
    """The share of all sign patterns whose sum is at least as far from zero as the observed one."""
    # A pattern and its opposite are equally far: the first sign can stay.
    sums = magnitudes[:1]
    for magnitude in magnitudes[1:]:
        sums = np.concatenate((sums + magnitude, sums - magnitude))
    return float((np.abs(sums) >= observed).mean())


def _random_sums(magnitudes: Steps) -> Steps:
    """Sums of randomly signed magnitudes: a random byte looks up the signed sum of eight of them."""
    rng = np.random.default_rng(SEED)
    signs = 2 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.int64) - 1
    sums = np.zeros(NUM_RANDOM_PATTERNS, dtype=np.int64)
    for start in range(0, magnitudes.size, CASES_PER_BYTE):
        eight = magnitudes[start : start + CASES_PER_BYTE]
        sums += (signs[:, : eight.size] @ eight)[rng.integers(256, size=NUM_RANDOM_PATTERNS)]
    return sums


def bca_interval(steps_N: Steps, resolution: float) -> tuple[float, float] | None:
    """95% bootstrap interval of the mean difference, bias-corrected and accelerated (Efron 1987), over cases.

    Whole steps of the resolution are drawn, of which equal sums are equal: the bias correction counts resamples at the
    mean itself. None where the differences are all the same, or of more than 10,000 cases.
    """
    if not 2 <= steps_N.size <= MAX_BOOTSTRAPPED or np.ptp(steps_N) < 2:
        return None
    # Drawn for the sign that makes the mean positive, so that swapping the arms turns the interval exactly.
    sign = -1 if steps_N.sum() < 0 else 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # then the bounds are NaN
        result = stats.bootstrap(
            (np.sort(sign * steps_N).astype(np.float64),),
            np.mean,
            vectorized=True,
            n_resamples=NUM_BOOTSTRAP_RESAMPLES,
            batch=max(1, MAX_DRAWN // steps_N.size),
            confidence_level=CONFIDENCE,
            method="BCa",
            rng=np.random.default_rng(SEED),
        )
    low, high = (float(bound) * resolution for bound in result.confidence_interval)
    if not np.isfinite((low, high)).all():
        return None
    return (low, high) if sign > 0 else (-high, -low)
