from dataclasses import replace

import pytest

from hemosweep.stats import DSC, METRICS, MeanTest, find_metric, paired_comparison
from hemosweep.stats.verdict import outcome_of

CASES = [f"s{place}" for place in range(8)]
BASE = {case: 0.5 + 0.01 * place for place, case in enumerate(CASES)}
HIGHER = {case: value + 0.10 + 0.01 * (place % 3) for place, (case, value) in enumerate(BASE.items())}
SLIGHTLY = {case: value + 0.004 + 0.001 * (place % 2) for place, (case, value) in enumerate(BASE.items())}
MIXED = {case: value + (0.02 if place % 2 else -0.02) for place, (case, value) in enumerate(BASE.items())}
SHIFTED = {case: value + 0.1 for case, value in BASE.items()}
NOT_COVERED = "; seed and training-set variance are not covered."


@pytest.mark.parametrize(
    ("a", "b", "options", "outcome", "start"),
    [
        (BASE, HIGHER, {}, "better", "B is better than A (mean difference +0.109 DSC over 8 paired cases, p < 0.0001)"),
        (HIGHER, BASE, {}, "worse", "B is worse than A (mean difference -0.109 DSC over 8 paired cases, p < 0.0001)"),
        (
            BASE,
            MIXED,
            {},
            "no_evidence",
            "No evidence of a difference between A and B (mean difference +0.000 DSC over 8 paired cases, p = 1.0000), "
            "nor of equality",
        ),
        (
            BASE,
            MIXED,
            {"margin": 0.01},
            "no_evidence",
            "No evidence of a difference between A and B (mean difference +0.000 DSC over 8 paired cases, p = 1.0000), "
            "nor of equivalence within ±0.01 DSC",
        ),
        (BASE, MIXED, {"margin": 0.1}, "equivalent", "A and B are equivalent within ±0.1 DSC (mean difference"),
        # A difference that is there, and smaller than what matters.
        (BASE, SLIGHTLY, {"margin": 0.02}, "equivalent", "A and B are equivalent within ±0.02 DSC (mean difference"),
        (BASE, HIGHER, {"margin": 0.02}, "better", "B is better than A"),
        (
            BASE,
            HIGHER,
            {"incomparable": ["case folds differ", "metric digest differs"]},
            "not_comparable",
            "Not comparable: case folds differ; metric digest differs; the difference (mean difference +0.109 DSC",
        ),
        (BASE, BASE, {}, "not_testable", "Not testable: A and B score the same on all 8 paired cases"),
        (BASE, SHIFTED, {}, "not_testable", "Not testable: B differs from A by the same +0.100 DSC on all 8 paired"),
        (BASE, {"s0": 0.7}, {}, "not_testable", "Not testable: the t-test needs two paired cases and there is one"),
        (
            BASE,
            {"s0": float("nan")},
            {"incomparable": ["case folds differ"]},
            "not_comparable",
            "Not comparable: case folds differ; the difference can come from that alone",
        ),
    ],
)
def test_one_sentence_says_what_holds_and_what_is_not_covered(a, b, options, outcome, start):
    result = paired_comparison(a, b, **options)
    assert result.outcome == outcome
    assert result.verdict.startswith(start)
    assert result.verdict.endswith(NOT_COVERED)
    assert "\n" not in result.verdict


def test_lower_is_better_for_a_distance():
    result = paired_comparison(HIGHER, BASE, metric=METRICS["hd95_mm"])
    assert (result.outcome, result.wins, result.losses) == ("better", 8, 0)
    assert result.verdict.startswith("B is better than A (mean difference -0.109 mm HD95 over 8 paired cases")


def test_without_a_better_direction_b_is_higher_or_lower():
    result = paired_comparison(BASE, HIGHER, metric=find_metric("volume"))
    assert (result.outcome, result.wins) == ("different", 8)
    assert result.verdict.startswith("B is higher than A (")
    assert "neither direction of volume is known to be better" in result.verdict
    assert result.warnings == ("neither direction of volume is known to be better; a win is a case where B is higher",)
    assert paired_comparison(HIGHER, BASE, metric=find_metric("volume")).verdict.startswith("B is lower than A (")


def test_a_margin_is_printed_as_it_was_given():
    assert "within ±0.0005 DSC" in paired_comparison(BASE, MIXED, margin=0.0005).verdict
    assert "within ±2.5 mm HD95" in paired_comparison(BASE, MIXED, margin=2.5, metric=METRICS["hd95_mm"]).verdict


@pytest.mark.parametrize(("p", "outcome"), [(0.05, "no_evidence"), (0.0499999, "better")])
def test_a_p_of_exactly_5_percent_is_no_evidence(p, outcome):
    test = MeanTest(n=9, mean=0.1, sd=0.1, ci95=(0.0, 0.2), t=2.306, df=8, p=p)
    assert outcome_of("ok", test, DSC, equivalence=None, noise=None, incomparable=()) == outcome


@pytest.mark.parametrize(
    ("status", "changed"),
    [("identical", {}), ("zero_variance", {}), ("too_few_pairs", {}), ("ok", {"mean": None}), ("ok", {"p": None})],
)
def test_without_a_test_there_is_no_verdict_on_the_difference(status, changed):
    test = replace(MeanTest(n=9, mean=0.1, sd=0.1, ci95=(0.0, 0.2), t=9.0, df=8, p=1e-5), **changed)
    assert outcome_of(status, test, DSC, equivalence=None, noise=None, incomparable=()) == "not_testable"
    said = outcome_of(status, test, DSC, equivalence=None, noise=None, incomparable=("another data set",))
    assert said == "not_comparable"
