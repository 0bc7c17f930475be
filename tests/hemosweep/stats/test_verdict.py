from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from hemosweep.stats import (
    DSC,
    METRICS,
    Claim,
    Components,
    Equivalence,
    MeanTest,
    find_metric,
    paired_comparison,
    seeds_to_settle,
)
from hemosweep.stats.verdict import Findings, counted, outcome_of, p_text, sentence

CASES = [f"s{place}" for place in range(8)]
FOLDS = {case: place // 2 for place, case in enumerate(CASES)}
BASE = {case: 0.5 + 0.01 * place for place, case in enumerate(CASES)}


def plus(*steps):
    """Scores that are above `BASE` by thousandths."""
    return {case: value + step / 1000 for (case, value), step in zip(BASE.items(), steps, strict=True)}


HIGHER = plus(100, 110, 120, 100, 110, 120, 100, 110)
SLIGHTLY = plus(4, 5, 4, 6, 4, 5, 4, 6)
MIXED = plus(30, -20, -20, 20, 30, -10, -20, 10)
TINY = plus(0.3, 0.5, 0.4, 0.5, 0.3, 0.4, 0.3, 0.5)
SHIFTED = {case: value + 0.1 for case, value in BASE.items()}
# 0.06 in three folds and -0.03 in one: the t-test over cases has a p of 0.036, the one over folds of 0.2.
ONE_FOLD_LOWER = plus(60, 61, 59, 60, 61, 60, -30, -29)

BY_FOLDS = "counting cases and trainings by 4 folds"
LITTLE_POWER = (
    "; with one seed of either arm only the folds tell what training does, and small differences stay hidden."
)
NOT_KNOWN = "no p that counts trainings, as the folds are not known and not both arms have several seeds"


def compared(a, b, **options):
    return paired_comparison(a, b, **{"folds_a": FOLDS, "folds_b": FOLDS, **options})


@pytest.mark.parametrize(
    ("a", "b", "options", "outcome", "verdict"),
    [
        (
            BASE,
            HIGHER,
            {},
            "better",
            f"B is better than A (mean difference +0.109 DSC over 8 paired cases, p < 0.0001 {BY_FOLDS}){LITTLE_POWER}",
        ),
        (
            HIGHER,
            BASE,
            {},
            "worse",
            f"B is worse than A (mean difference -0.109 DSC over 8 paired cases, p < 0.0001 {BY_FOLDS}){LITTLE_POWER}",
        ),
        (
            BASE,
            MIXED,
            {},
            "no_evidence",
            "No evidence of a difference between A and B (mean difference +0.003 DSC over 8 paired cases, "
            f"p = 0.8214 {BY_FOLDS}), nor of equality{LITTLE_POWER}",
        ),
        (
            BASE,
            MIXED,
            {"margin": 0.01},
            "no_evidence",
            "No evidence of a difference between A and B (mean difference +0.003 DSC over 8 paired cases, "
            f"p = 0.8214 {BY_FOLDS}), nor of equivalence within ±0.01 DSC{LITTLE_POWER}",
        ),
        (
            BASE,
            MIXED,
            {"margin": 0.1},
            "equivalent",
            "A and B are equivalent within ±0.1 DSC (mean difference +0.003 DSC over 8 paired cases, "
            f"equivalence p = 0.0012, {BY_FOLDS}){LITTLE_POWER}",
        ),
        # A difference that is there, and smaller than what matters.
        (
            BASE,
            SLIGHTLY,
            {"margin": 0.02},
            "equivalent",
            "A and B are equivalent within ±0.02 DSC (mean difference +0.005 DSC over 8 paired cases, "
            f"equivalence p < 0.0001, {BY_FOLDS}){LITTLE_POWER}",
        ),
        (
            BASE,
            HIGHER,
            {"margin": 0.02},
            "better",
            f"B is better than A (mean difference +0.109 DSC over 8 paired cases, p < 0.0001 {BY_FOLDS}){LITTLE_POWER}",
        ),
        (
            BASE,
            TINY,
            {},
            "no_evidence",
            "No difference that three decimals show (mean difference +0.0004 DSC over 8 paired cases, "
            f"p = 0.0021 {BY_FOLDS}){LITTLE_POWER}",
        ),
        (
            BASE,
            HIGHER,
            {"folds_a": None, "folds_b": None},
            "trained_models",
            "A and B differ on these trained models (mean difference +0.109 DSC over 8 paired cases, p < 0.0001 over "
            f"cases), and training again may not show it: {NOT_KNOWN}; three seeds of each arm would measure what "
            "training does.",
        ),
        (
            BASE,
            MIXED,
            {"folds_a": None, "folds_b": None},
            "no_evidence",
            "No evidence of a difference between A and B (mean difference +0.003 DSC over 8 paired cases, "
            f"{NOT_KNOWN}), nor of equality; seeds and training sets are not covered.",
        ),
        (
            BASE,
            HIGHER,
            {"incomparable": ["case folds differ", "metric digest differs"]},
            "not_comparable",
            "Not comparable: case folds differ; metric digest differs; the difference (mean difference +0.109 DSC over "
            "8 paired cases) can come from that alone.",
        ),
        (BASE, BASE, {}, "not_testable", "Not testable: A and B score the same on all 8 paired cases."),
        (
            BASE,
            SHIFTED,
            {},
            "not_testable",
            "Not testable: B differs from A by the same +0.100 DSC on all 8 paired cases.",
        ),
        (
            BASE,
            {"s0": 0.7},
            {},
            "not_testable",
            "Not testable: the t-test needs two paired cases and there is one.",
        ),
        (
            BASE,
            {"s0": float("nan")},
            {},
            "not_testable",
            "Not testable: the t-test needs two paired cases and there are none.",
        ),
        (
            BASE,
            {"s0": float("nan")},
            {"incomparable": ["case folds differ"]},
            "not_comparable",
            "Not comparable: case folds differ; the difference can come from that alone.",
        ),
    ],
)
def test_one_sentence_says_what_holds_what_it_counts_and_what_is_not_covered(a, b, options, outcome, verdict):
    result = compared(a, b, **options)
    assert (result.outcome, result.verdict) == (outcome, verdict)


def test_a_difference_on_these_trained_models_says_what_would_settle_it():
    result = compared(BASE, ONE_FOLD_LOWER)
    assert result.outcome == "trained_models"
    assert result.p < 0.05 < result.claim.p
    num_seeds = seeds_to_settle(result.claim, result.mean_diff, num_cases=8)
    assert result.verdict == (
        f"A and B differ on these trained models (mean difference +0.038 DSC over 8 paired cases, {p_text(result.p)} "
        f"over cases), and training again may not show it: {p_text(result.claim.p)} {BY_FOLDS}; "
        f"about {num_seeds - 1} more seeds of each arm would settle it."
    )


def test_without_folds_and_several_seeds_of_both_arms_nothing_is_better():
    several = [BASE, {case: value + 0.001 for case, value in BASE.items()}]
    better = [HIGHER, {case: value + 0.002 for case, value in HIGHER.items()}]
    for a, b in ((BASE, HIGHER), (several, HIGHER), (BASE, better)):
        result = paired_comparison(a, b)
        assert (result.outcome, result.claim.p) == ("trained_models", None)
        assert NOT_KNOWN in result.verdict
        one_fold = paired_comparison(a, b, folds_a=dict.fromkeys(CASES, 0), folds_b=dict.fromkeys(CASES, 0))
        assert one_fold.outcome == "trained_models"
        assert "as there is one fold and not both arms have several seeds" in one_fold.verdict
    result = paired_comparison(several, better)
    assert result.outcome == "better"
    assert result.verdict.endswith(" counting cases and 2 + 2 seeds); other training sets are not covered.")


def test_folds_that_do_not_vary_rest_on_what_their_cases_do():
    result = compared(BASE, plus(10, 12, 9, 13, 8, 14, 7, 15))
    assert (result.outcome, result.claim.basis, result.claim.df) == ("better", "folds", 3.0)
    assert result.folds.test.p is None


def test_equivalence_is_under_the_error_of_the_claim():
    result = compared(BASE, MIXED, margin=0.03)
    claim = result.claim
    assert result.equivalence.p == pytest.approx(
        scipy.stats.t.cdf((result.mean_diff - 0.03) / claim.standard_error, claim.df)
    )
    half = scipy.stats.t.ppf(0.95, claim.df) * claim.standard_error
    assert result.equivalence.ci90 == pytest.approx((result.mean_diff - half, result.mean_diff + half))
    over_cases = scipy.stats.t.cdf((result.mean_diff - 0.03) / (result.sd_diff / np.sqrt(8)), 7)
    assert over_cases != pytest.approx(result.equivalence.p)


def test_without_a_claim_nothing_is_equivalent():
    result = paired_comparison(BASE, SLIGHTLY, margin=0.02)
    assert result.equivalence is None
    assert result.outcome == "trained_models"
    assert paired_comparison(BASE, MIXED, margin=0.1).outcome == "no_evidence"


def test_training_noise_that_the_claim_counts_undoes_an_equivalence():
    def seeds(spread):
        return [
            {case: value + shift * (1 if FOLDS[case] % 2 else -1) for case, value in BASE.items()}
            for shift in (-spread, 0.0, spread)
        ]

    little = compared(seeds(0.001), [SLIGHTLY] * 3, margin=0.01)
    much = compared(seeds(0.05), [SLIGHTLY] * 3, margin=0.01)
    assert (little.outcome, much.outcome) == ("equivalent", "trained_models")
    assert much.equivalence.p > 0.05 > little.equivalence.p


def test_lower_is_better_for_a_distance():
    result = compared(HIGHER, BASE, metric=METRICS["hd95_mm"])
    assert (result.outcome, result.wins, result.losses) == ("better", 8, 0)
    assert result.verdict.startswith("B is better than A (mean difference -0.109 mm HD95 over 8 paired cases, p < ")
    assert compared(BASE, HIGHER, metric=METRICS["hd95_mm"]).outcome == "worse"


def test_without_a_better_direction_b_is_higher_or_lower():
    volume = find_metric("volume")
    result = compared(BASE, HIGHER, metric=volume)
    assert (result.outcome, result.wins) == ("different", 8)
    assert result.verdict == (
        f"B is higher than A (mean difference +0.109 volume over 8 paired cases, p < 0.0001 {BY_FOLDS}), and neither "
        f"direction of volume is known to be better{LITTLE_POWER}"
    )
    assert result.warnings == ("neither direction of volume is known to be better; a win is a case where B is higher",)
    assert compared(HIGHER, BASE, metric=volume).verdict.startswith("B is lower than A (mean difference -0.109 volume")
    assert paired_comparison(BASE, HIGHER, metric=volume).outcome == "trained_models"


def test_a_margin_is_printed_as_it_was_given():
    assert "within ±0.0005 DSC" in compared(BASE, MIXED, margin=0.0005).verdict
    assert "within ±2.5 mm HD95" in compared(BASE, MIXED, margin=2.5, metric=METRICS["hd95_mm"]).verdict


TEST = MeanTest(n=20, mean=0.05, sd=0.1, ci95=(0.003, 0.097), t=2.2, df=19, p=0.03)
CLAIM = Claim(
    basis="seeds",
    num_seeds_a=3,
    num_seeds_b=4,
    num_folds=5,
    num_repeats=1,
    folds_count=False,
    fold_p=0.5,
    standard_error=0.02,
    df=20.0,
    t=2.5,
    p=0.02,
    ci95=(0.008, 0.092),
    components=Components(case=0.08, rest=0.03, training=0.02, fold=0.0),
)
NO_CLAIM = replace(CLAIM, basis=None, standard_error=None, df=None, t=None, p=None, ci95=None, components=None)
EQUIVALENT = Equivalence(margin=0.1, p=0.01, ci90=(0.0, 0.09), shown=True)


def found(**changes):
    """Findings of three seeds of A and four of B over five folds of 20 cases."""
    return replace(Findings(status="ok", test=TEST, claim=CLAIM, metric=DSC), **changes)


def folds_test(p):
    return MeanTest(n=5, mean=0.05, sd=0.05, ci95=(-0.01, 0.11), t=2.2, df=4, p=p)


@pytest.mark.parametrize(
    ("claim_p", "over_cases", "outcome"),
    [
        (0.0499999, 0.2, "better"),
        (0.0499999, 0.01, "better"),
        (0.05, 0.0499999, "trained_models"),
        (0.05, 0.05, "no_evidence"),
        (None, 0.0499999, "trained_models"),
        (None, 0.05, "no_evidence"),
    ],
)
def test_the_claim_decides_and_a_p_of_exactly_5_percent_is_no_evidence(claim_p, over_cases, outcome):
    claim, test = replace(CLAIM, p=claim_p), replace(TEST, p=over_cases)
    assert outcome_of(found(claim=claim, test=test)) == outcome
    worse = {"better": "worse"}.get(outcome, outcome)
    assert outcome_of(found(claim=claim, test=replace(test, mean=-0.05))) == worse
    different = {"better": "different"}.get(outcome, outcome)
    assert outcome_of(found(claim=claim, test=test, metric=find_metric("volume"))) == different


@pytest.mark.parametrize(("mean", "outcome"), [(0.0005, "better"), (-0.0005, "worse"), (0.000499, "no_evidence")])
@pytest.mark.parametrize("claim_p", [1e-9, 0.5])
def test_a_difference_below_the_printed_digits_is_no_evidence(mean, outcome, claim_p):
    given = found(test=replace(TEST, mean=mean), claim=replace(CLAIM, p=claim_p))
    if claim_p > 0.05 and outcome != "no_evidence":
        outcome = "trained_models"
    assert outcome_of(given) == outcome
    if outcome == "no_evidence":
        assert sentence(outcome, given).startswith("No difference that three decimals show (mean difference +0.000")


def test_a_distance_has_all_its_digits_printed():
    tiny = found(test=replace(TEST, mean=-0.0001), metric=METRICS["hd95_mm"])
    assert outcome_of(tiny) == "better"
    nothing = found(test=replace(TEST, mean=-1e-10), metric=METRICS["hd95_mm"])
    assert outcome_of(nothing) == "no_evidence"
    assert sentence("no_evidence", nothing).startswith("No difference that three decimals show (mean difference +0")


def test_an_equivalence_that_is_shown_comes_before_the_claim():
    assert outcome_of(found(equivalence=EQUIVALENT)) == "equivalent"
    assert outcome_of(found(equivalence=replace(EQUIVALENT, shown=False))) == "better"
    assert outcome_of(found(equivalence=EQUIVALENT, test=replace(TEST, mean=0.0001))) == "equivalent"
    assert sentence("equivalent", found(equivalence=EQUIVALENT, margin=0.1)) == (
        "A and B are equivalent within ±0.1 DSC (mean difference +0.050 DSC over 20 paired cases, equivalence "
        "p = 0.0100, counting cases, 3 + 4 seeds and 5 folds); other training sets are covered only as far as these "
        "folds differ."
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "identical"},
        {"status": "zero_variance"},
        {"status": "too_few_pairs"},
        {"test": replace(TEST, mean=None)},
        {"test": replace(TEST, p=None)},
    ],
)
def test_without_a_test_there_is_no_verdict_on_the_difference(changed):
    given = found(equivalence=EQUIVALENT, **changed)
    assert outcome_of(given) == "not_testable"
    assert outcome_of(replace(given, incomparable=("another data set",))) == "not_comparable"


