import math
import time

import numpy as np
import pytest
from scipy import stats

from hemosweep.stats import design_effect, intraclass_correlation, mean_test, paired_comparison
from hemosweep.stats.clusters import compare_folds, compare_patients

RESOLUTION = 1e-9
CASES = ("c1", "c2", "c3", "c4")
DIFF = np.array([0.01, 0.03, 0.05, 0.11])
FOLDS = {"c1": "0", "c2": "0", "c3": "1", "c4": "1"}


def test_the_intraclass_correlation_of_shrout_and_fleiss():
    # Their Table 2 (1979): four judges rate six targets; Table 4 gives ICC(1,1) = .17.
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    targets = [str(target) for target in range(6) for _ in range(4)]
    assert intraclass_correlation(np.array(ratings, dtype=float).ravel(), targets) == pytest.approx(0.166, abs=5e-4)


def test_the_intraclass_correlation_of_unequal_clusters_by_hand():
    # Means 1, 4 and 7 around 4: between = (2 * 9 + 1 * 0 + 2 * 9) / 2 = 18; within = (4 * 1) / 2 = 2;
    # mean size (5 - (4 + 1 + 4) / 5) / 2 = 1.6.
    values = np.array([0.0, 2.0, 4.0, 6.0, 8.0])
    assert intraclass_correlation(values, ["a", "a", "b", "c", "c"]) == pytest.approx((18 - 2) / (18 + 0.6 * 2))


def test_clusters_that_agree_better_than_their_cases_have_a_negative_correlation():
    # No variance between two clusters of three cases: -1 / (3 - 1).
    assert intraclass_correlation(np.array([0.0, 1, 2, 0, 1, 2]), list("aaabbb")) == pytest.approx(-0.5)


def test_cases_that_are_their_clusters_have_a_correlation_of_one():
    assert intraclass_correlation(np.array([0.1, 0.1, 0.7, 0.7]), list("aabb")) == pytest.approx(1.0)


@pytest.mark.parametrize("clusters", ["aaaa", "abcd"])
def test_one_cluster_or_one_case_in_each_has_no_correlation(clusters):
    assert intraclass_correlation(np.array([1.0, 2, 3, 5]), list(clusters)) is None


def test_the_design_effect_of_the_papers_folds():
    # 76 cases in five folds at 0.05: the variance of the mean is 1.71 times as large, and a 5% test has a size of 13%.
    effect = design_effect(0.05, num_values=76, num_clusters=5)
    assert effect == pytest.approx(1 + 14.2 * 0.05)
    assert 2 * stats.norm.sf(1.959964 / math.sqrt(effect)) == pytest.approx(0.134, abs=5e-4)


def test_a_design_effect_is_never_below_zero():
    # Unequal clusters: the correlation is taken over a mean size of 1.33, which lets it fall to -3.
    icc = intraclass_correlation(np.array([0.0, 0.13, 0.06]), list("aab"))
    assert icc == pytest.approx(-3.0, abs=0.03)
    assert design_effect(icc, num_values=3, num_clusters=2) == 0.0


def test_differences_by_fold_by_hand():
    folds, fold_of_case, warnings = compare_folds(CASES, DIFF, FOLDS, FOLDS, RESOLUTION)
    assert (fold_of_case, warnings) == (["0", "0", "1", "1"], [])
    assert [(own.fold, own.n) for own in folds.means] == [("0", 2), ("1", 2)]
    assert [own.mean_diff for own in folds.means] == pytest.approx([0.02, 0.08])
    # Between 2 * 2 * 0.03^2 = 36, within (2 * 0.01^2 + 2 * 0.03^2) / 2 = 10, in ten-thousandths.
    assert folds.icc == pytest.approx(26 / 46)
    assert folds.design_effect == pytest.approx(1 + 26 / 46)
    assert folds.note is None
    # Two means: t = 0.05 / 0.03 with one degree of freedom, whose distribution is Cauchy's.
    assert (folds.test.n, folds.test.df) == (2, 1)
    assert folds.test.t == pytest.approx(5 / 3)
    assert folds.test.p == pytest.approx(1 - 2 / math.pi * math.atan(5 / 3))


def test_a_negative_correlation_comes_with_a_note():
    folds, _, _ = compare_folds(CASES, np.array([0.0, 1, 0, 1]), FOLDS, FOLDS, RESOLUTION)
    assert folds.icc == pytest.approx(-1.0)
    assert folds.design_effect == pytest.approx(0.0)
    assert "negative" in folds.note
    assert folds.test.p is None


