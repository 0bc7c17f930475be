import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from hemosweep.stats import bca_interval, sign_flip_test, wilcoxon_test
from hemosweep.stats.robust import MAX_DRAWN, NUM_BOOTSTRAP_RESAMPLES, SEED

MAIZE = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48])
# Tenths of the differences of Student's sleep data: nine of one sign, two of them tied, and a zero.
SLEEP = np.array([12, 24, 13, 13, 0, 10, 18, 8, 46, 14])
STEPS = st.lists(st.integers(-30, 30), min_size=2, max_size=9).map(lambda steps: np.array(steps, dtype=np.int64))
RESOLUTION = 1e-9


def share_of_sign_patterns(magnitudes, observed):
    """Share of the sign patterns whose sum is at least as far from zero, one by one."""
    sums = [
        abs(sum(sign * size for sign, size in zip(signs, magnitudes, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(magnitudes))
    ]
    return sum(total >= observed - 1e-9 for total in sums) / len(sums)


def test_fishers_own_permutation_test_of_darwins_maize():
    # The Design of Experiments (1935), section 21: 863 of 32768 samples sum to 314 or more, on either side.
    result = sign_flip_test(MAIZE)
    assert result.p == pytest.approx(2 * 863 / 32768)
    assert result.method == "exact, all 32768 sign patterns"


@given(steps=STEPS)
@settings(deadline=None, max_examples=80)
def test_the_sign_flip_test_counts_every_pattern(steps):
    result = sign_flip_test(steps)
    if not steps.any():
        assert result is None
    else:
        assert result.p == pytest.approx(share_of_sign_patterns(np.abs(steps).tolist(), abs(steps.sum())))


@given(steps=STEPS)
@settings(deadline=None, max_examples=60)
def test_the_wilcoxon_test_of_few_cases_counts_every_sign_pattern_of_the_ranks(steps):
    result = wilcoxon_test(steps)
    if not steps.any():
        assert result is None
        return
    sizes = np.abs(steps[steps != 0]).tolist()
    ranks = [sum(other < size for other in sizes) + (sum(other == size for other in sizes) + 1) / 2 for size in sizes]
    observed = abs(sum(rank * sign for rank, sign in zip(ranks, np.sign(steps[steps != 0]).tolist(), strict=True)))
    assert result.p == pytest.approx(share_of_sign_patterns(ranks, observed))


def test_the_wilcoxon_test_as_r_prints_it_for_darwins_maize():
    result = wilcoxon_test(MAIZE)  # V = 96, p-value = 0.04126
    assert result.p == pytest.approx(0.04126, abs=5e-6)
    assert result.method == "exact"


def test_the_wilcoxon_test_of_the_sleep_data_is_exact_with_its_ties_and_its_zero():
    result = wilcoxon_test(SLEEP)
    assert result.p == pytest.approx(2 / 2**9)
    assert result.method == "exact, over the sign patterns of tied ranks"


def test_the_wilcoxon_test_of_many_tied_cases_is_the_normal_approximation_by_hand():
    steps = np.repeat([1, -1, 2, -2, 3], [8, 4, 8, 4, 6])  # ranks 6.5 (12 times), 18.5 (12 times), 27.5 (6 times)
    rank_sum = 8 * 6.5 + 8 * 18.5 + 6 * 27.5
    variance = 30 * 31 * 61 / 24 - (2 * (12**3 - 12) + (6**3 - 6)) / 48
    z = (rank_sum - 30 * 31 / 4) / math.sqrt(variance)
    result = wilcoxon_test(steps)
    assert result.p == pytest.approx(2 * special.ndtr(-abs(z)))
    assert result.method == "normal approximation, corrected for ties"


@pytest.mark.parametrize(
    ("n", "largest", "method"),
    [
        (13, 5, "exact, over the sign patterns of tied ranks"),
        (13, 100_000, "exact"),
        (14, 5, "normal approximation, corrected for ties"),
        (50, 100_000, "exact"),
        (51, 100_000, "normal approximation, corrected for ties"),
        (76, 5, "normal approximation, corrected for ties"),
    ],
)
def test_wilcoxons_p_is_scipys_whatever_the_method(n, largest, method):
    steps = np.random.default_rng(n).integers(-largest, largest, n)
    result = wilcoxon_test(steps)
    assert result.p == pytest.approx(stats.wilcoxon(steps.astype(float)).pvalue)
    assert result.method == method


# SciPy goes through 2^n sign patterns of tied ranks, up to 13 cases, in Python: the test above has one of 13.
@pytest.mark.parametrize("n", [2, 3, 5, 10, 14, 20, 49, 50, 51, 76, 5000])
@pytest.mark.parametrize("largest", [1, 3, 40, 10**9])
@pytest.mark.parametrize("shift", [0, 0.3, 1])
def test_wilcoxons_p_is_scipys_to_the_last_digits(n, largest, shift):
    """With zeros and ties where the values are small, and none where they are large; up to all of one sign."""
    rng = np.random.default_rng(1000 * n + int(10 * shift))
    steps = rng.integers(-largest, largest, n, endpoint=True) + round(shift * largest)
    steps[0] = largest
    expected = float(stats.wilcoxon(steps.astype(float)).pvalue)
    assert wilcoxon_test(steps).p == pytest.approx(max(expected, np.finfo(float).tiny), rel=1e-12)


def test_every_rank_sum_of_distinct_values_has_scipys_p():
    for num_negative in range(51):
        steps = np.arange(1, 51)
        steps[:num_negative] *= -1
        assert wilcoxon_test(steps).p == pytest.approx(stats.wilcoxon(steps.astype(float)).pvalue, rel=1e-12)
    assert wilcoxon_test(np.arange(1, 51)).p == 2.0**-49


@pytest.mark.parametrize("test", [wilcoxon_test, sign_flip_test])
@pytest.mark.parametrize("steps", [[], [5], [0, 0, 0]])
def test_without_a_difference_or_a_second_case_there_is_no_p(test, steps):
    assert test(np.array(steps, dtype=np.int64)) is None


@pytest.mark.parametrize("shift", [0, 3, 8, 12])
def test_random_sign_patterns_come_close_to_the_exact_share(shift):
    rng = np.random.default_rng(11)
    steps = rng.integers(-20, 20, 60) + shift
    # The exact distribution of the sum: one convolution a case.
    share = {0: 1.0}
    for size in np.abs(steps).tolist():
        new: dict[int, float] = {}
        for total, weight in share.items():
            for moved in (total + size, total - size):
                new[moved] = new.get(moved, 0.0) + weight / 2
        share = new
    exact = sum(weight for total, weight in share.items() if abs(total) >= abs(int(steps.sum())))
    result = sign_flip_test(steps)
    assert result.method == "99999 random sign patterns"
    assert result.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 99_999) + 1e-5)


