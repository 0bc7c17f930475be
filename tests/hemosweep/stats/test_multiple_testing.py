import math
from dataclasses import replace

import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from hemosweep.errors import BadInput
from hemosweep.stats import benjamini_hochberg, holm, paired_comparison
from hemosweep.stats.multiple_testing import adjusted

P_VALUES = st.lists(st.none() | st.floats(0, 1), max_size=12)


def test_holm_worked_by_hand():
    # Ascending: 0.005 x 4, 0.01 x 3, 0.03 x 2, then 0.04 x 1 raised to the value before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


def test_benjamini_hochberg_worked_by_hand():
    # Ascending: 0.005 x 4/1, 0.01 x 4/2, 0.03 x 4/3, 0.04 x 4/4.
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.02, 0.04, 0.04, 0.02))
    # 0.03 x 2 is lowered to the value after it.
    assert benjamini_hochberg([0.03, 0.04]) == pytest.approx((0.04, 0.04))


def test_a_missing_p_value_stays_missing_and_does_not_count():
    assert holm([None, 0.02, None, 0.03]) == (None, pytest.approx(0.04), None, pytest.approx(0.04))
    assert benjamini_hochberg([None, 0.02]) == (None, 0.02)


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_degenerate_families(adjust):
    assert adjust([]) == ()
    assert adjust([None]) == (None,)
    assert adjust([0.3]) == (0.3,)
    assert adjust([0.9, 0.95]) == pytest.approx((1.0, 1.0) if adjust is holm else (0.95, 0.95))


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_what_is_not_a_p_value_is_refused(adjust, p):
    with pytest.raises(BadInput, match="comparison 2"):
        adjust([0.5, p])


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@given(p_values=P_VALUES)
@settings(deadline=None, max_examples=80)
def test_adjusted_values_keep_the_order_and_never_shrink(adjust, p_values):
    adjusted = adjust(p_values)
    assert [p is None for p in p_values] == [q is None for q in adjusted]
    pairs = sorted((p, q) for p, q in zip(p_values, adjusted, strict=True) if p is not None)
    assert all(p <= q <= 1 or q == pytest.approx(p) for p, q in pairs)
    adjusted_ascending = [q for _, q in pairs]
    assert adjusted_ascending == sorted(adjusted_ascending)