def test_folds_are_in_the_order_of_their_numbers():
    cases = [f"c{number:02}" for number in range(12)]
    by_place = {case: place for place, case in enumerate(cases)}
    folds, fold_of_case, _ = compare_folds(cases, np.arange(12.0), by_place, None, 1e-9)
    assert [own.fold for own in folds.means] == fold_of_case == [str(number) for number in range(12)]
    assert (folds.icc, folds.design_effect) == (None, None)


@pytest.mark.parametrize("name", [int, "fold_{}".format, lambda fold: int(fold) + 1, lambda fold: 1 - int(fold)])
def test_folds_of_the_same_cases_are_the_same_under_other_names(name):
    renamed = {case: name(fold) for case, fold in FOLDS.items()}
    expected, fold_of_case, _ = compare_folds(CASES, DIFF, FOLDS, FOLDS, RESOLUTION)
    assert compare_folds(CASES, DIFF, FOLDS, renamed, RESOLUTION) == (expected, fold_of_case, [])
    folds, names, warnings = compare_folds(CASES, DIFF, renamed, FOLDS, RESOLUTION)
    assert names == [str(renamed[case]) for case in CASES], "A's names are printed"
    assert warnings == []
    assert sorted(own.mean_diff for own in folds.means) == [own.mean_diff for own in expected.means]
    assert (folds.icc, folds.test) == (pytest.approx(expected.icc), expected.test)


def test_a_case_in_different_folds_is_named_and_no_test_has_folds():
    moved = {**FOLDS, "c2": "1", "c4": "0"}
    folds, fold_of_case, (warning,) = compare_folds(CASES, DIFF, FOLDS, moved, RESOLUTION)
    assert (folds, fold_of_case) == (None, None)
    assert warning == (
        "in different folds in A and B: c2, c4; differences by fold are left out, and other training cases can be "
        "part of the difference"
    )
    renamed = {case: f"fold_{fold}" for case, fold in moved.items()}
    assert compare_folds(CASES, DIFF, FOLDS, renamed, RESOLUTION)[0] is None


def test_one_fold_of_one_side_is_not_two_of_the_other():
    folds, fold_of_case, (warning,) = compare_folds(CASES, DIFF, FOLDS, dict.fromkeys(CASES, "0"), RESOLUTION)
    assert (folds, fold_of_case) == (None, None)
    assert warning.startswith("in different folds in A and B: c3, c4;")


@pytest.mark.parametrize(("a", "b", "known"), [(FOLDS, None, "A"), ({}, FOLDS, "B")])
def test_folds_of_one_side_count_for_both_with_a_warning(a, b, known):
    folds, fold_of_case, (warning,) = compare_folds(CASES, DIFF, a, b, RESOLUTION)
    assert len(folds.means) == 2
    assert fold_of_case == ["0", "0", "1", "1"]
    other = {"A": "B", "B": "A"}[known]
    assert warning == f"folds are given for {known} only, and taken to be {other}'s as well"


def test_a_case_in_no_fold_is_named_and_left_out_and_no_claim_counts_the_folds():
    fewer = {case: FOLDS[case] for case in CASES[:3]}
    for sides in ((FOLDS, fewer), (fewer, FOLDS)):
        folds, fold_of_case, (warning,) = compare_folds(CASES, DIFF, *sides, RESOLUTION)
        assert [own.n for own in folds.means] == [2, 1]
        assert fold_of_case is None
        assert warning == "in no fold: c4; no test counts the folds"
    none = compare_folds(("x", "y"), DIFF[:2], FOLDS, FOLDS, RESOLUTION)
    assert none == (None, None, ["in no fold: x, y; no test counts the folds"])


def test_without_folds_there_is_nothing_to_say():
    assert compare_folds(CASES, DIFF, None, None, RESOLUTION) == (None, None, [])


def test_the_same_difference_everywhere_has_no_correlation_and_no_test():
    folds, _, _ = compare_folds(CASES, np.full(4, 0.1), FOLDS, FOLDS, RESOLUTION)
    assert (folds.icc, folds.test.t, folds.test.p) == (None, None, None)


def test_scans_of_one_patient_count_once_in_the_test_over_patients():
    patient_of = {"c1": "P7", "c2": "P8", "c3": "P7", "c4": "P9"}
    patients, units, (warning,) = compare_patients(CASES, DIFF, patient_of, RESOLUTION)
    assert units == [0, 1, 0, 2]
    assert patients.shared == (("c1", "c3"),)
    assert patients.test == mean_test(np.array([0.03, 0.03, 0.11]), RESOLUTION)
    assert warning.startswith("cases of one patient count as independent pairs: c1 and c3;")
    assert "P7" not in warning


