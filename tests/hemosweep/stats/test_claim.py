import math
from dataclasses import asdict

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from hemosweep.stats import claim, mean_test
from hemosweep.stats.training import training_noise

RESOLUTION = 1e-9


def of_differences(diff_N, folds, units=None):
    """Claim of one seed of each arm, where A scores 0.5 in all cases."""
    diff_N = np.asarray(diff_N, dtype=float)
    return claim(np.full((1, diff_N.size), 0.5), 0.5 + diff_N[None], folds, units, RESOLUTION)


# Two folds of two cases. The seeds' mean squares are those of `test_training.py`: A has two, with 4.25e-4 between fold
# means (2 degrees of freedom) and a rest of 2.5e-4 (2), so 3e-4 of training noise; B has three, with 8e-4 (4) and
# 1e-4 (4), so 7.5e-4.
PAIR_FOLDS = ["0", "0", "1", "1"]
A_SEEDS = np.array([[-0.03, -0.01, -0.01, 0.0], [0.03, 0.01, 0.01, 0.0]])
B_SEEDS = np.array([[0.01, 0.03, 0.02, 0.02], [0.0, 0.0, -0.04, -0.04], [-0.01, -0.03, 0.02, 0.02]])


def by_hand(diff_N, folds=PAIR_FOLDS, a=A_SEEDS, b=B_SEEDS):
    base_N = np.array([0.3, 0.5, 0.4, 0.6])
    return claim(base_N + a, base_N + diff_N + b, folds, None, RESOLUTION)


# Fold means 0.04 and 0.06; the cases are 0.01 and 0.02 from them, a mean square of 5e-4 with two degrees of freedom.
CLOSE = np.array([0.03, 0.05, 0.04, 0.08])
WITHIN = 5e-4 / 4 + 0.5 * (3e-4 / 2 + 7.5e-4 / 3)
WITHIN_DF = WITHIN**2 / (
    (5e-4 / 4) ** 2 / 2
    + (0.5 / 2 * 4.25e-4) ** 2 / 2
    + (0.5 / 2 * 0.5 * 2.5e-4) ** 2 / 2
    + (0.5 / 3 * 8e-4) ** 2 / 4
    + (0.5 / 3 * 0.5 * 1e-4) ** 2 / 4
)


def test_one_seed_is_students_test_of_the_fold_means():
    means = [0.02, 0.05, 0.03, 0.10]
    result = of_differences([mean + step for mean in means for step in (-0.001, 0.001)], list("00112233"))
    expected = scipy.stats.ttest_1samp(means, 0.0)
    interval = expected.confidence_interval(0.95)
    assert (result.basis, result.num_seeds_a, result.num_seeds_b, result.num_folds) == ("folds", 1, 1, 4)
    assert (result.num_repeats, result.df, result.folds_count, result.fold_p) == (1, 3.0, True, None)
    assert result.t == pytest.approx(expected.statistic)
    assert result.p == pytest.approx(expected.pvalue)
    assert result.ci95 == pytest.approx((interval.low, interval.high))
    # Squares of 0.03, 0, 0.02 and 0.05 over three degrees of freedom and four folds.
    variance = 0.0038 / 3 / 4
    assert result.standard_error == pytest.approx(math.sqrt(variance))
    # Eight cases 0.001 from their fold's mean, four degrees of freedom; the rest is what two trainings do to a fold.
    assert result.components.case == pytest.approx(math.sqrt(8e-6 / 4))
    assert result.components.training == pytest.approx(math.sqrt((variance - 2e-6 / 8) / (1 / 4) / 2))
    assert (result.components.rest, result.components.fold) == (0.0, 0.0)


def test_fold_means_that_vary_less_than_their_cases_have_the_variance_of_the_cases():
    means = [0.049, 0.051, 0.05, 0.05]
    result = of_differences([mean + step for mean in means for step in (-0.02, 0.02)], list("00112233"))
    # Eight cases 0.02 from their fold's mean: a mean square of 8e-4 with four degrees of freedom, over eight cases.
    assert result.standard_error == pytest.approx(0.01)
    assert (result.df, result.basis, result.folds_count) == (3.0, "folds", True)
    assert result.p == pytest.approx(2 * scipy.stats.t.sf(5.0, 3))
    assert result.components.training == 0.0
    assert result.components.case == pytest.approx(math.sqrt(8e-4))


