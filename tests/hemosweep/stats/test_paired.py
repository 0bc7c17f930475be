import json
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from hemosweep.errors import BadInput
from hemosweep.stats import paired_comparison, to_json

A = {"s1": 0.50, "s2": 0.60, "s3": 0.70}
B = {"s1": 0.60, "s2": 0.80, "s3": 1.00}  # differences 0.1, 0.2, 0.3

DSC = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
PAIRS = st.dictionaries(st.text("abc0123", min_size=1, max_size=4), st.tuples(DSC, DSC), min_size=1, max_size=7)


def columns(pairs):
    return {case: pair[0] for case, pair in pairs.items()}, {case: pair[1] for case, pair in pairs.items()}


def test_three_cases_worked_by_hand():
    result = paired_comparison(A, B)
    assert (result.status, result.n, result.df) == ("ok", 3, 2)
    assert result.mean_a == pytest.approx(0.6)
    assert result.mean_b == pytest.approx(0.8)
    assert result.sd_a == pytest.approx(0.1)
    assert result.sd_b == pytest.approx(0.2)
    assert result.mean_diff == pytest.approx(0.2)
    assert result.sd_diff == pytest.approx(0.1)
    assert result.dz == pytest.approx(2.0)
    # t = 0.2 / (0.1 / sqrt(3)); with two degrees of freedom p and the quantile have closed forms.
    t = 2 * math.sqrt(3)
    assert result.t == pytest.approx(t)
    assert result.p == pytest.approx(1 - t / math.sqrt(t * t + 2))
    half = 0.95 * math.sqrt(2 / (1 - 0.95**2)) * 0.1 / math.sqrt(3)
    assert result.ci95 == pytest.approx((0.2 - half, 0.2 + half))
    assert result.wilcoxon_p == pytest.approx(2 / 2**3)  # the most extreme of 8 sign patterns, two-sided
    assert (result.wins, result.ties, result.losses) == (3, 0, 0)
    assert [case for case, _ in result.worst] == ["s1", "s2", "s3"]
    assert [case for case, _ in result.best] == ["s3", "s2", "s1"]
    assert result.stars == ""
    assert (result.excluded, result.warnings, result.groups) == ((), (), ())


def test_agrees_with_scipy_on_random_scores():
    rng = np.random.default_rng(7)
    for n in (5, 20, 76):
        a_n = rng.uniform(0.4, 0.9, n)
        b_n = np.clip(a_n + rng.normal(0.02, 0.05, n), 0, 1)
        cases = [f"sub-{i:03}" for i in range(n)]
        result = paired_comparison(dict(zip(cases, a_n, strict=True)), dict(zip(cases, b_n, strict=True)))
        one_sample = scipy.stats.ttest_1samp(b_n - a_n, 0.0)
        interval = one_sample.confidence_interval(0.95)
        assert result.t == pytest.approx(one_sample.statistic)
        assert result.p == pytest.approx(one_sample.pvalue)
        assert result.ci95 == pytest.approx((interval.low, interval.high))
        assert result.wilcoxon_p == pytest.approx(scipy.stats.wilcoxon(b_n, a_n).pvalue)
        assert len(result.worst) == len(result.best) == 5
        assert result.worst[0][1] == pytest.approx((b_n - a_n).min())
        assert result.best[0][1] == pytest.approx((b_n - a_n).max())


@pytest.mark.parametrize(
    ("p", "stars"),
    [
        (0.0501, ""),
        (0.0499, "*"),
        (0.0101, "*"),
        (0.0099, "**"),
        (0.0051, "**"),
        (0.0049, "***"),
        (0.0011, "***"),
        (0.0009, "****"),
    ],
)
def test_stars_have_the_papers_bounds(p, stars):
    # Three differences 0.2 - s, 0.2, 0.2 + s with s chosen so that the t-test's p (two degrees of freedom) is p.
    t = (1 - p) * math.sqrt(2 / (1 - (1 - p) ** 2))
    s = 0.2 * math.sqrt(3) / t
    result = paired_comparison({"x": 0.4, "y": 0.4, "z": 0.4}, {"x": 0.6 - s, "y": 0.6, "z": 0.6 + s})
    assert result.p == pytest.approx(p)
    assert result.stars == stars


