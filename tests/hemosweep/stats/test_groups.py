import math

import numpy as np
import pytest
from scipy import stats

from hemosweep.errors import BadInput
from hemosweep.stats import paired_comparison
from hemosweep.stats.groups import interaction, satterthwaite

RESOLUTION = 1e-9
A = {"s1": 0.50, "s2": 0.60, "s3": 0.70, "s4": 0.90}
B = {"s1": 0.60, "s2": 0.80, "s3": 1.00, "s4": 0.80}


def test_each_group_has_its_own_means_and_interval():
    result = paired_comparison(A, B, ivh={"s1": "yes", "s2": "no", "s3": "no", "s4": "n/a", "other": "yes"})
    with_ivh, without = result.groups
    assert (with_ivh.name, with_ivh.n, with_ivh.mean_a, with_ivh.mean_b) == ("IVH", 1, 0.5, 0.6)
    assert (with_ivh.sd_diff, with_ivh.ci95) == (None, None)
    assert (without.name, without.n) == ("no IVH", 2)
    assert (without.mean_a, without.mean_b) == pytest.approx((0.65, 0.9))
    assert without.mean_diff == pytest.approx(0.25)
    # Differences 0.2 and 0.3: standard error 0.05, and Cauchy's 97.5% quantile.
    half = 0.05 * math.tan(math.pi * 0.475)
    assert without.ci95 == pytest.approx((0.25 - half, 0.25 + half))
    assert result.interaction is None
    assert result.warnings == ("in neither IVH group, no label: s4",)


def test_an_empty_group_has_no_means():
    with_ivh, _ = paired_comparison(A, B, ivh=dict.fromkeys(A, "no")).groups
    assert (with_ivh.n, with_ivh.mean_a, with_ivh.mean_b, with_ivh.mean_diff) == (0, None, None, None)


def test_an_unknown_label_is_refused():
    with pytest.raises(BadInput, match="case s1: IVH label 'maybe'"):
        paired_comparison(A, B, ivh={"s1": "maybe"})


def test_the_interaction_of_equal_spreads_by_hand():
    # Sds 0.1 and three cases each: standard error 0.1 sqrt(2/3), four degrees of freedom; P(|T| > t) in closed form.
    result = interaction(np.array([0.2, 0.3, 0.4]), np.array([0.0, 0.1, 0.2]), RESOLUTION)
    t = 0.2 / (0.1 * math.sqrt(2 / 3))
    share = t / math.sqrt(4 + t * t)
    assert (result.mean_diff, result.t, result.df) == pytest.approx((0.2, t, 4))
    assert result.p == pytest.approx(1 - share * (1 + 2 / (4 + t * t)))
    half = 2.7764451 * 0.1 * math.sqrt(2 / 3)
    assert result.ci95 == pytest.approx((0.2 - half, 0.2 + half))


def test_the_interaction_of_unequal_groups_is_welchs():
    rng = np.random.default_rng(6)
    first, second = rng.normal(0.05, 0.09, 12), rng.normal(0.02, 0.03, 64)
    expected = stats.ttest_ind(first, second, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    result = interaction(first, second, RESOLUTION)
    assert (result.t, result.df, result.p) == pytest.approx((expected.statistic, expected.df, expected.pvalue))
    assert result.ci95 == pytest.approx((low, high))


@pytest.mark.parametrize("sizes", [(2, 2), (2, 500), (7, 3), (50, 26), (20_000, 30_000)])
@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (0.1, 0.0), (4.0, 0.01), (1e3, 50.0)])
def test_the_interaction_is_scipys_to_the_last_digits(sizes, shift, spread):
    """From p near one to p too small for a double, and with one group whose values are all the same."""
    rng = np.random.default_rng(sizes)
    first, second = rng.normal(shift, 1.0, sizes[0]), np.full(sizes[1], 0.5) + spread * rng.normal(0, 1, sizes[1])
    moments = [(values.mean(), values.std(ddof=1), values.size) for values in (first, second)]
    expected = stats.ttest_ind_from_stats(*moments[0], *moments[1], equal_var=False)
    result = interaction(first, second, RESOLUTION)
    assert result.t == pytest.approx(expected.statistic, rel=1e-12)
    assert result.p == pytest.approx(max(expected.pvalue, np.finfo(float).tiny), rel=1e-12)


def test_one_group_without_spread_leaves_the_degrees_of_freedom_to_the_other():
    result = interaction(np.array([0.1, 0.2, 0.3]), np.full(5, 0.15), RESOLUTION)
    assert result.df == pytest.approx(2)
    assert result.t == pytest.approx(0.05 / (0.1 / math.sqrt(3)))


@pytest.mark.parametrize(("first", "second"), [([0.1], [0.1, 0.2]), ([0.1, 0.2], []), ([0.1, 0.1], [0.3, 0.3])])
def test_without_two_cases_each_and_a_spread_there_is_no_interaction(first, second):
    assert interaction(np.array(first), np.array(second), RESOLUTION) is None


def test_satterthwaite_by_hand():
    assert satterthwaite([3.0, 1.0], [3, 1]) == pytest.approx(16 / (9 / 3 + 1))
