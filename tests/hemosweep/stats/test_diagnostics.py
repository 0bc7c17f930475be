import numpy as np
import pytest

from hemosweep.stats import find_outliers, shapiro_p

RESOLUTION = 1e-9


def test_shapiro_as_published():
    # Shapiro and Wilk's own example (1965), weights of eleven men, and the differences of Student's sleep data, as R
    # prints them.
    weights = np.array([148.0, 154, 158, 160, 161, 162, 166, 170, 182, 195, 236])
    sleep = np.array([1.2, 2.4, 1.3, 1.3, 0, 1.0, 1.8, 0.8, 4.6, 1.4])
    assert shapiro_p(weights, RESOLUTION) == pytest.approx(0.006704, abs=5e-7)
    assert shapiro_p(sleep, RESOLUTION) == pytest.approx(0.03334, abs=5e-6)


@pytest.mark.parametrize("diff", [np.array([0.1, 0.2]), np.full(9, 0.1), np.linspace(0, 1, 5001)])
def test_where_shapiro_says_nothing_there_is_none(diff):
    assert shapiro_p(diff, RESOLUTION) is None


def test_an_outlier_is_five_robust_deviations_away():
    # Median 0.02 and median absolute deviation 0.01: five robust deviations are 0.07413.
    ids = ["c1", "c2", "c3", "c4", "c5"]
    (found,) = find_outliers(ids, np.array([0.00, 0.01, 0.02, 0.03, 0.02 + 0.0742]), RESOLUTION)
    assert (found.case_id, found.diff) == ("c5", pytest.approx(0.0942))
    assert found.z == pytest.approx(0.0742 / 0.014826)
    assert find_outliers(ids, np.array([0.00, 0.01, 0.02, 0.03, 0.02 + 0.0741]), RESOLUTION) == ()


def test_a_difference_of_just_five_robust_deviations_is_no_outlier():
    # Median 0, median absolute deviation 1.
    diff = np.array([-1.0, -1.0, 0.0, 1.0, 5 * 1.4826])
    assert find_outliers("abcde", diff, RESOLUTION) == ()
    assert find_outliers("abcde", diff * np.array([1, 1, 1, 1, 1 + 1e-12]), RESOLUTION) != ()


def test_the_farthest_outlier_comes_first_on_either_side():
    diff = np.array([0.00, 0.01, 0.02, 0.03, 0.04, 0.05, -0.9, 0.8])
    assert [outlier.case_id for outlier in find_outliers("abcdefgh", diff, RESOLUTION)] == ["g", "h"]


def test_one_case_that_differs_among_equal_ones_is_an_outlier():
    # Most differences are zero, and so is their median deviation; the mean one is 0.4 / 20.
    diff = np.zeros(20)
    diff[7] = 0.4
    (found,) = find_outliers([str(place) for place in range(20)], diff, RESOLUTION)
    assert (found.case_id, found.z) == ("7", pytest.approx(20 / 1.253314))


@pytest.mark.parametrize("diff", [[], [0.3], [0.3, 0.3], [0.1, 0.9]])
def test_too_few_or_equal_differences_have_no_outlier(diff):
    assert find_outliers("ab"[: len(diff)], np.array(diff), RESOLUTION) == ()


def test_normal_differences_have_no_outlier():
    diff = np.random.default_rng(5).normal(0, 0.05, 200)
    assert find_outliers([str(place) for place in range(200)], diff, RESOLUTION) == ()