def test_not_comparable_comes_before_all():
    assert outcome_of(found(equivalence=EQUIVALENT, incomparable=("another data set",))) == "not_comparable"


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        (CLAIM, "counting cases, 3 + 4 seeds and 5 folds"),
        (replace(CLAIM, num_folds=2), "counting cases, 3 + 4 seeds and 2 folds"),
        (replace(CLAIM, num_folds=1), "counting cases and 3 + 4 seeds"),
        (replace(CLAIM, num_folds=0), "counting cases and 3 + 4 seeds"),
        (replace(CLAIM, basis="folds", num_seeds_a=1), "counting cases and trainings by 5 folds"),
        (NO_CLAIM, "counting cases alone"),
    ],
)
def test_what_the_error_counts_is_said(claim, text):
    assert counted(claim) == text


@pytest.mark.parametrize(("p", "text"), [(0.05, "p = 0.0500"), (0.0001, "p = 0.0001"), (0.0000999, "p < 0.0001")])
def test_a_p_has_four_digits(p, text):
    assert p_text(p) == text


COVERED = "other training sets are covered only as far as these folds differ"


@pytest.mark.parametrize(
    ("claim_p", "folds_p", "ending"),
    [
        (0.02, 0.3, f"{COVERED} (the folds alone do not show it, p = 0.3000)."),
        (0.02, 0.05, f"{COVERED} (the folds alone do not show it, p = 0.0500)."),
        (0.02, 0.0499, f"{COVERED}."),
        (0.06, 0.01, f"{COVERED} (the folds alone show it, p = 0.0100)."),
        (0.05, 0.0499, f"{COVERED} (the folds alone show it, p = 0.0499)."),
        (0.05, 0.3, f"{COVERED}."),
        (0.06, 0.05, f"{COVERED}."),
        (0.06, None, f"{COVERED}."),
        (None, 0.01, f"{COVERED}."),
    ],
)
def test_folds_that_contradict_the_claim_are_named(claim_p, folds_p, ending):
    given = found(claim=replace(CLAIM, p=claim_p), test=replace(TEST, p=0.3), folds=folds_test(folds_p))
    assert sentence(outcome_of(given), given).endswith(f"; {ending}")