def test_seeds_of_one_arm_alone_leave_the_folds_as_the_measure():
    b_SN = np.array([[0.50, 0.53, 0.60, 0.65], [0.52, 0.55, 0.64, 0.67]])
    result = claim(np.full((1, 4), 0.5), b_SN, PAIR_FOLDS, None, RESOLUTION)
    assert (result.basis, result.num_seeds_a, result.num_seeds_b, result.df) == ("folds", 1, 2, 1.0)
    # Fold means 0.025 and 0.14 over both seeds; the cases are 0.015 and 0.02 from them.
    variance, case = 0.0575**2, (2 * 0.015**2 + 2 * 0.02**2) / 2
    assert result.standard_error == pytest.approx(math.sqrt(variance))
    assert result.components.training == pytest.approx(math.sqrt((variance - case / 4) / 0.5 / (1 + 1 / 2)))


def test_seeds_and_cases_and_folds_are_pooled_by_hand():
    result = by_hand(CLOSE)
    between = 0.01**2
    assert (result.basis, result.num_seeds_a, result.num_seeds_b, result.num_folds) == ("seeds", 2, 3, 2)
    assert result.folds_count is False
    assert result.fold_p == pytest.approx(scipy.stats.f.sf(between / WITHIN, 1, WITHIN_DF))
    assert result.df == pytest.approx(WITHIN_DF + 1)
    variance = (WITHIN_DF * WITHIN + between) / (WITHIN_DF + 1)
    assert result.standard_error == pytest.approx(math.sqrt(variance))
    assert result.t == pytest.approx(0.05 / math.sqrt(variance))
    assert result.p == pytest.approx(2 * scipy.stats.t.sf(result.t, result.df))
    half = scipy.stats.t.ppf(0.975, result.df) * result.standard_error
    assert result.ci95 == pytest.approx((0.05 - half, 0.05 + half))
    components = result.components
    assert components.case == pytest.approx(math.sqrt(5e-4 - 2.5e-4 / 2 - 1e-4 / 3))
    assert components.rest == pytest.approx(math.sqrt((2.5e-4 + 1e-4) / 2))
    assert components.training == pytest.approx(math.sqrt((3e-4 + 7.5e-4) / 2))
    assert components.fold == 0.0


def test_folds_that_differ_by_more_than_cases_and_seeds_are_the_measure():
    # Fold means 0.02 and 0.12, of which the cases are 0.01 and 0.02 away.
    result = by_hand(np.array([0.01, 0.03, 0.10, 0.14]))
    assert (result.basis, result.folds_count, result.df) == ("seeds", True, 1.0)
    between = 0.05**2
    assert result.fold_p == pytest.approx(scipy.stats.f.sf(between / WITHIN, 1, WITHIN_DF))
    assert result.standard_error == pytest.approx(0.05)
    assert result.p == pytest.approx(scipy.stats.ttest_1samp([0.02, 0.12], 0.0).pvalue)
    assert result.components.fold == pytest.approx(math.sqrt((between - WITHIN) / (1 / 2)))
    assert result.components.training == pytest.approx(math.sqrt((3e-4 + 7.5e-4) / 2))


@pytest.mark.parametrize(("fold_p", "counts"), [(0.199, True), (0.201, False)])
def test_the_folds_count_below_a_p_of_20_percent(fold_p, counts):
    half = math.sqrt(scipy.stats.f.isf(fold_p, 1, WITHIN_DF) * WITHIN)
    result = by_hand(np.array([-0.01, 0.01, -0.02, 0.02]) + 0.05 + half * np.array([-1, -1, 1, 1]))
    assert result.fold_p == pytest.approx(fold_p)
    assert result.folds_count is counts


