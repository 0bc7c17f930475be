"""Claims over a repeated cross-validation: a least-squares fit, answers by hand, and what changes nothing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemosweep.scores.catalogue import DSC
from hemosweep.stats import paired_comparison
from hemosweep.stats.claim import claim
from hemosweep.stats.pairing import pair
from hemosweep.stats.partition import shared_splits
from hemosweep.stats.repeats import corrected_test, repeated_claim
from hemosweep.stats.ttest import mean_test

RESOLUTION = 1e-9
FOLDS = np.array([[0, 0, 0, 1, 1, 1], [0, 1, 0, 1, 0, 1]])
"""Two splits of six cases into two folds."""


def claim_of(diff_RN, fold_RN=FOLDS, **options):
    options = {"num_seeds": (1, 1), "units": None, "resolution": RESOLUTION} | options
    return repeated_claim(np.asarray(diff_RN, dtype=np.float64), fold_RN, **options)


def drawn(seed, num_repeats=3, num_cases=30, num_folds=3, cell=0.05, rest=0.03, case=0.06, mean=0.02):
    rng = np.random.default_rng(seed)
    fold_RN = np.stack([rng.permutation(np.arange(num_cases) % num_folds) for _ in range(num_repeats)])
    cells = np.take_along_axis(rng.normal(0, cell, (num_repeats, num_folds)), fold_RN, axis=1)
    own = rng.normal(0, case, num_cases)
    return mean + own + cells + rng.normal(0, rest, (num_repeats, num_cases)), fold_RN


def by_least_squares(diff_RN, fold_RN):
    """The same moments from the fits of two linear models, with dummy variables for cases and cells."""
    num_repeats, num_cases = diff_RN.shape
    num_folds = fold_RN.max() + 1
    case_XN = np.tile(np.eye(num_cases), (num_repeats, 1))
    cell_XC = np.zeros((num_repeats * num_cases, num_repeats * num_folds))
    cell_XC[np.arange(len(cell_XC)), (fold_RN + num_folds * np.arange(num_repeats)[:, None]).ravel()] = 1
    y_X = diff_RN.ravel()

    def residual(design):
        fitted = design @ np.linalg.lstsq(design, y_X, rcond=None)[0]
        return float(((y_X - fitted) ** 2).sum()), np.linalg.matrix_rank(design)

    (cases_left, cases_rank), (both_left, both_rank) = residual(case_XN), residual(np.hstack([case_XN, cell_XC]))
    df, rest_df = both_rank - cases_rank, y_X.size - both_rank
    rest, cells = both_left / rest_df, (cases_left - both_left) / df
    left_XC = cell_XC - case_XN @ np.linalg.lstsq(case_XN, cell_XC, rcond=None)[0]
    size = float((left_XC**2).sum()) / df
    cell = max(0.0, (cells - rest) / size)
    mean_N = diff_RN.mean(axis=0)
    share_NC = cell_XC.reshape(num_repeats, num_cases, -1).mean(axis=0)
    within = float(share_NC.var(axis=0, ddof=1).sum())
    case = mean_N.var(ddof=1)
    weight = float((share_NC.mean(axis=0) ** 2).sum()) - within / num_cases
    terms = [(case / num_cases, num_cases - 1)]
    if cell:
        terms += [(weight * cells / size, df), (-weight * rest / size, rest_df)]
    variance = sum(term for term, _ in terms)
    return variance, variance**2 / sum(term**2 / one for term, one in terms), rest, cell, case - within * cell


@pytest.mark.parametrize("seed", range(4))
def test_the_moments_are_those_of_a_least_squares_fit(seed):
    diff_RN, fold_RN = drawn(seed)
    variance, df, rest, cell, case = by_least_squares(diff_RN, fold_RN)
    claim = claim_of(diff_RN, fold_RN)
    assert claim.standard_error**2 == pytest.approx(variance)
    assert claim.df == pytest.approx(df)
    assert claim.t == pytest.approx(diff_RN.mean() / variance**0.5)
    # Two trainings make a difference.
    assert 2 * claim.components.rest**2 == pytest.approx(rest)
    assert 2 * claim.components.training**2 == pytest.approx(cell)
    assert claim.components.case**2 == pytest.approx(max(0.0, case - rest / 3))
    assert (claim.basis, claim.num_repeats, claim.num_folds) == ("repeats", 3, 3)


def test_without_cell_effects_the_variance_is_that_of_the_cases():
    # The second repeat is the first one but for a rest of ±0.001 that every cell has in equal parts.
    case_N = np.array([0.01, 0.05, -0.02, 0.03, 0.00, 0.04])
    rest_N = 0.001 * np.array([1, -1, 1, -1, 1, -1])
    flat = np.array([[0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 0]])
    claim = claim_of([case_N, case_N + 2 * rest_N], flat)
    test = mean_test(case_N + rest_N, RESOLUTION)
    assert claim.components.training == 0.0
    assert (claim.t, claim.df, claim.p) == pytest.approx((test.t, test.df, test.p))
    assert claim.ci95 == pytest.approx(test.ci95)


def test_several_seeds_in_a_repeat_make_components_of_one_training():
    diff_RN, fold_RN = drawn(5)
    one, two = claim_of(diff_RN, fold_RN), claim_of(diff_RN, fold_RN, num_seeds=(2, 2))
    assert two.components.training == pytest.approx(2**0.5 * one.components.training)
    assert two.p == one.p


def test_cases_of_one_patient_count_as_one():
    diff_RN, fold_RN = drawn(7, num_cases=12, num_folds=2)
    twice_RN, fold_twice_RN = np.repeat(diff_RN, 2, axis=1), np.repeat(fold_RN, 2, axis=1)
    units = [number // 2 for number in range(24)]
    alone = claim_of(diff_RN, fold_RN)
    assert claim_of(twice_RN, fold_twice_RN).p < alone.p
    together = claim_of(twice_RN, fold_twice_RN, units=units)
    assert together.standard_error == pytest.approx(alone.standard_error, rel=0.05)


def test_what_does_not_vary_has_no_claim():
    claim = claim_of(np.full((2, 6), 0.1))
    assert (claim.basis, claim.p, claim.components) == (None, None, None)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_neither_order_nor_names_nor_the_side_change_it(seed):
    diff_RN, fold_RN = drawn(seed, num_cases=15)
    rng = np.random.default_rng(seed)
    repeats, cases = rng.permutation(3), rng.permutation(15)
    names = np.stack([rng.permutation(3) for _ in range(3)])
    claim = claim_of(diff_RN, fold_RN)
    moved = claim_of(diff_RN[np.ix_(repeats, cases)], np.take_along_axis(names, fold_RN, 1)[np.ix_(repeats, cases)])
    turned = claim_of(-diff_RN, fold_RN)
    assert moved.p == pytest.approx(claim.p)
    assert moved.df == pytest.approx(claim.df)
    assert (turned.p, turned.t) == pytest.approx((claim.p, -claim.t))


def test_nadeau_and_bengio_by_hand():
    # Six fold means of two repeats of three folds: 1/6 + 1/2 in place of 1/6, so t is divided by 2.
    mean_J = np.array([0.01, 0.03, 0.02, 0.05, 0.00, 0.04])
    plain, corrected = mean_test(mean_J, RESOLUTION), corrected_test(mean_J, 3, RESOLUTION)
    assert corrected.t == pytest.approx(plain.t / 2)
    assert (corrected.df, corrected.mean) == (5, plain.mean)
    assert corrected.ci95[1] - corrected.mean == pytest.approx(2 * (plain.ci95[1] - plain.mean))
    assert corrected.p > plain.p
    assert corrected_test(np.full(4, 0.1), 2, RESOLUTION).t is None


def test_repeats_are_the_partitions_that_both_sides_have_whatever_the_folds_are_called():
    first = {"a": "0", "b": "0", "c": "1", "d": "1"}
    renamed = {"a": "x", "b": "x", "c": "y", "d": "y"}
    second = {"a": "0", "b": "1", "c": "0", "d": "1"}
    third = {"a": "0", "b": "1", "c": "1", "d": "0"}
    repeats = shared_splits("abcd", [first, second, first], [second, renamed, third])
    assert [(repeat.folds, repeat.seeds_a, repeat.seeds_b) for repeat in repeats] == [
        ((0, 0, 1, 1), (0, 2), (1,)),
        ((0, 1, 0, 1), (1,), (0,)),
    ]
    assert shared_splits("abcd", [first], [{"a": "0"}]) == ()


def test_a_comparison_of_repeats_counts_them_and_says_so():
    diff_RN, fold_RN = drawn(11, num_cases=20, num_folds=4, mean=0.2)
    ids = [f"c{number:02}" for number in range(20)]
    base_N = np.linspace(0.3, 0.5, 20)
    a = [dict(zip(ids, base_N.tolist(), strict=True)) for _ in range(3)]
    b = [dict(zip(ids, (base_N + diff_N).tolist(), strict=True)) for diff_N in diff_RN]
    splits = [dict(zip(ids, map(str, fold_N.tolist()), strict=True)) for fold_N in fold_RN]
    result = paired_comparison(a, b, splits_a=splits, splits_b=splits)
    assert result.claim == claim_of(result_diffs(a, b, ids), fold_names_in_order(fold_RN))
    assert result.outcome == "better"
    assert "counting cases and 3 repeats of 4 folds" in result.verdict
    assert result.verdict.endswith("trainings and training sets of these cases are covered.")
    assert result.folds is None
    means = [
        diff_N[fold_N == fold].mean() for diff_N, fold_N in zip(diff_RN, fold_RN, strict=True) for fold in range(4)
    ]
    assert result.nadeau_bengio.t == pytest.approx(corrected_test(np.array(means), 4, RESOLUTION).t)


def result_diffs(a, b, ids):
    return np.array([[two[case] - one[case] for case in ids] for one, two in zip(a, b, strict=True)])


def fold_names_in_order(fold_RN):
    """Folds numbered in the order in which the cases meet them."""
    return np.array([[list(dict.fromkeys(fold_N.tolist())).index(fold) for fold in fold_N] for fold_N in fold_RN])


def test_the_splits_of_each_side_are_its_own_and_two_fold_means_have_a_corrected_test():
    diff_RN, fold_RN = drawn(13, num_repeats=2, num_cases=20, num_folds=2)
    ids = [f"c{number:02}" for number in range(20)]
    base = dict.fromkeys(ids, 0.4)
    b = [{case: 0.4 + diff for case, diff in zip(ids, diff_N.tolist(), strict=True)} for diff_N in diff_RN]
    splits = [dict(zip(ids, map(str, fold_N.tolist()), strict=True)) for fold_N in fold_RN]
    straight = paired_comparison([base, base], b, splits_a=splits, splits_b=splits)
    crossed = paired_comparison([base, base], b, splits_a=splits[::-1], splits_b=splits)
    assert crossed.claim.p == pytest.approx(straight.claim.p)
    third = [splits[0], dict(zip(ids, "abcd" * 5, strict=True))]
    only_one = paired_comparison([base, base], b, splits_a=third, splits_b=splits)
    assert only_one.claim.basis != "repeats"
    folds = splits[0]
    single = paired_comparison(base, b[0], folds_a=folds, folds_b=folds)
    assert single.nadeau_bengio.df == 1
    assert single.nadeau_bengio.t == pytest.approx(single.folds.test.t / math.sqrt(1 + 2 / 1))
    assert (
        paired_comparison(base, b[0], folds_a=dict.fromkeys(ids, 0), folds_b=dict.fromkeys(ids, 0)).nadeau_bengio
        is None
    )


def test_each_repeat_counts_alike_in_every_number_however_many_seeds_it_has():
    diff_RN, fold_RN = drawn(17, num_repeats=2, num_cases=20, num_folds=2)
    ids = [f"c{number:02}" for number in range(20)]
    splits = [dict(zip(ids, map(str, fold_N.tolist()), strict=True)) for fold_N in fold_RN]
    base = dict.fromkeys(ids, 0.4)
    b = [{case: 0.4 + diff for case, diff in zip(ids, diff_N.tolist(), strict=True)} for diff_N in diff_RN]
    alone = paired_comparison([base, base], b, splits_a=splits, splits_b=splits)
    twice = [splits[0], splits[0], splits[1]]
    result = paired_comparison([base, base, base], [b[0], b[0], b[1]], splits_a=twice, splits_b=twice)
    assert result.mean_diff == pytest.approx(diff_RN.mean())
    assert sum(result.claim.ci95) / 2 == pytest.approx(result.mean_diff)
    assert (result.t, result.claim.p) == pytest.approx((alone.t, alone.claim.p))
    assert result.seeds.b.means == pytest.approx(alone.seeds.b.means)


def test_seeds_of_one_split_are_seeds_and_no_repeats():
    rng = np.random.default_rng(19)
    ids = [f"c{number:02}" for number in range(20)]
    fold_N = [str(number % 4) for number in range(20)]
    split = dict(zip(ids, fold_N, strict=True))
    a, b = (rng.normal(0.5, 0.05, (3, 20)) for _ in range(2))
    sides = [[dict(zip(ids, seed_N.tolist(), strict=True)) for seed_N in side] for side in (a, b)]
    result = paired_comparison(*sides, folds_a=split, folds_b=split, splits_a=[split] * 3, splits_b=[split] * 3)
    assert (result.claim.basis, result.claim.num_seeds_a, result.claim.num_repeats) == ("seeds", 3, 1)
    assert result.claim == claim(a, b, fold_N, None, pair(*sides, DSC).resolution)