@pytest.mark.parametrize(
    ("claim", "ending"),
    [
        (CLAIM, COVERED),
        (replace(CLAIM, num_folds=2), COVERED),
        (replace(CLAIM, num_folds=1), "other training sets are not covered"),
        (replace(CLAIM, num_folds=0), "other training sets are not covered"),
        (
            replace(CLAIM, basis="folds", num_seeds_a=1, num_seeds_b=1),
            "with one seed of either arm only the folds tell what training does, and small differences stay hidden",
        ),
        (
            replace(CLAIM, basis="folds", num_seeds_a=1),
            "with one seed of A only the folds tell what training does, and small differences stay hidden",
        ),
        (
            replace(CLAIM, basis="folds", num_seeds_b=1),
            "with one seed of B only the folds tell what training does, and small differences stay hidden",
        ),
    ],
)
def test_what_the_claim_does_not_cover_is_said(claim, ending):
    assert sentence("better", found(claim=claim)).endswith(f"); {ending}.")


def test_several_seeds_of_both_arms_are_not_called_one():
    # Folds of one case: seeds are there, and the cases of a fold do not vary.
    each_case_a_fold = {case: place for place, case in enumerate(CASES)}
    result = compared([BASE, BASE], [HIGHER, HIGHER], folds_a=each_case_a_fold, folds_b=each_case_a_fold)
    assert (result.outcome, result.claim.basis) == ("better", "folds")
    assert "one seed" not in result.verdict