def test_an_arm_without_training_noise_adds_neither_variance_nor_degrees_of_freedom():
    opposed = np.array([[0.02, -0.02, 0.0, 0.0], [-0.02, 0.02, 0.0, 0.0]])
    result = by_hand(CLOSE, a=opposed, b=opposed)
    # Both arms' rest is 8e-4 / 2, of which 1 / 2 is in the mean over two seeds; cases alone have 5e-4 / 4 and two
    # degrees of freedom, and the folds 1e-4 and one.
    assert result.df == pytest.approx(3)
    assert result.standard_error**2 == pytest.approx((2 * 5e-4 / 4 + 1e-4) / 3)
    assert result.fold_p == pytest.approx(scipy.stats.f.sf(1e-4 / (5e-4 / 4), 1, 2))
    assert result.components.training == 0.0
    assert result.components.rest == pytest.approx(math.sqrt(8e-4))
    assert result.components.case == 0.0
    one_arm = by_hand(CLOSE, a=opposed)
    within = 5e-4 / 4 + 0.5 / 3 * 7.5e-4
    terms = (5e-4 / 4) ** 2 / 2 + (0.5 / 3 * 8e-4) ** 2 / 4 + (0.5 / 3 * 0.5 * 1e-4) ** 2 / 4
    assert one_arm.df == pytest.approx(within**2 / terms + 1)
    assert one_arm.components.training == pytest.approx(math.sqrt(7.5e-4 / 2))


@pytest.mark.parametrize(("folds", "num_folds"), [(None, 0), (["0"] * 4, 1)])
def test_without_folds_or_with_one_seeds_and_cases_are_the_measure(folds, num_folds):
    result = by_hand(CLOSE, folds)
    a, b = (training_noise(seeds, np.zeros(4, dtype=int)) for seeds in (A_SEEDS, B_SEEDS))
    # All four cases are 0.02, 0, 0.01 and 0.03 from the mean: three degrees of freedom; one training for all: c = 1.
    case = (0.02**2 + 0.01**2 + 0.03**2) / 3
    within = case / 4 + a.variance / 2 + b.variance / 3
    terms = [(case / 4, 3), (a.seeds / 2, 1), (a.rest / 8, 3), (b.seeds / 3, 2), (b.rest / 12, 6)]
    assert b.variance > 0
    used = terms if a.variance > 0 else [terms[0], *terms[3:]]
    assert (result.basis, result.num_folds, result.folds_count, result.fold_p) == ("seeds", num_folds, False, None)
    assert result.standard_error == pytest.approx(math.sqrt(within))
    assert result.df == pytest.approx(within**2 / sum(term**2 / df for term, df in used))
    assert result.components.fold == 0.0


@pytest.mark.parametrize(("folds", "num_folds"), [(None, 0), (["0"] * 4, 1)])
def test_one_seed_and_no_folds_or_one_make_no_claim(folds, num_folds):
    result = of_differences(CLOSE, folds)
    assert (result.basis, result.num_folds, result.folds_count) == (None, num_folds, False)
    assert (result.standard_error, result.df, result.t, result.p, result.ci95, result.components) == (None,) * 6


@pytest.mark.parametrize("num_seeds", [1, 2])
@pytest.mark.parametrize("num_cases", [0, 1])
def test_no_case_or_one_makes_no_claim(num_cases, num_seeds):
    scores_SN = np.arange(num_seeds)[:, None] * np.full((num_seeds, num_cases), 0.1)
    result = claim(scores_SN, scores_SN + 0.1, ["0"] * num_cases, None, RESOLUTION)
    assert (result.basis, result.p, result.components) == (None, None, None)


@pytest.mark.parametrize("num_seeds", [1, 2])
@pytest.mark.parametrize("diff_N", [np.zeros(4), np.full(4, 0.1), np.array([0.1, 0.1 + 1e-12, 0.1, 0.1])])
def test_the_same_difference_in_all_cases_makes_no_claim(diff_N, num_seeds):
    a_SN = np.array([[0.5, 0.6, 0.4, 0.3], [0.51, 0.62, 0.4, 0.3]])[:num_seeds]
    result = claim(a_SN, a_SN + diff_N, PAIR_FOLDS, None, RESOLUTION)
    assert (result.basis, result.p, result.num_folds, result.num_seeds_a) == (None, None, 2, num_seeds)


