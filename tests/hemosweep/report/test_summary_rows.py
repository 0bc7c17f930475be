"""A finished sweep's rows: arms beside the paper's figures, and the declared comparisons as one family."""

import math
from dataclasses import replace

import pandas as pd
import pytest
from scipy import stats

from hemosweep.report.terminal.summary import arm_row, comparison_json, comparison_rows, family_verdict

SMALL = {"a": 0.50, "b": 0.60, "c": 0.70, "d": 0.80}
MIDDLE = {"a": 0.55, "b": 0.68, "c": 0.71, "d": 0.90}
LARGE = {"a": 0.40, "b": 0.75, "c": 0.72, "d": 0.85}
IVH = {"a": "yes", "b": "no", "c": "no", "d": "n/a"}
COMPARISONS = (("24x24x8", "32x32x16"), ("32x32x16", "48x48x24"))


def table(scores):
    rows = [{"case_id": case_id, "dsc": dsc, "ivh": IVH[case_id]} for case_id, dsc in scores.items()]
    return pd.DataFrame(rows).astype({"dsc": float})


def rows(small=SMALL, middle=MIDDLE, large=LARGE, comparisons=COMPARISONS, sweep="patchsize"):
    cases = {"24x24x8": [table(small)], "32x32x16": [table(middle)], "48x48x24": [table(large)]}
    return comparison_rows(sweep, comparisons, cases)


def ttest(a, b):
    return stats.ttest_rel([b[case_id] for case_id in sorted(b)], [a[case_id] for case_id in sorted(a)])


def test_an_arm_shows_its_mean_its_spread_its_groups_and_the_papers_figures():
    row = arm_row("patchsize", "32x32x16", "32x32x16@1", table(SMALL), 12.5)
    assert row.arm == "32x32x16@1"
    assert row.dsc == (pytest.approx(0.65), pytest.approx(math.sqrt(0.05 / 3)))
    assert row.ivh == (pytest.approx(0.5), None)
    assert row.no_ivh == (pytest.approx(0.65), pytest.approx(math.sqrt(0.005)))
    assert (row.min, row.max, row.seconds, row.paper) == (0.5, 0.8, 12.5, (0.842, 0.115))


def test_an_arm_that_the_paper_does_not_print_has_no_figures_of_it():
    assert arm_row("patchsize", "8x8x8", "8x8x8", table(SMALL), 0.0).paper is None


def test_an_arm_without_a_score_has_no_numbers():
    row = arm_row("patchsize", "24x24x8", "24x24x8", table({"a": math.nan}), 0.0)
    assert (row.dsc, row.ivh, row.no_ivh, row.min, row.max) == (None, None, None, None, None)


def test_a_comparison_is_the_paired_t_test_of_b_minus_a():
    first, second = rows()
    for row, (a, b) in ((first, (SMALL, MIDDLE)), (second, (MIDDLE, LARGE))):
        expected = ttest(a, b)
        assert row.comparison.t == pytest.approx(expected.statistic)
        assert row.comparison.p == pytest.approx(expected.pvalue)
    assert (first.a, first.b) == COMPARISONS[0]
    assert first.comparison.mean_diff == pytest.approx((0.05 + 0.08 + 0.01 + 0.10) / 4)


def test_the_declared_comparisons_are_adjusted_as_one_family():
    p = [ttest(SMALL, MIDDLE).pvalue, ttest(MIDDLE, LARGE).pvalue]
    assert p[0] < p[1]
    assert [row.holm_p for row in rows()] == [pytest.approx(2 * p[0]), pytest.approx(max(2 * p[0], p[1]))]


def test_a_comparison_that_cannot_be_tested_does_not_count_in_the_family():
    first, second = rows(large=MIDDLE)
    assert second.comparison.status == "identical"
    assert second.holm_p is None
    assert first.holm_p == pytest.approx(first.comparison.p)