@pytest.mark.parametrize(
    ("num_seeds_a", "num_seeds_b", "num_folds", "reason"),
    [
        (1, 1, 0, "as the folds are not known and not both arms have several seeds"),
        (1, 3, 1, "as there is one fold and not both arms have several seeds"),
        (2, 2, 5, "as the cases do not vary within folds"),
    ],
)
def test_why_there_is_no_claim_is_said(num_seeds_a, num_seeds_b, num_folds, reason):
    claim = replace(NO_CLAIM, num_seeds_a=num_seeds_a, num_seeds_b=num_seeds_b, num_folds=num_folds)
    assert f"no p that counts trainings, {reason};" in sentence("trained_models", found(claim=claim))
    assert f", no p that counts trainings, {reason}), nor of equality;" in sentence("no_evidence", found(claim=claim))


@pytest.mark.parametrize(
    ("num_seeds_a", "num_seeds_b", "mean", "ending"),
    [
        # Three, four, five and six seeds of each arm detect differences of 0.0710, 0.0693, 0.0682 and 0.0674; fifty one
        # of 0.0642.
        (3, 4, 0.0700, "about 1 more seed of each arm would settle it."),
        (4, 3, -0.0700, "about 1 more seed of each arm would settle it."),
        (3, 3, 0.0678, "about 3 more seeds of each arm would settle it."),
        (1, 4, 0.0700, "about 3 more seeds of each arm would settle it."),
        # As many as there are would do, in another sample.
        (4, 4, 0.0700, "about 1 more seed of each arm would settle it."),
        (3, 3, 0.0640, "no number of seeds would settle it in this data set, more cases might."),
    ],
)
def test_the_seeds_that_would_settle_it_are_said(num_seeds_a, num_seeds_b, mean, ending):
    claim = replace(CLAIM, p=0.2, num_seeds_a=num_seeds_a, num_seeds_b=num_seeds_b)
    given = found(claim=claim, test=replace(TEST, mean=mean))
    assert outcome_of(given) == "trained_models"
    assert sentence("trained_models", given).endswith(
        f" p = 0.2000 counting cases, {num_seeds_a} + {num_seeds_b} seeds and 5 folds; {ending}"
    )


def test_without_components_three_seeds_would_measure_what_training_does():
    for given in (found(claim=NO_CLAIM), found(test=replace(TEST, mean=0.05), claim=replace(CLAIM, components=None))):
        assert sentence("trained_models", given).endswith("; three seeds of each arm would measure what training does.")


def test_one_paired_case_is_in_the_singular():
    given = found(test=replace(TEST, n=1), incomparable=("another data set",))
    assert sentence("not_comparable", given) == (
        "Not comparable: another data set; the difference (mean difference +0.050 DSC over 1 paired case) can come "
        "from that alone."
    )
