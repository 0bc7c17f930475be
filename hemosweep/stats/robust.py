"""Tests that the t-test is checked against: Wilcoxon's test, the sign-flip permutation test and the BCa interval.

Each works on magnitudes or on sorted values, so that its digits depend neither on the order or the names of the cases
nor on which arm is called A. Random draws come from a fixed seed.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from hemosweep.stats.pairing import Floats
from hemosweep.stats.ttest import CONFIDENCE, above_zero

Steps = NDArray[np.int64]

SEED = 20210
NUM_BOOTSTRAP_RESAMPLES = 9_999
# Its draws grow with the cases: they take a second for ten thousand, and would take ten for a hundred thousand.
MAX_BOOTSTRAPPED = 10_000
# Most numbers that one step of the bootstrap may draw.
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

    Zeros are dropped and ties take mid-ranks (Wilcoxon's own way). The method, and so p, is what scipy's `wilcoxon`
    chooses.
    """
    if steps_N.size < 2 or not steps_N.any():
        return None
    nonzero = steps_N[steps_N != 0]
    _, place_N, count_K = np.unique(np.abs(nonzero), return_inverse=True, return_counts=True)
    # Twice the mean of the ranks that equal values share is whole.
    double_ranks = (2 * np.cumsum(count_K) - count_K + 1)[place_N]
    double_sum = int((np.sign(nonzero) * double_ranks).sum())
    tied = count_K.size < steps_N.size
    if steps_N.size <= (MAX_TIED_EXACT if tied else MAX_EXACT):
        method = "exact, over the sign patterns of tied ranks" if tied else "exact"
        return CheckTest(p=_share_of_rank_sums(double_ranks, abs(double_sum)), method=method)
    n = nonzero.size
    variance = (n * (n + 1) * (2 * n + 1) - float((count_K.astype(np.float64) ** 3 - count_K).sum()) / 2) / 24
    p = 2 * float(special.ndtr(-abs(double_sum / 4) / math.sqrt(variance)))
    return CheckTest(p=above_zero(p), method="normal approximation, corrected for ties")


def sign_flip_test(steps_N: Steps) -> CheckTest | None:
    """Permutation test of the mean difference; without a difference the two arms' scores of a case are exchangeable.

    Exact over all 2^n sign patterns of up to 20 differences that are not zero. Otherwise (b + 1) / (m + 1) with b of m
    random patterns at least as extreme, never zero (Phipson and Smyth 2010). Of more than `MAX_BOOTSTRAPPED`
    differences the sum is normal to three digits, and drawing would take longer than all else. None where all
    differences are zero.
    """
    if steps_N.size < 2 or not steps_N.any():
        return None
    observed = abs(int(steps_N.sum()))
    magnitudes = np.sort(np.abs(steps_N[steps_N != 0]))
    if magnitudes.size <= MAX_ENUMERATED:
        method = f"exact, all {2**magnitudes.size} sign patterns"
        return CheckTest(p=_share_of_patterns(magnitudes, observed), method=method)
    if magnitudes.size > MAX_BOOTSTRAPPED:
        x = observed / math.sqrt(float((magnitudes.astype(np.float64) ** 2).sum()))
        return CheckTest(p=above_zero(2 * float(special.ndtr(-x))), method="normal approximation")
    num_extreme = int((np.abs(_random_sums(magnitudes)) >= observed).sum())
    p = (num_extreme + 1) / (NUM_RANDOM_PATTERNS + 1)
    return CheckTest(p=p, method=f"{NUM_RANDOM_PATTERNS} random sign patterns")


def _share_of_rank_sums(ranks: Steps, observed: int) -> float:
    """The share of the sign patterns of up to 50 ranks whose sum is at least as far from zero as the observed one.

    As `_share_of_patterns`, but by counting the patterns of each sum, of which ranks have few.
    """
    total = int(ranks.sum())
    # The sum of the ranks with a plus; that of all is twice it less the total.
    num_patterns = np.zeros(total + 1, dtype=np.int64)
    num_patterns[0] = 1
    for rank in ranks:
        num_patterns[rank:] += num_patterns[:-rank].copy()
    extreme = np.abs(2 * np.arange(total + 1) - total) >= observed
    return float(num_patterns[extreme].sum() / 2**ranks.size)


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
    sign = _orientation(steps_N)
    values_N = np.sort((sign or 1) * steps_N).astype(np.float64)
    mean, mean_R = values_N.mean(), _resampled_means(values_N)
    z0 = float(special.ndtri((np.count_nonzero(mean_R < mean) + np.count_nonzero(mean_R <= mean)) / (2 * mean_R.size)))
    if not math.isfinite(z0):
        return None
    # The jackknife's means deviate from theirs as the cases do, but for a factor that cancels.
    deviation_N = values_N - mean
    acceleration = float((deviation_N**3).sum() / (6 * (deviation_N**2).sum() ** 1.5))
    tail = float(special.ndtri((1 - CONFIDENCE) / 2))
    z_2 = z0 + np.array([tail, -tail])
    shares_2 = special.ndtr(z0 + z_2 / (1 - acceleration * z_2))
    low, high = (float(bound) * resolution for bound in np.quantile(mean_R, shares_2))
    if sign == 0:
        return -(high - low) / 2, (high - low) / 2
    return (low, high) if sign > 0 else (-high, -low)


def _orientation(steps_N: Steps) -> int:
    """Sign with which differences are drawn, so that swapping the arms turns the interval exactly; 0 where the
    differences and their mirror image are the same.

    The sign makes the mean positive. A mean of zero leaves the sorted differences to decide.
    """
    further_N = np.sort(steps_N) + np.sort(steps_N)[::-1]  # Minus the mirror image, sorted.
    decisive = [int(steps_N.sum()), *further_N[further_N != 0][:1].tolist()]
    return next((int(np.sign(value)) for value in decisive if value), 0)


def _resampled_means(values_N: Floats) -> Floats:
    """Means of the cases drawn with replacement."""
    rng = np.random.default_rng(SEED)
    batch = max(1, MAX_DRAWN // values_N.size)
    sizes = [min(batch, NUM_BOOTSTRAP_RESAMPLES - start) for start in range(0, NUM_BOOTSTRAP_RESAMPLES, batch)]
    return np.concatenate(
        [values_N[rng.integers(values_N.size, size=(size, values_N.size))].mean(axis=1) for size in sizes]
    )