def test_random_sign_patterns_never_give_a_p_of_zero():
    assert sign_flip_test(np.full(76, 1000)).p == pytest.approx(1 / 100_000)


@pytest.mark.parametrize("n", [10, 76])
def test_neither_order_nor_direction_changes_a_digit(n):
    rng = np.random.default_rng(3)
    steps = rng.integers(-1000, 1500, n)
    shuffled = rng.permutation(steps)
    assert sign_flip_test(steps) == sign_flip_test(shuffled) == sign_flip_test(-steps)
    assert wilcoxon_test(steps).p == pytest.approx(wilcoxon_test(-shuffled).p)
    low, high = bca_interval(steps, RESOLUTION)
    assert bca_interval(shuffled, RESOLUTION) == (low, high)
    assert bca_interval(-steps, RESOLUTION) == (-high, -low)


@pytest.mark.parametrize("steps", [[5, -6, 1, 0, 0, 0], [7, -3, -4], [2, -2, 1, -1, 0]], ids=str)
def test_differences_whose_mean_is_zero_have_the_mirrored_bca_interval_when_the_arms_are_swapped(steps):
    low, high = bca_interval(np.array(steps), RESOLUTION)
    assert low < 0 < high
    assert bca_interval(-np.array(steps), RESOLUTION) == (-high, -low)


def test_differences_that_are_their_own_mirror_image_have_a_symmetric_bca_interval():
    low, high = bca_interval(np.array([3, -3, 1, -1, 0]), RESOLUTION)
    assert low == -high


def test_the_bca_interval_is_efrons_over_all_resamples():
    # All 6^6 resamples give the bootstrap distribution itself, which the random resamples estimate.
    steps = np.array([2, 5, -3, 30, 4, 1])
    diff = steps / 100
    indices = np.array(list(itertools.product(range(6), repeat=6)), dtype=np.int8)
    means = np.sort(diff[indices].mean(axis=1))
    below = (means < diff.mean() - 1e-12).mean() + (np.abs(means - diff.mean()) <= 1e-12).mean() / 2
    z0 = special.ndtri(below)
    deviations = diff - diff.mean()  # of the jackknife means too, but for a factor that cancels
    acceleration = (deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5)
    expected = []
    for p in (0.025, 0.975):
        z = z0 + special.ndtri(p)
        expected.append(float(np.quantile(means, special.ndtr(z0 + z / (1 - acceleration * z)))))
    spread = means.std()
    assert bca_interval(steps, 0.01) == pytest.approx(expected, abs=0.06 * spread)
    # A plain percentile interval is another one: the difference is what the corrections do.
    assert expected[1] - np.quantile(means, 0.975) > 0.2 * spread


