import math

import numpy as np
import pytest
from scipy import stats

from hemosweep.errors import BadInput
from hemosweep.stats import equivalence, minimum_detectable_difference


def test_the_minimum_detectable_difference_turns_rs_power_calculation_around():
    # power.t.test(delta = 0.5, power = 0.80, type = "paired") gives n = 33.36713.
    assert minimum_detectable_difference(1.0, 33.36713) == pytest.approx(0.5, abs=1e-7)


def test_the_minimum_detectable_difference_is_found_in_four_of_five_samples():
    n, num_samples = 20, 20_000
    true = minimum_detectable_difference(0.05, n)
    diff = np.random.default_rng(1).normal(true, 0.05, (num_samples, n))
    found = (stats.ttest_1samp(diff, 0.0, axis=1).pvalue < 0.05).mean()
    assert found == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / num_samples))


def test_the_minimum_detectable_difference_is_in_proportion_to_the_spread_and_falls_with_n():
    assert minimum_detectable_difference(0.1, 76) == pytest.approx(2 * minimum_detectable_difference(0.05, 76))
    by_n = [minimum_detectable_difference(1.0, n) for n in (2, 3, 5, 10, 76, 1000)]
    assert by_n == sorted(by_n, reverse=True)
    assert by_n[-1] == pytest.approx((1.959964 + 0.841621) / math.sqrt(1000), rel=2e-3)


def test_equivalence_in_closed_form():
    # With two degrees of freedom P(T <= t) = 1/2 + t / (2 sqrt(2 + t^2)).
    result = equivalence(0.01, 0.005, 2, 0.03)
    t = (0.01 - 0.03) / 0.005
    assert result.p == pytest.approx(0.5 + t / (2 * math.sqrt(2 + t * t)))
    half = 0.9 * math.sqrt(2 / (1 - 0.9**2)) * 0.005
    assert result.ci90 == pytest.approx((0.01 - half, 0.01 + half))
    assert (result.margin, result.shown) == (0.03, True)


@pytest.mark.parametrize("mean_diff", [-0.012, 0.0, 0.012])
@pytest.mark.parametrize("margin", [0.005, 0.015, 0.02, 0.025])
def test_equivalence_is_the_larger_of_two_one_sided_tests_and_goes_with_its_interval(mean_diff, margin):
    diff = np.random.default_rng(4).normal(0, 0.02, 25)
    diff += mean_diff - diff.mean()
    larger = max(
        stats.ttest_1samp(diff, -margin, alternative="greater").pvalue,
        stats.ttest_1samp(diff, margin, alternative="less").pvalue,
    )
    result = equivalence(mean_diff, diff.std(ddof=1) / 5, 24, margin)
    assert result.p == pytest.approx(larger)
    assert result.shown == (-margin < result.ci90[0] and result.ci90[1] < margin)


@pytest.mark.parametrize("margin", [0.0, -0.02, math.nan, math.inf])
def test_a_margin_has_to_be_above_zero(margin):
    with pytest.raises(BadInput, match="equivalence margin"):
        equivalence(0.01, 0.005, 9, margin)
