import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from hemosweep.stats import effect_size, hedges_factor, mean_test, noncentrality
from hemosweep.stats import stars as stars_of

RESOLUTION = 1e-9
# Student's sleep data (1908): hours gained under two drugs by ten patients; R's example of a paired test.
SLEEP_1 = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SLEEP_2 = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
# Darwin's maize (Fisher 1935): crossed less self-fertilised height of 15 pairs, in eighths of an inch.
MAIZE = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48.0])


def test_students_sleep_data_as_r_prints_them():
    test = mean_test(SLEEP_1 - SLEEP_2, RESOLUTION)
    assert (test.n, test.df) == (10, 9)
    assert test.mean == pytest.approx(-1.58)
    assert test.t == pytest.approx(-4.0621, abs=5e-5)
    assert test.p == pytest.approx(0.002833, abs=5e-7)
    assert test.ci95 == pytest.approx((-2.4598858, -0.7001142), abs=5e-8)


def test_darwins_maize_as_fisher_prints_it():
    test = mean_test(MAIZE, RESOLUTION)
    assert (test.n, test.df) == (15, 14)
    assert test.mean == pytest.approx(314 / 15)
    assert test.t == pytest.approx(2.148, abs=5e-4)
    assert test.p == pytest.approx(0.0497, abs=5e-5)


@given(
    pairs=st.lists(
        st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(lambda pair: (pair[0] / 1000, pair[1] / 1000)),
        min_size=2,
        max_size=30,
    )
)
@settings(deadline=None, max_examples=60)
def test_the_one_sample_test_of_differences_is_scipys_dependent_test(pairs):
    a_N, b_N = np.array(pairs).T
    test = mean_test(b_N - a_N, RESOLUTION)
    if np.ptp(b_N - a_N) <= RESOLUTION:
        assert (test.t, test.df, test.p, test.ci95) == (None,) * 4
    else:
        expected = stats.ttest_rel(b_N, a_N)
        assert (test.t, test.p, test.df) == pytest.approx((expected.statistic, expected.pvalue, expected.df))


@pytest.mark.parametrize("n", [2, 3, 10, 76, 5000, 200_000])
@pytest.mark.parametrize("shift", [0.0, 0.1, -3.0, 1e4])
def test_the_test_of_a_mean_is_scipys_to_the_last_digits(n, shift):
    """From p near one to p too small for a double, which is told as the smallest one."""
    values = np.random.default_rng(n).normal(shift, 1.0, n)
    test, expected = mean_test(values, RESOLUTION), stats.ttest_1samp(values, 0.0)
    assert test.t == pytest.approx(expected.statistic, rel=1e-12)
    assert test.p == pytest.approx(max(expected.pvalue, np.finfo(float).tiny), rel=1e-12)
    assert test.ci95 == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-12)


@pytest.mark.parametrize(
    ("values", "mean", "sd"), [([], None, None), ([0.25], 0.25, None), ([0.1, 0.1, 0.1 + 1e-17], 0.1, 0.0)]
)
def test_without_two_values_or_a_spread_there_is_no_test(values, mean, sd):
    test = mean_test(np.array(values), RESOLUTION)
    assert (test.t, test.df, test.p, test.ci95) == (None,) * 4
    assert test.mean == pytest.approx(mean)
    assert test.sd == pytest.approx(sd, abs=1e-12)


@pytest.mark.parametrize(
    ("p", "stars"),
    [
        (None, ""),
        (0.05, ""),
        (0.0499, "*"),
        (0.01, "*"),
        (0.0099, "**"),
        (0.005, "**"),
        (0.0049, "***"),
        (0.001, "***"),
        (0.0009, "****"),
    ],
)
def test_a_star_needs_a_p_strictly_below_its_bound(p, stars):
    assert stars_of(p) == stars


def test_hedges_factor_where_the_gamma_function_has_closed_forms():
    assert hedges_factor(1) is None
    assert hedges_factor(2) == pytest.approx(1 / math.sqrt(math.pi))
    assert hedges_factor(4) == pytest.approx(math.sqrt(2 / math.pi))
    # gamma(3) / (sqrt(3) gamma(5/2)), with gamma(5/2) = 3 sqrt(pi) / 4
    assert hedges_factor(6) == pytest.approx(8 / (3 * math.sqrt(3 * math.pi)))
    # Hedges' approximation 1 - 3 / (4 df - 1)
    assert hedges_factor(75) == pytest.approx(1 - 3 / (4 * 75 - 1), abs=1e-5)


def share_up_to(t, df, delta):
    """P((Z + delta) / s <= t) for a normal Z and s = chi / sqrt(df), by integrating over s."""

    def density(s):
        log = math.log(2) + df / 2 * math.log(df / 2) - math.lgamma(df / 2) + (df - 1) * math.log(s) - df * s * s / 2
        return special.ndtr(t * s - delta) * math.exp(log)

    width = 8 / math.sqrt(2 * df)
    return integrate.quad(density, max(1e-12, 1 - width), 1 + width, epsabs=1e-12, limit=200)[0]


@pytest.mark.parametrize("df", [2, 9, 75])
@pytest.mark.parametrize("t", [-4.0, -0.3, 0.0, 0.5, 2.1, 8.0, 60.0])
@pytest.mark.parametrize("p", [0.025, 0.975])
def test_the_noncentrality_parameter_gives_back_the_share(df, t, p):
    assert share_up_to(t, df, noncentrality(t, df, p)) == pytest.approx(p, abs=1e-8)


def test_the_noncentrality_parameter_at_zero_is_a_normal_quantile():
    assert noncentrality(0.0, 9, 0.975) == pytest.approx(-1.959964, abs=1e-6)


def test_the_noncentrality_parameter_goes_over_into_its_limit_smoothly():
    below, above = noncentrality(9_999.0, 75, 0.025), noncentrality(10_001.0, 75, 0.025)
    assert above / below == pytest.approx(10_001 / 9_999, rel=1e-6)
    assert math.isfinite(noncentrality(1e300, 75, 0.975))


def test_the_effect_size_of_the_sleep_data():
    effect = effect_size(mean_test(SLEEP_1 - SLEEP_2, RESOLUTION))
    assert effect.dz == pytest.approx(-4.0621 / math.sqrt(10), abs=5e-5)
    assert effect.hedges == pytest.approx(effect.dz * math.gamma(4.5) / (math.sqrt(4.5) * math.gamma(4)))
    for bound, p in zip(effect.dz_ci95, (0.975, 0.025), strict=True):
        assert share_up_to(-4.062127683, 9, bound * math.sqrt(10)) == pytest.approx(p, abs=1e-7)
    assert effect.hedges_ci95 == pytest.approx([bound * effect.hedges / effect.dz for bound in effect.dz_ci95])


def test_the_interval_of_the_effect_size_has_zero_at_its_end_where_p_is_5_percent():
    # A t of exactly the 97.5% quantile: zero is the noncentrality at which it is that quantile.
    assert noncentrality(float(special.stdtrit(9, 0.975)), 9, 0.975) == pytest.approx(0.0, abs=1e-9)


def test_two_cases_have_an_effect_size_without_hedges_correction():
    effect = effect_size(mean_test(np.array([0.1, 0.3]), RESOLUTION))
    assert effect.dz == pytest.approx(math.sqrt(2))
    assert effect.hedges is effect.hedges_ci95 is None


def test_no_test_no_effect_size():
    assert effect_size(mean_test(np.array([0.1]), RESOLUTION)) is None
