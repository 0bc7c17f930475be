"""Limits of agreement, against Bland and Altman's printed example and against simulated normal values."""

import numpy as np
import pytest

from hemosweep.stats.agreement import MIN_CASES, limits_of_agreement
from hemosweep.stats.ttest import mean_test

# Bland and Altman (1986), table 1: PEFR of 17 people, large minus mini meter, L/min.
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_the_limits_are_those_of_bland_and_altmans_own_example():
    test = mean_test(np.subtract(LARGE, MINI).astype(float), 1e-9)
    limits = limits_of_agreement(test)
    # The paper prints -2.1 and 38.8 and takes 2 for 1.96: -79.7 and 75.5 there.
    assert (test.mean, test.sd) == (pytest.approx(-2.1, abs=0.05), pytest.approx(38.8, abs=0.05))
    assert limits.low == pytest.approx(-2.1176 - 1.95996 * 38.7651, abs=0.001)
    assert limits.high == pytest.approx(-2.1176 + 1.95996 * 38.7651, abs=0.001)


def test_the_interval_of_a_limit_is_that_of_the_approximation_where_cases_are_many():
    values = np.random.default_rng(1).normal(0.02, 0.05, 4000)
    limits = limits_of_agreement(mean_test(values, 1e-9))
    # Their section 2: the variance of a limit is (1 + 1.96^2 / 2) / n, about 3 / n, in variances of the differences.
    half = 1.96 * np.sqrt((1 + 1.96**2 / 2) / 4000) * values.std(ddof=1)
    assert limits.high_ci95 == pytest.approx((limits.high - half, limits.high + half), abs=0.02 * half)
    assert limits.low_ci95 == pytest.approx((limits.low - half, limits.low + half), abs=0.02 * half)


def test_the_interval_of_a_limit_holds_the_true_one_in_95_of_100_samples_of_six():
    """The approximation does not hold here: its own covers less on the far side."""
    values = np.random.default_rng(2).normal(0.0, 1.0, (3000, 6))
    found = [limits_of_agreement(mean_test(row, 1e-9)).high_ci95 for row in values]
    below = np.mean([high < 1.96 for _, high in found])
    above = np.mean([low > 1.96 for low, _ in found])
    # Two standard errors of 2.5% in 3000 samples are 0.6%.
    assert (below, above) == (pytest.approx(0.025, abs=0.009), pytest.approx(0.025, abs=0.009))


@pytest.mark.parametrize("values", [[], [0.1], [0.1] * 8, [0.0, 0.1, 0.2, 0.3]])
def test_there_are_no_limits_of_few_cases_or_of_equal_differences(values):
    assert len(values) < MIN_CASES or len(set(values)) == 1
    assert limits_of_agreement(mean_test(np.array(values), 1e-9)) is None
