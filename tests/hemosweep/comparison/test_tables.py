"""Comparison of tables and arrays in memory: which columns count, and what is refused."""

import math

import numpy as np
import pandas as pd
import pytest

from hemosweep.comparison.tables import compare_arrays, compare_tables
from hemosweep.errors import BadInput
from tests.recorded import CLEAR, FOUR_FOLDS, IDS, MIDDLE, SMALL, cases

A, B = [0.5, 0.6, 0.7, 0.8], [0.7, 0.7, 0.9, 0.8]


def plain(dsc, **columns):
    return pd.DataFrame({"case_id": ["01", "02", "03", "04"], "dsc": dsc, **columns})


def test_a_table_of_ids_and_scores_is_enough():
    compared = compare_tables(plain(A), plain(B))
    assert compared.comparison.n == 4
    assert compared.comparison.mean_diff == pytest.approx(0.125)  # 0.2, 0.1, 0.2 and 0
    assert compared.comparison.groups == ()
    assert compared.all_warnings == ()


def test_cases_are_paired_by_their_ids_and_not_by_their_lines():
    compared = compare_tables(plain(A), plain(B).iloc[::-1])
    assert compared.comparison.mean_diff == pytest.approx(0.125)
    assert compared.comparison.sd_diff == pytest.approx(np.std([0.2, 0.1, 0.2, 0.0], ddof=1))


def test_a_case_is_in_a_group_where_its_ivh_is_known():
    ivh = ["yes", "n/a", None, math.nan, *["no"] * 4]
    compared = compare_tables(*(cases(scores).assign(ivh=ivh) for scores in (SMALL, MIDDLE)))
    sizes = {group.name: group.n for group in compared.comparison.groups}
    assert sorted(sizes.values()) == [1, 4]


@pytest.mark.parametrize("known_by", [0, 1])
def test_what_one_table_alone_knows_of_the_cases_counts(known_by):
    tables = [cases(SMALL), cases(MIDDLE)]
    tables[1 - known_by] = tables[1 - known_by].drop(columns=["ivh", "fold"])
    compared = compare_tables(*tables)
    assert [group.n for group in compared.comparison.groups] == [4, 4]


def test_a_column_without_any_known_value_counts_as_none():
    compared = compare_tables(*(cases(scores).assign(ivh="n/a", patient_id=None) for scores in (SMALL, MIDDLE)))
    assert compared.comparison.groups == ()


def test_the_folds_are_those_of_the_column():
    moved = cases(MIDDLE, folds=[0, 1, 0, 1, 0, 1, 1, 0])
    assert any("007" in warning for warning in compare_tables(cases(SMALL), moved).all_warnings)
    assert not any("fold" in warning for warning in compare_tables(cases(SMALL), cases(MIDDLE)).all_warnings)


def test_false_positives_count_where_the_reference_is_empty_and_the_volume_is_known():
    tables = [plain([math.nan, *scores[1:]], reference_ml=[0.0, 1, 1, 1]) for scores in (A, B)]
    a, b = (
        table.assign(false_positive_ml=[ml, math.nan, 0.1, 0.2]) for table, ml in zip(tables, (1.5, 4), strict=True)
    )
    assert any("01 (false positives: A 1.5 mL, B 4 mL)" in warning for warning in compare_tables(a, b).all_warnings)
    c = a.assign(false_positive_ml=math.nan)
    assert any("A not recorded, B 4 mL" in warning for warning in compare_tables(c, b).all_warnings)


def test_an_array_has_one_score_a_case_in_their_order():
    by_arrays, by_tables = compare_arrays(A, B), compare_tables(plain(A), plain(B)).comparison
    assert (by_arrays.p, by_arrays.n, by_arrays.mean_a) == (by_tables.p, 4, pytest.approx(0.65))
    undefined = compare_arrays([*A, math.nan], [*B, 0.5])
    assert (undefined.n, undefined.excluded) == (4, ("4",))
    assert compare_arrays([*A, *A, math.nan, *A], [*B, *B, 0.5, *B]).excluded == ("08",)
    assert (
        compare_arrays([5.0, 6, 7], [4.0, 4, 6.5], metric="hd95_mm").outcome
        == compare_arrays([0.5, 0.6, 0.7], [0.6, 0.8, 0.75]).outcome
    )


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ([A], [B], r"arrays of shape \(1, 4\) and \(1, 4\): give one score a case"),
        (0.5, 0.6, r"arrays of shape \(\) and \(\)"),
        (A, B[:3], r"arrays of shape \(4,\) and \(3,\)"),
        (["much"], ["little"], "scores must be numbers"),
    ],
)
def test_arrays_that_are_not_one_score_a_case_are_refused(a, b, said):
    with pytest.raises(BadInput, match=said):
        compare_arrays(a, b)