@given(p_values=st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(deadline=None, max_examples=60)
def test_holm_is_between_the_false_discovery_rate_and_bonferroni(p_values):
    for p, q_holm, q_bh in zip(p_values, holm(p_values), benjamini_hochberg(p_values), strict=True):
        assert q_bh <= q_holm + 1e-12
        assert q_holm <= min(1.0, p * len(p_values)) + 1e-12


@given(p_values=st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(deadline=None, max_examples=60)
def test_benjamini_hochberg_agrees_with_scipy(p_values):
    assert benjamini_hochberg(p_values) == pytest.approx(tuple(scipy.stats.false_discovery_control(p_values)))


def test_comparisons_that_are_declared_but_not_there_count_as_the_largest():
    # Holm: 0.01 x 5, then 0.02 x 4; Benjamini and Hochberg: 0.01 x 5/1 lowered to the value after it, 0.02 x 5/2.
    assert holm([0.02, None, 0.01], num_declared=5) == (pytest.approx(0.08), None, pytest.approx(0.05))
    assert benjamini_hochberg([0.02, None, 0.01], num_declared=5) == (pytest.approx(0.05), None, pytest.approx(0.05))


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_a_family_is_no_smaller_than_its_values(adjust):
    p_values = [0.01, 0.04, None, 0.03]
    assert adjust(p_values, num_declared=1) == adjust(p_values, num_declared=3) == adjust(p_values)
    assert adjust([0.3], num_declared=7) == (1.0,)
    assert adjust([None], num_declared=7) == (None,)
    assert adjust([], num_declared=7) == ()


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@given(p_values=P_VALUES, num_missing=st.integers(0, 5))
@settings(deadline=None, max_examples=60)
def test_a_declared_comparison_counts_as_one_with_a_p_of_one(adjust, p_values, num_missing):
    num_there = sum(p is not None for p in p_values)
    expected = adjust([*p_values, *[1.0] * num_missing])[: len(p_values)]
    for p, one in zip(expected, adjust(p_values, num_declared=num_there + num_missing), strict=True):
        assert one == (None if p is None else pytest.approx(p))


SMALL = {"a": 0.50, "b": 0.60, "c": 0.70, "d": 0.80}
MIDDLE = {"a": 0.55, "b": 0.68, "c": 0.71, "d": 0.90}
LARGE = {"a": 0.40, "b": 0.75, "c": 0.72, "d": 0.85}


# A fold of each case: the claim is the paired t-test.
FOLDS = {"a": "0", "b": "1", "c": "2", "d": "3"}


def family(*sides, num_declared=None, folds=FOLDS):
    comparisons = [paired_comparison(a, b, folds_a=folds, folds_b=folds) for a, b in sides]
    names = [(f"a{place}", f"b{place}") for place in range(len(sides))]
    return adjusted(names, comparisons, len(sides) if num_declared is None else num_declared)


def p_of(a, b):
    return scipy.stats.ttest_rel([b[case_id] for case_id in sorted(b)], [a[case_id] for case_id in sorted(a)]).pvalue


def test_comparisons_are_adjusted_as_one_family():
    p = [p_of(SMALL, MIDDLE), p_of(MIDDLE, LARGE)]
    assert p[0] < p[1]
    rows = family((SMALL, MIDDLE), (MIDDLE, LARGE))
    assert [row.holm_p for row in rows] == [pytest.approx(2 * p[0]), pytest.approx(max(2 * p[0], p[1]))]
    assert [row.bh_p for row in rows] == [pytest.approx(min(2 * p[0], p[1])), pytest.approx(p[1])]


def test_adjusted_are_the_claims_and_not_the_t_tests_over_cases():
    pairs = {"a": "0", "b": "0", "c": "1", "d": "1"}
    (row,) = family((SMALL, MIDDLE), folds=pairs)
    # Differences 0.05, 0.08, 0.01 and 0.10 have fold means 0.065 and 0.055.
    assert row.comparison.claim.p != pytest.approx(row.comparison.p)
    assert row.holm_p == row.bh_p == row.comparison.claim.p
    (row,) = family((SMALL, MIDDLE), folds=None)
    assert row.comparison.p == pytest.approx(p_of(SMALL, MIDDLE))
    assert (row.holm_p, row.bh_p) == (None, None)


def test_a_family_counts_the_comparisons_that_it_declares():
    p = [p_of(SMALL, MIDDLE), p_of(MIDDLE, LARGE)]
    rows = family((SMALL, MIDDLE), (MIDDLE, LARGE), num_declared=4)
    assert [row.holm_p for row in rows] == pytest.approx([4 * p[0], min(1.0, 3 * p[1])])
    assert [row.bh_p for row in rows] == pytest.approx([min(4 * p[0], 2 * p[1]), min(1.0, 2 * p[1])])


def test_a_comparison_that_cannot_be_tested_counts_in_the_family():
    first, second = family((SMALL, MIDDLE), (MIDDLE, MIDDLE))
    assert (second.comparison.status, second.holm_p, second.bh_p) == ("identical", None, None)
    assert first.holm_p == pytest.approx(2 * first.comparison.claim.p)


def test_a_row_is_json_with_both_its_arms_and_both_its_p_values():
    (row,) = family((SMALL, MIDDLE))
    values = row.as_json()
    assert (values["a"], values["b"], values["paper_p"]) == ("a0", "b0", None)
    assert (values["p"], values["holm_p"], values["df"]) == (row.comparison.p, row.holm_p, 3)
    assert values["claim"]["p"] == values["bh_p"] == row.bh_p
    assert (values["outcome"], values["family_outcome"]) == (row.comparison.outcome, row.outcome)


@pytest.mark.parametrize("outcome", ["better", "worse", "different"])
def test_a_verdict_that_the_family_does_not_bear_out_is_taken_back_first(outcome):
    (row,) = family((SMALL, MIDDLE))
    row = replace(row, comparison=replace(row.comparison, p=0.03, outcome=outcome, verdict="B is better than A."))
    kept = replace(row, holm_p=0.0499)
    assert (kept.taken_back, kept.outcome, kept.verdict) == (False, outcome, "B is better than A.")
    for holm_p in (0.05, 0.06):
        taken_back = replace(row, holm_p=holm_p)
        assert taken_back.taken_back
        assert taken_back.verdict == (
            f"Not significant within this family of comparisons (Holm p = {holm_p:.4f}). By itself: B is better than A."
        )
        values = taken_back.as_json()
        assert (values["verdict"], values["family_verdict"]) == ("B is better than A.", taken_back.verdict)
        assert (values["outcome"], values["family_outcome"]) == (outcome, "trained_models")


@pytest.mark.parametrize(
    ("over_cases", "left"),
    [(0.0499, "trained_models"), (0.05, "no_evidence"), (0.2, "no_evidence"), (None, "no_evidence")],
)
def test_what_is_left_of_a_claim_is_the_test_over_cases(over_cases, left):
    (row,) = family((SMALL, MIDDLE))
    row = replace(row, comparison=replace(row.comparison, p=over_cases, outcome="better"), holm_p=0.06)
    assert row.outcome == left


@pytest.mark.parametrize("outcome", ["no_evidence", "trained_models", "equivalent", "not_comparable", "not_testable"])
def test_a_verdict_that_does_not_claim_a_difference_stays_as_it_is(outcome):
    first, identical = family((SMALL, MIDDLE), (MIDDLE, MIDDLE))
    assert (identical.verdict, identical.outcome) == (identical.comparison.verdict, "not_testable")
    row = replace(first, comparison=replace(first.comparison, p=0.04, outcome=outcome), holm_p=0.4)
    assert (row.taken_back, row.outcome, row.verdict) == (False, outcome, first.comparison.verdict)


def test_a_claim_without_an_adjusted_p_is_not_taken_back():
    (row,) = family((SMALL, MIDDLE))
    row = replace(row, comparison=replace(row.comparison, outcome="better"), holm_p=None)
    assert (row.taken_back, row.outcome) == (False, "better")


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_adjusted_values_are_floats_whatever_was_given(adjust):
    assert [type(p) for p in adjust([0, 1, None])] == [float, float, type(None)]
    assert adjust([]) == ()
    assert adjust([None, None]) == (None, None)