def test_identical_columns_have_no_p_and_no_stars():
    result = paired_comparison(A, dict(A))
    assert result.status == "identical"
    assert (result.t, result.df, result.p, result.ci95, result.dz, result.wilcoxon_p) == (None,) * 6
    assert result.stars == ""
    assert (result.mean_diff, result.ties) == (0.0, 3)
    assert result.verdict.startswith("Not testable: A and B score the same on all 3 paired cases")


def test_constant_shift_has_no_t_and_no_p_in_spite_of_float_noise():
    b = {"s1": 0.60, "s2": 0.70, "s3": 0.80}
    assert len({b[case] - A[case] for case in A}) > 1
    result = paired_comparison(A, b)
    assert result.status == "zero_variance"
    assert (result.t, result.df, result.p, result.ci95, result.dz) == (None,) * 5
    assert result.stars == ""
    assert result.mean_diff == pytest.approx(0.1)
    assert result.wilcoxon_p == pytest.approx(0.25)
    assert result.wins == 3
    assert "+0.100" in result.verdict


def test_float_noise_alone_is_a_tie():
    result = paired_comparison({"x": 0.3, "y": 0.5}, {"x": 0.1 + 0.2, "y": 0.5})
    assert (result.status, result.ties) == ("identical", 2)


def test_one_pair_has_means_but_no_spread_and_no_test():
    result = paired_comparison({"x": 0.5}, {"x": 0.75})
    assert (result.status, result.n, result.mean_a, result.mean_b, result.mean_diff) == (
        "too_few_pairs",
        1,
        0.5,
        0.75,
        0.25,
    )
    assert (result.sd_a, result.sd_b, result.sd_diff, result.t, result.p, result.ci95) == (None,) * 6
    assert result.wilcoxon_p is None
    assert "there is one" in result.verdict


def test_no_pair_left_has_no_means():
    result = paired_comparison({"x": math.nan}, {"x": 0.75})
    assert (result.status, result.n, result.mean_a, result.mean_b, result.mean_diff) == (
        "too_few_pairs",
        0,
        None,
        None,
        None,
    )
    assert result.excluded == ("x",)
    assert (result.worst, result.best) == ((), ())


def test_a_p_value_too_small_for_a_double_is_not_zero():
    a = {f"s{i:02}": 0.1 for i in range(76)}
    b = {case: 0.6 + 1e-8 * (i % 2) for i, case in enumerate(a)}
    result = paired_comparison(a, b)
    assert result.status == "ok"
    assert 0 < result.p < 1e-300
    assert "p < 0.0001" in result.verdict


def test_every_excluded_case_is_named_with_its_reason():
    a = {**A, "only_a": 0.5, "nan_a": math.nan, "inf_b": 0.5}
    b = {**B, "only_b": 0.5, "nan_a": 0.5, "inf_b": -math.inf}
    result = paired_comparison(a, b)
    assert result.excluded == ("inf_b", "nan_a", "only_a", "only_b")
    assert result.warnings == (
        "excluded, not scored in A: only_b",
        "excluded, not scored in B: only_a",
        "excluded, not computed (NaN) in A: nan_a",
        "excluded, infinite in B: inf_b",
    )
    assert result.n == 3
    assert result.mean_a == pytest.approx(0.6)


def test_no_common_case_is_refused():
    with pytest.raises(BadInput, match="share no case id"):
        paired_comparison({"x": 0.5}, {"y": 0.5})
    with pytest.raises(BadInput, match="share no case id"):
        paired_comparison({}, {})


def test_percent_is_recognised_and_the_case_named():
    with pytest.raises(BadInput, match=r"B, case s1: DSC 60 is outside \[0, 1\]; looks like percent"):
        paired_comparison(A, {case: 100 * value for case, value in B.items()})


@pytest.mark.parametrize("value", [-0.01, 1.001, 255.0])
def test_values_outside_the_unit_interval_are_refused(value):
    with pytest.raises(BadInput, match="A, case s2") as caught:
        paired_comparison({**A, "s2": value}, B)
    assert "percent" not in str(caught.value)


def test_groups_by_ivh():
    a = {**A, "s4": 0.9}
    b = {**B, "s4": 0.8}
    result = paired_comparison(a, b, ivh={"s1": "yes", "s2": "no", "s3": "no", "s4": "n/a", "other": "yes"})
    with_ivh, without = result.groups
    assert (with_ivh.name, with_ivh.n, with_ivh.mean_a, with_ivh.mean_b) == ("IVH", 1, 0.5, 0.6)
    assert (without.name, without.n) == ("no IVH", 2)
    assert (without.mean_a, without.mean_b) == pytest.approx((0.65, 0.9))
    assert without.mean_diff == pytest.approx(0.25)
    assert result.warnings == ("in neither IVH group, no label: s4",)