def test_the_same_difference_in_all_folds_counts_as_that_and_no_less_than_the_cases():
    same = np.array([0.03, 0.05, 0.02, 0.06])
    alone = of_differences(same, PAIR_FOLDS)
    # Mean squares of 0.01 and 0.02 from the means of two folds: 0.001 / 2, of four cases.
    assert (alone.basis, alone.df) == ("folds", 1.0)
    assert alone.standard_error == pytest.approx(math.sqrt(0.0005 / 4))
    result = by_hand(same)
    assert (result.basis, result.fold_p, result.folds_count) == ("seeds", 1.0, False)
    assert result.standard_error == pytest.approx(math.sqrt(WITHIN_DF * WITHIN / (WITHIN_DF + 1)))
    assert result.df == pytest.approx(WITHIN_DF + 1)


def test_folds_of_one_case_are_the_paired_t_test():
    diff_N = np.array([0.02, 0.05, -0.01, 0.11, 0.03])
    result = of_differences(diff_N, list("01234"))
    expected = scipy.stats.ttest_1samp(diff_N, 0.0)
    assert (result.basis, result.df) == ("folds", 4.0)
    assert result.t == pytest.approx(expected.statistic)
    assert result.p == pytest.approx(expected.pvalue)
    assert result.components.case == 0.0
    assert result.components.training == pytest.approx(diff_N.std(ddof=1) / math.sqrt(2))
    seeds = claim(np.array([[0.4] * 5, [0.6] * 5]), 0.5 + diff_N + np.array([[-0.2], [0.2]]), list("01234"), None, 1e-9)
    assert (seeds.num_seeds_a, seeds.num_seeds_b) == (2, 2)
    assert seeds.p == pytest.approx(expected.pvalue), "cases of one fold do not vary: the folds are the measure"


def test_unequal_folds_have_the_cluster_robust_variance():
    diff_N = np.array([0.01, 0.02, 0.03, 0.07, 0.09, 0.20])
    folds = list("aaabbc")
    result = of_differences(diff_N, folds)
    residual_N = diff_N - diff_N.mean()
    sums = [sum(residual for residual, fold in zip(residual_N, folds, strict=True) if fold == name) for name in "abc"]
    # Cameron and Miller (2015), eq. 11, of a constant: X'X = n, with K / (K - 1) for few clusters.
    variance = 3 / 2 * sum(total**2 for total in sums) / 6**2
    assert result.standard_error == pytest.approx(math.sqrt(variance))
    assert result.t == pytest.approx(0.07 / math.sqrt(variance))
    assert result.df == 2.0
    # Cases 0.01, 0, 0.01; 0.01, 0.01; 0 from their folds' means, three degrees of freedom; c = (9 + 4 + 1) / 36.
    case = 4e-4 / 3
    assert result.components.case == pytest.approx(math.sqrt(case))
    assert result.components.training == pytest.approx(math.sqrt((variance - case / 6) * 36 / 14 / 2))


def test_seeds_over_unequal_folds_by_hand():
    a_SN = 0.5 + np.array([[0.01, 0.03, 0.05, 0.0], [0.0, 0.0, 0.0, 0.04]])
    b_SN = a_SN[::-1] + np.array([0.0, 0.04, 0.05, 0.03])
    result = claim(a_SN, b_SN, list("1110"), None, RESOLUTION)
    # Seeds differ by 0.01, 0.03 and 0.05 in the large fold (mean 0.03) and by 0.04 in the other.
    seeds, rest, share, c = (0.03**2 + 0.04**2) / 2 / 2, 2 * 0.02**2 / 2 / 2, (1 / 3 + 1) / 2, (9 + 1) / 16
    case = (0.03**2 + 0.01**2 + 0.02**2) / 2
    within = case / 4 + 2 * c / 2 * (seeds - share * rest)
    terms = (case / 4) ** 2 / 2 + 2 * ((c / 2 * seeds) ** 2 / 2 + (c / 2 * share * rest) ** 2 / 2)
    within_df = within**2 / terms
    # Both fold means are 0.03: they vary by nothing, with one degree of freedom.
    assert result.standard_error == pytest.approx(math.sqrt(within_df * within / (within_df + 1)))
    assert result.df == pytest.approx(within_df + 1)
    apart = claim(a_SN, b_SN + np.array([0.0, 0.0, 0.0, 0.01]), list("1110"), None, RESOLUTION)
    between = ((3 / 4) ** 2 * 0.0025**2 + (1 / 4) ** 2 * 0.0075**2) * 2
    assert apart.fold_p == pytest.approx(scipy.stats.f.sf(between / within, 1, within_df))
    assert apart.standard_error == pytest.approx(math.sqrt((within_df * within + between) / (within_df + 1)))


