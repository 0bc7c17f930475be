"""A p over looks at a growing number of seeds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemosweep.scores.catalogue import DSC
from hemosweep.stats import Claim, Components, claim, detectable_difference, equivalence, paired_comparison
from hemosweep.stats.looks import LOOKS, may_settle, over_looks
from hemosweep.stats.pairing import pair

CASES = [f"c{number:02}" for number in range(20)]
FOLD_N = [str(number % 4) for number in range(20)]
FOLDS = dict(zip(CASES, FOLD_N, strict=True))


def side(rng, num_seeds, mean=0.5):
    noise = rng.normal(0.0, 0.02, (num_seeds, 4))[:, [int(fold) for fold in FOLD_N]]
    return mean + noise + rng.normal(0.0, 0.03, (num_seeds, 20)) + rng.normal(0.0, 0.03, 20)


def tables(scores_SN):
    return [dict(zip(CASES, scores_N.tolist(), strict=True)) for scores_N in scores_SN]


def compared(a_SN, b_SN, **options):
    return paired_comparison(tables(a_SN), tables(b_SN), folds_a=FOLDS, folds_b=FOLDS, by_looks=True, **options)


def with_p(p, num_seeds):
    return Claim(basis="seeds", num_seeds_a=num_seeds, num_seeds_b=num_seeds, num_folds=4, p=p)


def test_the_shares_of_the_looks_are_the_whole_error():
    assert sum(LOOKS.values()) == 1.0
    assert list(LOOKS) == sorted(LOOKS)


@pytest.mark.parametrize(
    ("at_3", "at_6", "at_12", "num_seeds", "expected"),
    [
        (0.02, None, None, 3, 0.04),
        (0.02, 0.02, None, 6, 0.04),
        (0.02, 0.005, None, 6, 0.02),
        (0.30, 0.20, 0.01, 12, 0.04),
        (0.30, 0.20, 0.01, 7, 0.60),
        (0.70, None, None, 3, 1.0),
        (None, 0.01, None, 6, 0.04),
        (None, None, None, 3, None),
        (0.001, None, None, 2, None),
    ],
)
def test_p_is_the_smallest_of_the_looks_each_divided_by_its_share(at_3, at_6, at_12, num_seeds, expected):
    given_p = {3: at_3, 6: at_6, 12: at_12}
    result, _ = over_looks(with_p(0.5, num_seeds), None, lambda number: (with_p(given_p[number], number), None))
    assert result.p == (None if expected is None else pytest.approx(expected))
    assert result.looks == tuple((number, given_p[number]) for number in LOOKS if number <= num_seeds)


def test_the_arm_with_fewer_seeds_decides_which_looks_there_are():
    claim_of = Claim(basis="seeds", num_seeds_a=12, num_seeds_b=4, num_folds=4, p=0.5)
    result, _ = over_looks(claim_of, None, lambda number: (with_p(0.01, number), None))
    assert result.looks == ((3, 0.01),)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), num_seeds=st.sampled_from([3, 5, 6, 12]), shift=st.floats(-0.05, 0.05))
def test_a_comparison_takes_the_first_seeds_of_both_arms_at_each_look(seed, num_seeds, shift):
    rng = np.random.default_rng(seed)
    a, b = side(rng, num_seeds), side(rng, num_seeds, 0.5 + shift)
    result = compared(a, b)
    resolution = pair(tables(a), tables(b), DSC).resolution
    at = {number: claim(a[:number], b[:number], FOLD_N, None, resolution) for number in LOOKS if number <= num_seeds}
    assert result.claim.looks == tuple((number, one.p) for number, one in at.items())
    assert result.claim.p == pytest.approx(min(1.0, *(one.p / LOOKS[number] for number, one in at.items())))
    whole = claim(a, b, FOLD_N, None, resolution)
    assert (result.claim.t, result.claim.ci95, result.claim.components) == (whole.t, whole.ci95, whole.components)


def test_equivalence_is_over_the_looks_too():
    rng = np.random.default_rng(3)
    a, b = side(rng, 6), side(rng, 6)
    result = compared(a, b, margin=0.05)
    p_values = []
    for number in (3, 6):
        one = claim(a[:number], b[:number], FOLD_N, None, 1e-12)
        mean = (b[:number] - a[:number]).mean()
        p_values.append(equivalence(mean, one.standard_error, one.df, 0.05).p / LOOKS[number])
    assert result.equivalence.p == pytest.approx(min(p_values))
    assert result.equivalence.shown == (min(p_values) < 0.05)
    assert compared(a[:2], b[:2], margin=0.05).equivalence is None, "there is no look at two seeds"


def test_before_the_first_look_nothing_is_claimed_and_it_is_said():
    rng = np.random.default_rng(5)
    result = compared(side(rng, 2), side(rng, 2, 0.8))
    assert (result.outcome, result.claim.p, result.claim.looks) == ("trained_models", None, ())
    assert "no p that counts trainings, as seeds are added by looks, the first at 3 of both arms" in result.verdict
    assert result.verdict.endswith("; the next look is at 3 seeds of both arms.")


@pytest.mark.parametrize(
    ("num_seeds", "said"),
    [
        (3, ", over the look at 3 seeds; the next look is at 6 seeds of both arms."),
        (6, ", over the looks at 3 and 6 seeds; the next look is at 12 seeds of both arms."),
        (12, ", over the looks at 3, 6 and 12 seeds; its looks are used up, more cases might settle it."),
    ],
)
def test_a_verdict_names_its_looks_and_the_next_one(num_seeds, said):
    # Opposite fold means of 0.06 and 0.01: over cases it is seen, over four folds it is not.
    base = np.full((num_seeds, 20), 0.5) + np.linspace(-0.001, 0.001, num_seeds)[:, None]
    step_N = np.array([{"0": 0.09, "1": 0.05, "2": 0.03, "3": -0.02}[fold] for fold in FOLD_N])
    result = compared(base, base + step_N + np.tile([0.001, -0.001], 10))
    assert result.outcome == "trained_models"
    assert result.verdict.endswith(said)


def test_more_seeds_may_settle_what_the_interval_still_holds():
    parts = Components(case=0.05, rest=0.02, training=0.03, fold=0.02)
    # A standard error of 0.02 with 30 degrees of freedom: the 80% interval is 0.026 to either side.
    design = {"basis": "seeds", "num_seeds_a": 3, "num_seeds_b": 3, "num_folds": 5, "df": 30.0, "standard_error": 0.02}
    tested = Claim(**design, components=parts)
    # With 50 seeds of both arms and no fold component 0.020 is found with 80% power.
    assert may_settle(tested, 0.0, num_cases=76)
    assert may_settle(tested, -0.05, num_cases=76)
    assert not may_settle(Claim(**design | {"standard_error": 0.001}, components=parts), 0.01, num_cases=76)
    assert not may_settle(Claim(**design), 0.5, num_cases=76), "nothing is known of what makes it vary"


def test_the_interval_is_80_percent_to_both_sides_of_the_difference():
    parts = Components(case=0.05, rest=0.0, training=0.0, fold=0.0)
    design = {"basis": "seeds", "num_seeds_a": 3, "num_seeds_b": 3, "num_folds": 5, "df": 1e6}
    least = detectable_difference(parts, num_cases=76, num_folds=5, num_seeds=50)
    for difference in (0.0, 0.005, -0.01):
        error = (least - abs(difference)) / 1.28155
        for factor, expected in ((1.01, True), (0.97, False)):
            tested = Claim(**design, standard_error=error * factor, components=parts)
            assert may_settle(tested, difference, num_cases=76) is expected