def test_an_empty_group_has_no_means():
    with_ivh, _ = paired_comparison(A, B, ivh=dict.fromkeys(A, "no")).groups
    assert (with_ivh.n, with_ivh.mean_a, with_ivh.mean_b, with_ivh.mean_diff) == (0, None, None, None)


def test_an_unknown_ivh_label_is_refused():
    with pytest.raises(BadInput, match="case s1: IVH label 'maybe'"):
        paired_comparison(A, B, ivh={"s1": "maybe"})


def test_verdicts_say_which_is_better_and_what_is_not_covered():
    base = {f"s{i}": 0.5 + 0.01 * i for i in range(8)}
    higher = {case: value + 0.10 + 0.01 * (i % 3) for i, (case, value) in enumerate(base.items())}
    mixed = {case: value + (0.02 if i % 2 else -0.02) for i, (case, value) in enumerate(base.items())}
    verdicts = {
        "B is better than A": paired_comparison(base, higher).verdict,
        "B is worse than A": paired_comparison(higher, base).verdict,
        "No evidence of a difference between A and B": paired_comparison(base, mixed).verdict,
        "Not testable": paired_comparison(base, base).verdict,
    }
    for start, verdict in verdicts.items():
        assert verdict.startswith(start)
        assert verdict.endswith("seed and training-set variance are not covered.")


@pytest.mark.parametrize("b", [B, A, {"s1": 0.6, "s9": 0.5}])
def test_to_json_gives_plain_types(b):
    comparison = paired_comparison(A, b, ivh={"s1": "yes"})
    plain = to_json(comparison)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["p"] == comparison.p
    assert plain["best"][0] == {"case_id": comparison.best[0][0], "diff": comparison.best[0][1]}
    assert plain["groups"][0]["name"] == "IVH"


@given(pairs=PAIRS)
@settings(deadline=None, max_examples=60)
def test_swapping_the_arms_negates(pairs):
    a, b = columns(pairs)
    one, other = paired_comparison(a, b), paired_comparison(b, a)
    assert one.status == other.status
    assert one.mean_diff == -other.mean_diff
    assert (one.p is None) == (other.p is None)
    assert (one.wins, one.ties, one.losses) == (other.losses, other.ties, other.wins)
    if one.p is not None:
        assert one.t == pytest.approx(-other.t)
        assert one.p == pytest.approx(other.p)
        assert one.ci95 == pytest.approx((-other.ci95[1], -other.ci95[0]))
    if one.wilcoxon_p is not None:
        assert one.wilcoxon_p == pytest.approx(other.wilcoxon_p)


@given(pairs=PAIRS, seed=st.integers(0, 100))
@settings(deadline=None, max_examples=40)
def test_the_order_of_the_cases_does_not_matter(pairs, seed):
    a, b = columns(pairs)
    shuffled = [list(pairs)[i] for i in np.random.default_rng(seed).permutation(len(pairs))]
    assert paired_comparison(a, b) == paired_comparison({case: a[case] for case in shuffled}, b)


@given(pairs=PAIRS)
@settings(deadline=None, max_examples=40)
def test_a_case_that_was_not_computed_changes_only_what_is_excluded(pairs):
    a, b = columns(pairs)
    before = to_json(paired_comparison(a, b))
    after = to_json(paired_comparison({**a, "new": math.nan}, {**b, "new": 0.5}))
    assert after.pop("excluded") == ["new"]
    assert after.pop("warnings") == ["excluded, not computed (NaN) in A: new"]
    assert before.pop("excluded") == before.pop("warnings") == []
    assert after == before


@given(pairs=PAIRS)
@settings(deadline=None, max_examples=60)
def test_numbers_that_exist_are_finite_and_in_range(pairs):
    result = paired_comparison(*columns(pairs))
    for number in (result.t, result.dz, result.mean_diff, result.sd_diff):
        assert number is None or math.isfinite(number)
    for p in (result.p, result.wilcoxon_p):
        assert p is None or 0 < p <= 1
    assert (result.p is None) == (result.status != "ok")
    assert result.wins + result.ties + result.losses == result.n