def test_cases_of_one_patient_count_as_one_mean():
    # Patients with means 0.03 (two cases) and 0.06 in the first fold, whose mean is 0.04; 0.03 and 0.07 in the second.
    diff_N, folds, units = [0.02, 0.04, 0.06, 0.03, 0.07], list("00011"), [4, 4, 9, 0, 1]
    result = of_differences(diff_N, folds, units)
    square = 2 * 0.01**2 + 0.02**2 + 2 * 0.02**2
    case = square / 2 * (4 + 1 + 1 + 1) / (5 * 5 / 4)
    assert result.components.case == pytest.approx(math.sqrt(case))
    # It is above the folds' variance, whose means are 0.004 and 0.006 from 0.044.
    assert result.standard_error == pytest.approx(math.sqrt(case / 5))
    assert result.df == 1.0


def test_patients_of_the_same_number_of_cases_are_a_test_of_their_means():
    rng = np.random.default_rng(3)
    a_SU, b_SU = rng.uniform(0.4, 0.6, (2, 3, 8))
    folds, units = list("00112233"), list(range(8))
    of_means = claim(a_SU[:1], b_SU[:1], folds, None, RESOLUTION)
    # Three equal cases of each patient say no more than one does.
    a_SN, b_SN = (np.repeat(scores_SU[:1], 3, axis=1) for scores_SU in (a_SU, b_SU))
    folds_N, units_N = (np.repeat(values, 3).tolist() for values in (folds, units))
    of_cases = claim(a_SN, b_SN, folds_N, units_N, RESOLUTION)
    assert of_cases.standard_error == pytest.approx(of_means.standard_error)
    assert of_cases.components.case / math.sqrt(3) == pytest.approx(of_means.components.case)
    assert claim(a_SN, b_SN, folds_N, None, RESOLUTION).components.case < of_means.components.case
    with_seeds = claim(a_SU, b_SU, folds, None, RESOLUTION)
    assert claim(a_SU, b_SU, folds, units, RESOLUTION) == with_seeds, "patients with one case each change nothing"


def test_patients_have_a_degree_of_freedom_each_where_seeds_count():
    a_SN = np.full((2, 6), 0.5)
    diff_N = np.array([0.02, 0.02, 0.04, 0.04, 0.09, 0.09])
    result = claim(a_SN, a_SN + diff_N, None, [0, 0, 1, 1, 2, 2], RESOLUTION)
    expected = scipy.stats.ttest_1samp([0.02, 0.04, 0.09], 0.0)
    assert (result.basis, result.df) == ("seeds", 2.0)
    assert result.t == pytest.approx(expected.statistic)
    assert result.p == pytest.approx(expected.pvalue)


def test_one_patient_in_each_fold_leaves_the_folds_as_the_measure():
    diff_N = [0.02, 0.04, 0.09, 0.11]
    result = of_differences(diff_N, PAIR_FOLDS, [0, 0, 1, 1])
    assert result.p == pytest.approx(scipy.stats.ttest_1samp([0.03, 0.10], 0.0).pvalue)
    assert result.components.case == 0.0


def test_one_degree_of_freedom_of_the_cases_is_enough():
    scores_SN = np.array([[0.5, 0.5], [0.75, 0.75]])
    result = claim(scores_SN, scores_SN + np.array([0.0625, 0.125]), None, None, RESOLUTION)
    # Cases 0.03125 from their mean; training noise of 0.03125 in each arm, with one degree of freedom, as the cases.
    case, training = 2 * 0.03125**2 / 2, 0.03125 / 2
    assert (result.basis, result.num_folds) == ("seeds", 0)
    assert result.standard_error == pytest.approx(math.sqrt(case + 2 * training))
    assert result.df == pytest.approx((case + 2 * training) ** 2 / (case**2 + 2 * training**2))