def test_patients_are_found_in_time_where_cases_are_many():
    case_ids = [f"{number:05}" for number in range(20_000)]
    patients = {case_id: case_id[:-1] for case_id in case_ids}
    start = time.perf_counter()
    own, units, _ = compare_patients(case_ids, np.arange(20_000.0), patients, RESOLUTION)
    assert time.perf_counter() - start < 2.0, "it grows with the cases, not with their square"
    assert (len(own.shared), own.shared[1][0], own.test.n) == (2000, "00010", 2000)
    assert units == [number // 10 for number in range(20_000)]


def test_a_case_without_patient_is_a_patient_of_its_own():
    # "c2" is also the name of c1's patient.
    assert compare_patients(CASES, DIFF, {"c1": "c2"}, RESOLUTION) == (None, None, [])
    assert compare_patients(CASES, DIFF, {}, RESOLUTION) == (None, None, [])


@pytest.mark.slow
def test_at_an_intraclass_correlation_of_5_percent_the_test_over_cases_is_wrong_in_13_percent():
    # 76 cases in five folds whose models add a share of 0.05 to the variance of a difference; no true difference.
    rng = np.random.default_rng(0)
    num_samples = 20_000
    fold_N = np.arange(76) % 5
    fold_SK = rng.normal(0, math.sqrt(0.05), (num_samples, 5))
    diff_SN = fold_SK[:, fold_N] + rng.normal(0, math.sqrt(0.95), (num_samples, 76))
    over_cases = (stats.ttest_1samp(diff_SN, 0.0, axis=1).pvalue < 0.05).mean()
    assert over_cases == pytest.approx(0.13, abs=0.01)

    cases = [f"s{place:02}" for place in range(76)]
    folds = dict(zip(cases, fold_N.tolist(), strict=True))
    results = [compare_folds(cases, diff, folds, folds, RESOLUTION)[0] for diff in diff_SN[:4000]]
    assert np.mean([own.test.p < 0.05 for own in results]) == pytest.approx(0.05, abs=0.012)
    assert np.mean([own.icc for own in results]) == pytest.approx(0.05, abs=0.005)
    assert np.mean([own.icc < 0 for own in results]) > 0.1  # an estimate: often below zero
    assert np.mean([own.design_effect for own in results]) == pytest.approx(1.71, abs=0.07)


def test_a_comparison_carries_its_folds_and_patients():
    a = dict.fromkeys(CASES, 0.5)
    b = {case: 0.5 + diff for case, diff in zip(CASES, DIFF.tolist(), strict=True)}
    result = paired_comparison(a, b, folds_a=FOLDS, folds_b=FOLDS, patients={"c1": "P", "c2": "P"})
    assert [own.mean_diff for own in result.folds.means] == pytest.approx([0.02, 0.08])
    assert result.patients.shared == (("c1", "c2"),)
    assert any("c1 and c2" in warning for warning in result.warnings)
    assert (result.claim.num_folds, result.claim.basis) == (2, "folds")


def test_the_claim_counts_folds_of_all_cases_only():
    a = dict.fromkeys(CASES, 0.5)
    b = {case: 0.5 + diff for case, diff in zip(CASES, DIFF.tolist(), strict=True)}
    some = {case: FOLDS[case] for case in CASES[:3]}
    for folds_b in (some, {**FOLDS, "c2": "1"}):
        result = paired_comparison(a, b, folds_a=FOLDS, folds_b=folds_b)
        assert (result.claim.num_folds, result.claim.p) == (0, None)
    assert paired_comparison(a, b, folds_a=FOLDS).claim.num_folds == 2


def test_the_claim_counts_patients():
    a = dict.fromkeys(CASES, 0.5)
    b = {case: 0.5 + diff for case, diff in zip(CASES, [0.02, 0.04, 0.05, 0.09], strict=True)}
    alone, together = (
        paired_comparison(a, b, folds_a=FOLDS, folds_b=FOLDS, patients=patients).claim.components.case
        for patients in ({}, {"c1": "P", "c2": "P"})
    )
    assert alone == pytest.approx(math.sqrt((2 * 0.01**2 + 2 * 0.02**2) / 2))
    # One patient whose mean is the fold's, and two: a square of 2 * 0.02^2, one degree of freedom, sizes 2, 1 and 1.
    assert together == pytest.approx(math.sqrt(2 * 0.02**2 * 6 / (4 * 4 / 3)))