def test_only_comparisons_whose_two_arms_are_there_are_made():
    cases = {"24x24x8": [table(SMALL)], "32x32x16": [table(MIDDLE)]}
    (row,) = comparison_rows("patchsize", COMPARISONS, cases)
    assert (row.a, row.b) == COMPARISONS[0]
    assert row.holm_p == pytest.approx(row.comparison.p)
    assert comparison_rows("patchsize", COMPARISONS, {"24x24x8": [table(SMALL)]}) == []
    assert comparison_rows("patchsize", COMPARISONS, {}) == []


def test_the_papers_bound_stands_beside_the_comparison_that_it_prints():
    assert [row.paper_p for row in rows()] == ["<0.001", "<0.01"]
    (backwards,) = rows(comparisons=(("32x32x16", "24x24x8"),))
    assert backwards.paper_p is None
    assert [row.paper_p for row in rows(sweep="noise")] == [None, None]


def test_several_seeds_are_averaged_per_case_before_the_test():
    other = {"a": 0.70, "b": 0.40, "c": 0.90, "d": 0.60}
    mean = {case_id: (SMALL[case_id] + other[case_id]) / 2 for case_id in SMALL}
    cases = {"24x24x8": [table(SMALL), table(other)], "32x32x16": [table(MIDDLE), table(MIDDLE)]}
    (row,) = comparison_rows("patchsize", COMPARISONS, cases)
    assert row.comparison.n == 4
    assert row.comparison.mean_a == pytest.approx(0.65)
    assert row.comparison.p == pytest.approx(ttest(mean, MIDDLE).pvalue)


@pytest.mark.parametrize(
    "other",
    [{"a": math.nan, "b": 0.4, "c": 0.9, "d": 0.6}, {"b": 0.4, "c": 0.9, "d": 0.6}],
    ids=["undefined", "absent"],
)
def test_a_case_without_a_score_in_one_seed_is_excluded_and_named(other):
    cases = {"24x24x8": [table(SMALL), table(other)], "32x32x16": [table(MIDDLE), table(MIDDLE)]}
    (row,) = comparison_rows("patchsize", COMPARISONS, cases)
    assert row.comparison.n == 3
    assert row.comparison.excluded == ("a",)


def test_groups_come_with_the_comparison():
    groups = {group.name: (group.n, group.mean_diff) for group in rows()[0].comparison.groups}
    assert groups == {"IVH": (1, pytest.approx(0.05)), "no IVH": (2, pytest.approx(0.045))}


def test_a_row_is_json_with_both_its_arms_and_both_its_p_values():
    row = rows()[0]
    values = comparison_json(row)
    assert (values["a"], values["b"], values["paper_p"]) == ("24x24x8", "32x32x16", "<0.001")
    assert (values["p"], values["holm_p"], values["df"]) == (row.comparison.p, row.holm_p, 3)


def test_a_verdict_that_the_family_does_not_bear_out_is_taken_back_first():
    first, _ = rows()
    own = replace(first, comparison=replace(first.comparison, p=0.03, outcome="better", verdict="B is better than A."))
    assert family_verdict(replace(own, holm_p=0.04)) == "B is better than A."
    taken_back = replace(own, holm_p=0.06)
    assert family_verdict(taken_back) == (
        "Not significant within this family of comparisons (Holm p = 0.0600). By itself: B is better than A."
    )
    values = comparison_json(taken_back)
    assert values["verdict"] == "B is better than A."
    assert values["family_verdict"] == family_verdict(taken_back)


@pytest.mark.parametrize("outcome", ["no_evidence", "equivalent", "not_comparable"])
def test_a_verdict_that_does_not_claim_a_difference_stays_as_it_is(outcome):
    _, identical = rows(large=MIDDLE)
    assert family_verdict(identical) == identical.comparison.verdict
    first, _ = rows()
    own = replace(first, comparison=replace(first.comparison, p=0.04, outcome=outcome), holm_p=0.4)
    assert family_verdict(own) == first.comparison.verdict