def test_cases_that_agree_within_their_folds_leave_the_folds_as_the_measure():
    # Binary fractions, so that nothing is left within folds.
    scores_SN = np.full((2, 6), 0.5)
    diff_N = np.repeat([0.25, 0.125, 0.0625], 2)
    result = claim(scores_SN, scores_SN + diff_N, list("001122"), None, RESOLUTION)
    assert result.p == pytest.approx(scipy.stats.ttest_1samp([0.25, 0.125, 0.0625], 0.0).pvalue)
    assert (result.df, result.components.case) == (2.0, 0.0)


def test_a_p_too_small_for_a_double_is_not_zero():
    diff_N = 0.4 + 1e-6 * np.sin(np.arange(400))
    assert 0 < of_differences(diff_N, [str(place) for place in range(400)]).p < 1e-300


def noise(num, start):
    values = np.sin(np.arange(start, start + num) * 12.9898) * 43758.5453
    return values - np.floor(values) - 0.5


def design(num_cases, num_folds, num_seeds, training, case, rest, effect, fold, start):
    """Scores of two arms, rounded to four digits, that any language reproduces; and the fold of each case."""
    fold_N = np.arange(num_cases) % num_folds
    base_N = noise(num_cases, start) * 0.4
    start += num_cases
    arms = []
    for shift in (0.0, effect):
        case_N = noise(num_cases, start) * case
        start += num_cases
        fold_K = noise(num_folds, start) * fold
        start += num_folds
        rows = []
        for _ in range(num_seeds):
            training_K = noise(num_folds, start) * training
            start += num_folds
            rest_N = noise(num_cases, start) * rest
            start += num_cases
            rows.append(np.round(0.6 + base_N + case_N + fold_K[fold_N] + training_K[fold_N] + rest_N + shift, 4))
        arms.append(np.array(rows))
    return *arms, [str(number) for number in fold_N]


# R 4.2.2 with lme4 and lmerTest 3.1.3, over the scores as a table of y, arm, seed, fold and case:
#   summary(lmer(y ~ arm + (1|fold) + (1|case) + (1|case:arm) + (1|arm:fold) + (1|arm:fold:seed), d))
# prints armB with Satterthwaite's degrees of freedom. It estimates by REML and without a test of the folds; where
# arm:fold has no variance it pools as `claim` does, by other weights.


def test_pooled_folds_agree_with_a_mixed_model_in_r():
    a_SN, b_SN, folds = design(20, 4, 3, 0.06, 0.08, 0.05, 0.04, 0.0, 1)
    result = claim(a_SN, b_SN, folds, None, RESOLUTION)
    assert (result.basis, result.folds_count) == ("seeds", False)
    assert b_SN.mean() - a_SN.mean() == pytest.approx(0.0500116666667)
    assert result.standard_error == pytest.approx(0.0111302251814, rel=1e-3)
    assert result.df == pytest.approx(30.3588885330, rel=1e-2)
    assert result.p == pytest.approx(9.48531139780e-05, rel=1e-2)


def test_folds_as_the_measure_agree_with_a_mixed_model_in_r():
    a_SN, b_SN, folds = design(20, 4, 3, 0.04, 0.06, 0.05, 0.04, 0.2, 901)
    result = claim(a_SN, b_SN, folds, None, RESOLUTION)
    assert (result.basis, result.folds_count) == ("seeds", True)
    assert b_SN.mean() - a_SN.mean() == pytest.approx(0.0289966666667)
    assert result.standard_error == pytest.approx(0.0481011673287, rel=1e-4)
    assert result.df == pytest.approx(2.99996174742, rel=1e-4)
    assert result.p == pytest.approx(0.589146890153, rel=1e-4)
    # VarCorr: case:arm 3.780792359e-4 twice is a case's difference, residual 1.886438551e-4, arm:fold:seed
    # 1.450948651e-4, arm:fold 4.4908875375e-3 twice is a fold's difference.
    variances = {name: sd**2 for name, sd in asdict(result.components).items()}
    expected = {"case": 2 * 3.780792359e-4, "rest": 1.886438551e-4, "training": 1.450948651e-4}
    assert variances == pytest.approx(expected | {"fold": 2 * 4.4908875375e-3}, rel=1e-3)


