import math

import pytest
from scipy import optimize, special

from hemosweep.stats.root import bisect


def test_a_root_is_exact_to_the_last_digit():
    root = bisect(lambda x: x * x - 2, 0.0, 10.0)
    assert abs(root - math.sqrt(2)) <= math.ulp(root)


@pytest.mark.parametrize("ends", [(-3.0, 5.0), (0.0, 1.0), (-1.0, 0.0)])
def test_a_root_at_zero_or_at_an_end_is_found(ends):
    assert bisect(lambda x: x, *ends) == pytest.approx(0.0, abs=1e-29)


def test_a_falling_function_has_the_root_of_the_rising_one():
    assert bisect(lambda x: 1 - x**3, -7.0, 9.0) == pytest.approx(1.0, rel=1e-15)


def test_ends_of_one_sign_are_refused():
    with pytest.raises(AssertionError, match=r"no change of sign between 1\.0 and 2\.0"):
        bisect(lambda x: x, 1.0, 2.0)


def test_a_function_without_a_value_on_the_way_is_refused():
    with pytest.raises(AssertionError, match=r"no number at 1\.0"):
        bisect({0.0: -1.0, 1.0: math.nan, 2.0: 1.0}.__getitem__, 0.0, 2.0)


@pytest.mark.parametrize("df", [1, 2, 9, 75, 1000, 100_000])
@pytest.mark.parametrize("t", [0.0, 1e-6, 0.3, 2.0, 25.0, 9e3])
@pytest.mark.parametrize("p", [0.025, 0.975])
def test_the_root_is_brents(df, t, p):
    high = 5 + t * math.sqrt(float(special.chdtri(df, 1e-9)) / df)

    def missing(noncentrality: float) -> float:
        return float(special.nctdtr(df, noncentrality, t)) - p

    # Brent's tolerance is 1e-12 there, and the function itself is rounded.
    assert bisect(missing, -3.0, high) == pytest.approx(
        float(optimize.brentq(missing, -3.0, high, xtol=1e-12)), rel=1e-12, abs=1e-12
    )