@pytest.mark.parametrize("n", [2, 3, 5, 20, 76, 499, 600, 2000])
@pytest.mark.parametrize("largest", [2, 30, 10**8])
def test_the_bca_interval_is_scipys_to_the_last_digits(n, largest):
    """Also where the resamples are drawn in several batches, and where many of them have the very mean."""
    steps = np.random.default_rng(n).integers(-largest, 2 * largest, n)
    steps[:2] = [-largest, 2 * largest]
    sign = -1 if steps.sum() < 0 else 1
    expected = stats.bootstrap(
        (np.sort(sign * steps).astype(float),),
        np.mean,
        n_resamples=NUM_BOOTSTRAP_RESAMPLES,
        batch=MAX_DRAWN // n,
        method="BCa",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    bounds = [sign * RESOLUTION * bound for bound in expected]
    assert bca_interval(steps, RESOLUTION) == pytest.approx(tuple(sorted(bounds)), rel=1e-12)


def test_over_ten_thousand_cases_there_is_no_bca_interval():
    steps = np.arange(-5000, 5001, dtype=np.int64)
    assert bca_interval(steps, RESOLUTION) is None
    assert bca_interval(steps[:200], RESOLUTION) is not None


def test_the_bca_interval_of_many_cases_is_close_to_students():
    steps = np.rint(np.random.default_rng(2).normal(0.02, 0.05, 400) / RESOLUTION).astype(np.int64)
    mean, half = steps.mean() * RESOLUTION, 1.96 * steps.std(ddof=1) * RESOLUTION / 20
    assert bca_interval(steps, RESOLUTION) == pytest.approx((mean - half, mean + half), abs=0.1 * half)


@pytest.mark.parametrize("steps", [[], [100], [100, 100, 100], [100, 101, 100]])
def test_without_a_spread_there_is_no_bca_interval(steps):
    assert bca_interval(np.array(steps, dtype=np.int64), RESOLUTION) is None


def test_two_cases_have_a_bca_interval_between_them():
    low, high = bca_interval(np.array([10, 30]), 0.01)
    assert 0.1 <= low < high <= 0.3


def test_the_bootstrap_of_many_cases_never_holds_more_draws_than_it_may(monkeypatch):
    steps_N = np.random.default_rng(3).integers(-50, 60, size=100)
    whole = bca_interval(steps_N, 0.001)
    monkeypatch.setattr("hemosweep.stats.robust.MAX_DRAWN", 5_000)
    tracemalloc.start()
    in_parts = bca_interval(steps_N, 0.001)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert in_parts == whole
    assert peak_bytes < 2_000_000  # 10,000 times 100 draws of 8 bytes would be 8 MB.


@pytest.mark.parametrize(
    ("n", "method"), [(20, "exact, all 1048576 sign patterns"), (21, "99999 random sign patterns")]
)
def test_all_sign_patterns_are_gone_through_up_to_twenty_differences_that_are_not_zero(n, method):
    steps = np.append(np.arange(1, n + 1), [0, 0])
    result = sign_flip_test(steps)
    assert result.method == method
    # All of one sign: only they and their opposites are so far from zero.
    expected = 2 / 2**n if n == 20 else 1 / 100_000
    assert result.p == pytest.approx(expected, rel=0.01 if n == 20 else 2.0)


@pytest.mark.parametrize(("num_up", "x"), [(5_001 + 98, 1.97), (5_001, 0.01)])
def test_of_more_than_ten_thousand_differences_the_sign_flip_test_is_normal(num_up, x):
    # Steps of ±3 and a tie: the sum is 3 (up - down), its standard deviation 3 sqrt(10,001).
    steps = np.concatenate([np.full(num_up, 3), np.full(10_001 - num_up, -3), [0]])
    result = sign_flip_test(steps)
    assert result.method == "normal approximation"
    expected = 2 * stats.norm.sf((2 * num_up - 10_001) / math.sqrt(10_001))
    assert result.p == pytest.approx(expected)
    assert expected == pytest.approx(2 * stats.norm.sf(x), rel=0.03)