def test_one_seed_agrees_with_a_mixed_model_of_the_differences_in_r():
    # lmer(d ~ 1 + (1|fold)) over d = B - A.
    result = claim(*design(20, 4, 1, 0.0, 0.10, 0.05, 0.06, 0.12, 501), None, RESOLUTION)
    assert (result.basis, result.df) == ("folds", 3.0)
    assert sum(result.ci95) / 2 == pytest.approx(0.100275)
    assert result.standard_error == pytest.approx(0.0295418502994, rel=1e-6)
    assert result.t == pytest.approx(3.39433715166, rel=1e-6)
    assert result.p == pytest.approx(0.0426385223616, rel=1e-6)
    # VarCorr: fold 3.254314878e-3, which two trainings and the fold's training set share; residual 1.182843993e-3.
    assert 2 * result.components.training**2 == pytest.approx(3.254314878e-3, rel=1e-6)
    assert result.components.case**2 == pytest.approx(1.182843993e-3, rel=1e-6)


@st.composite
def designs(draw):
    """Scores of both arms, and folds and patients of the cases, of random but reproducible noise."""
    num_cases, num_folds = draw(st.integers(4, 14)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    fold_N = np.concatenate([np.arange(num_folds), rng.integers(0, num_folds, num_cases)])[:num_cases]
    training = draw(st.sampled_from([0.0, 0.02, 0.2]))
    fold_K = draw(st.sampled_from([0.0, 0.2])) * rng.normal(size=num_folds)
    arms = []
    for num_seeds in draw(st.tuples(st.integers(1, 4), st.integers(1, 4))):
        training_SK = training * rng.normal(size=(num_seeds, num_folds))
        arms.append(0.5 + training_SK[:, fold_N] + 0.05 * rng.normal(size=(num_seeds, num_cases)))
    # Pairs of cases of one fold are one patient.
    units = np.array([100 * fold + place // 4 for place, fold in enumerate(fold_N)])
    return arms[0], arms[1] + fold_K[fold_N], fold_N.astype(str), units if draw(st.booleans()) else None


def of(a_SN, b_SN, folds, units):
    return claim(a_SN, b_SN, folds.tolist(), None if units is None else units.tolist(), RESOLUTION)


def assert_same(one, other, sign=1):
    names = ("basis", "num_folds", "folds_count")
    assert [getattr(one, name) for name in names] == [getattr(other, name) for name in names]
    if one.p is None:
        assert one.df is one.t is one.ci95 is other.p is other.df is other.t is other.ci95 is None
        return
    close = {"rel": 1e-6, "abs": 1e-12}
    assert other.t == pytest.approx(sign * one.t, **close)
    assert other.ci95 == pytest.approx(tuple(sign * bound for bound in one.ci95)[::sign], **close)
    for name in ("standard_error", "df", "p", "fold_p"):
        expected = getattr(one, name)
        assert getattr(other, name) == (None if expected is None else pytest.approx(expected, **close)), name
    assert asdict(other.components) == pytest.approx(asdict(one.components), rel=1e-6, abs=1e-7)


@given(data=designs())
@settings(deadline=None, max_examples=60)
def test_swapping_the_arms_turns_the_sign_and_keeps_p(data):
    a_SN, b_SN, folds, units = data
    one, other = of(a_SN, b_SN, folds, units), of(b_SN, a_SN, folds, units)
    assert_same(one, other, sign=-1)
    assert (one.num_seeds_a, one.num_seeds_b) == (other.num_seeds_b, other.num_seeds_a)


@given(data=designs(), seed=st.integers(0, 100))
@settings(deadline=None, max_examples=60)
def test_the_order_of_seeds_and_cases_does_not_matter(data, seed):
    a_SN, b_SN, folds, units = data
    rng = np.random.default_rng(seed)
    order = rng.permutation(folds.size)
    shuffled = (rng.permutation(scores)[:, order] for scores in (a_SN, b_SN))
    assert_same(of(*data), of(*shuffled, folds[order], None if units is None else units[order]))


@given(data=designs())
@settings(deadline=None, max_examples=40)
def test_the_names_of_folds_and_patients_do_not_matter(data):
    a_SN, b_SN, folds, units = data
    # In the opposite order, too.
    renamed = np.array([f"fold_{9 - int(fold)}" for fold in folds])
    assert_same(of(*data), of(a_SN, b_SN, renamed, None if units is None else 7 - 3 * units))


@given(data=designs(), shift=st.floats(-2, 2), by_case=st.booleans())
@settings(deadline=None, max_examples=40)
def test_what_moves_both_arms_alike_changes_nothing(data, shift, by_case):
    a_SN, b_SN, folds, units = data
    shift_N = shift * (np.arange(folds.size) if by_case else np.ones(folds.size))
    assert_same(of(*data), of(a_SN + shift_N, b_SN + shift_N, folds, units))


@given(data=designs(), factor=st.sampled_from([0.5, 3.0, 100.0]))
@settings(deadline=None, max_examples=40)
def test_another_unit_of_the_scores_changes_no_p(data, factor):
    a_SN, b_SN, folds, units = data
    one, other = of(*data), of(factor * a_SN, factor * b_SN, folds, units)
    assert (one.p is None) == (other.p is None)
    if one.p is not None:
        assert (other.df, other.p) == pytest.approx((one.df, one.p))
        assert other.standard_error == pytest.approx(factor * one.standard_error)


@given(data=designs())
@settings(deadline=None, max_examples=60)
def test_a_claim_without_seeds_of_both_arms_is_never_surer_than_its_cases(data):
    a_SN, b_SN, folds, units = data
    result = of(a_SN[:1], b_SN, folds, units)
    assert result.basis in {"folds", None}
    if result.p is not None:
        assert result.standard_error >= result.components.case / math.sqrt(folds.size) * (1 - 1e-9)
        assert result.df == len(set(folds)) - 1


@given(data=designs())
@settings(deadline=None, max_examples=60)
def test_the_components_add_up_to_the_variance_in_a_balanced_design(data):
    a_SN, b_SN, folds, _ = data
    num_seeds, num_folds = min(len(a_SN), len(b_SN)), len(set(folds))
    size = min(np.unique(folds, return_counts=True)[1])
    places = np.concatenate([np.flatnonzero(folds == fold)[:size] for fold in np.unique(folds)])
    result = of(a_SN[:num_seeds, places], b_SN[:num_seeds, places], folds[places], None)
    # Where the folds do not count, the pooled variance is that of cases, seeds and folds together.
    if result.p is not None and result.folds_count and result.components.case > 0:
        variance = result.components.variance(num_cases=places.size, num_folds=num_folds, num_seeds=num_seeds)
        if result.basis == "seeds" or result.components.training > 0:
            assert math.sqrt(variance) == pytest.approx(result.standard_error, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("training", "fold", "num_seeds", "over_cases", "claimed"),
    [
        # The variance of one seed's fold means is kept from falling below that of the cases.
        (0.0, 0.0, 1, 0.05, 0.005),
        (0.06, 0.0, 1, 0.42, 0.05),
        (0.0, 0.0, 3, 0.05, 0.035),
        (0.06, 0.0, 3, 0.31, 0.045),
        # What a test of the folds at 20% costs, near the worst.
        (0.06, 0.06, 3, 0.43, 0.07),
    ],
)
def test_arms_without_a_true_difference_seldom_make_a_claim(training, fold, num_seeds, over_cases, claimed):
    rng = np.random.default_rng(0)
    num_samples, fold_N = 2000, np.arange(76) % 5
    folds = fold_N.astype(str).tolist()
    num_over_cases = num_claimed = 0
    for _ in range(num_samples):
        a_SN, b_SN = (
            rng.normal(0, 0.07, 76)
            + (rng.normal(0, training, (num_seeds, 5)) + rng.normal(0, fold / math.sqrt(2), 5))[:, fold_N]
            + rng.normal(0, 0.05, (num_seeds, 76))
            for _ in range(2)
        )
        num_over_cases += mean_test(b_SN.mean(axis=0) - a_SN.mean(axis=0), RESOLUTION).p < 0.05
        num_claimed += claim(a_SN, b_SN, folds, None, RESOLUTION).p < 0.05
    assert num_over_cases / num_samples == pytest.approx(over_cases, abs=0.035)
    assert num_claimed / num_samples == pytest.approx(claimed, abs=0.015)