@pytest.mark.parametrize(
    ("table", "metric", "said"),
    [
        (plain(A).drop(columns="case_id"), "dsc", "table B has no column 'case_id'; it has dsc"),
        (plain(A), "nsd", "table B has no column 'nsd'; it has case_id, dsc"),
        (pd.concat([plain(A), plain(A).iloc[:1]]), "dsc", "table B: more than one row for 01"),
    ],
)
def test_a_table_that_lacks_a_column_or_has_a_case_twice_is_refused(table, metric, said):
    with pytest.raises(BadInput, match=said):
        compare_tables(plain(A, nsd=A), table, metric=metric)


def test_ids_are_text():
    assert IDS[0] == "001"
    numbered = [cases(scores).assign(case_id=range(1, 9)) for scores in (SMALL, MIDDLE)]
    assert compare_tables(*numbered).comparison.n == 8


def test_equivalence_is_tested_within_a_margin():
    assert compare_tables(plain(A), plain(B)).comparison.equivalence is None
    near = [0.501, 0.599, 0.7, 0.801]
    a, b = plain(A, fold=[0, 1, 2, 3]), plain(near, fold=[0, 1, 2, 3])
    compared = compare_tables(a, b, margin=0.05).comparison
    assert (compared.outcome, compared.equivalence.shown) == ("equivalent", True)
    assert compare_tables(a, b, margin=0.0001).comparison.outcome == "no_evidence"


def test_without_folds_and_seeds_nothing_is_claimed_neither_a_difference_nor_equivalence():
    by_arrays = compare_arrays(A, [0.501, 0.599, 0.7, 0.801], margin=0.05)
    assert (by_arrays.outcome, by_arrays.equivalence, by_arrays.claim.p) == ("no_evidence", None, None)
    clear = compare_arrays(SMALL, CLEAR)
    assert (clear.outcome, clear.stars, clear.claim.p) == ("trained_models", "****", None)


def test_folds_carry_a_claim_in_tables():
    tables = [cases(scores, FOUR_FOLDS) for scores in (SMALL, CLEAR)]
    compared = compare_tables(*tables).comparison
    assert (compared.outcome, compared.claim.basis, compared.claim.num_folds) == ("better", "folds", 4)
    assert compare_tables(*tables[::-1]).comparison.outcome == "worse"


@pytest.mark.parametrize("names", [["fold_0", "fold_1", "fold_2", "fold_3"], [1, 2, 3, 4], [3, 0, 2, 1], list("abcd")])
def test_folds_of_other_names_are_the_same_where_the_same_cases_are_together(names):
    a, b = cases(SMALL, FOUR_FOLDS), cases(CLEAR, FOUR_FOLDS)
    renamed = compare_tables(a, b.assign(fold=[names[fold] for fold in FOUR_FOLDS]))
    assert renamed.all_warnings == ()
    assert renamed.comparison == compare_tables(a, b).comparison


def test_the_metric_that_is_compared_is_the_one_that_is_named():
    a, b = (plain(dsc, hd95_mm=hd95_mm) for dsc, hd95_mm in ((A, [5.0, 6, 7, 9]), (B, [4.0, 4, 6.5, 8])))
    compared = compare_tables(a, b, metric="hd95_mm").comparison
    assert (compared.metric.label, compared.metric.unit, compared.wins) == ("HD95", "mm", 4)
    assert compared.mean_diff == pytest.approx(-1.125)
    with pytest.raises(BadInput, match="HD95 below 0"):
        compare_tables(a, plain(B, hd95_mm=[-1.0, 1, 1, 1]), metric="hd95_mm")
