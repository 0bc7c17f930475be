import math

import numpy as np
import pytest
import scipy.stats

from hemosweep.errors import BadInput
from hemosweep.stats import DSC, METRICS, paired_comparison, seed_spread
from hemosweep.stats.replicates import baseline_spread

CASES = [f"c{place}" for place in range(8)]
BASE = np.linspace(0.5, 0.78, 8)


def scores(values):
    return dict(zip(CASES, np.asarray(values).tolist(), strict=True))


def seeds(*shifts, values=BASE):
    return [scores(values + shift) for shift in shifts]


def test_the_spread_over_seeds_by_hand():
    spread = seed_spread(np.array([[0.50, 0.70], [0.54, 0.70], [0.48, 0.64]]))
    assert (spread.num_seeds, spread.num_cases) == (3, 2)
    assert spread.means == pytest.approx((0.60, 0.62, 0.56))
    assert spread.range == pytest.approx(0.06)
    assert spread.sd == pytest.approx(math.sqrt((0.0067**2 + 0.0267**2 + 0.0333**2) / 2), abs=1e-4)


@pytest.mark.parametrize("num_seeds", [2, 3, 10])
def test_the_interval_of_the_sd_is_that_of_a_normal_sample(num_seeds):
    mean_S = np.random.default_rng(num_seeds).normal(0.6, 0.02, num_seeds)
    low, high = seed_spread(mean_S[:, None]).sd_ci95
    square = mean_S.var(ddof=1) * (num_seeds - 1)
    bounds = [square / scipy.stats.chi2.ppf(p, num_seeds - 1) for p in (0.975, 0.025)]
    assert (low**2, high**2) == pytest.approx(bounds)


def test_the_interval_of_the_sd_from_three_seeds_in_closed_form():
    # Two degrees of freedom: chi-square is exponential, P(X > x) = exp(-x / 2). Deviations 0.01, 0, -0.01: sd 0.01.
    spread = seed_spread(np.array([[0.51], [0.50], [0.49]]))
    assert spread.sd_ci95 == pytest.approx(
        (0.01 * math.sqrt(1 / -math.log(0.025)), 0.01 * math.sqrt(1 / -math.log(0.975)))
    )
    assert spread.sd_ci95[1] > 6 * spread.sd, "from three seeds it is wide"


def test_seeds_with_the_same_mean_have_no_spread():
    spread = seed_spread(np.array([[0.5, 0.75], [0.75, 0.5]]))
    assert (spread.sd, spread.range, spread.sd_ci95) == (0.0, 0.0, (0.0, 0.0))


@pytest.mark.parametrize("shape", [(1, 5), (3, 0)])
def test_one_seed_or_no_case_has_no_spread(shape):
    assert seed_spread(np.zeros(shape)) is None


def test_a_cases_score_is_its_mean_over_the_seeds():
    result = paired_comparison([{"x": 0.4, "y": 0.6}, {"x": 0.6, "y": 0.6}], [{"x": 0.7, "y": 0.9}])
    assert result.mean_a == pytest.approx(0.55)
    assert result.mean_diff == pytest.approx(0.25)


def test_a_case_that_one_seed_did_not_score_is_excluded_and_named():
    result = paired_comparison(
        [{"x": 0.4, "y": 0.6, "z": 0.5}, {"x": 0.6, "z": math.nan}], {"x": 0.7, "y": 0.9, "z": 1}
    )
    assert result.excluded == ("y", "z")
    assert result.warnings == (
        "excluded, not scored by every seed of A: y",
        "excluded, not computed (NaN) in A: z",
    )


def test_a_comparison_carries_the_spreads_of_its_arms_and_of_the_baseline():
    half = 0.01 / math.sqrt(2)
    b = seeds(-half, half, values=BASE + 0.1)
    result = paired_comparison(scores(BASE), b, baseline_seeds=seeds(-0.02, 0, 0.02))
    assert result.seeds.a is None
    assert (result.seeds.b.num_seeds, result.seeds.b.num_cases) == (2, 8)
    assert result.seeds.b.sd == pytest.approx(0.01)
    assert result.seeds.b.means == pytest.approx((0.74 - half, 0.74 + half))
    assert (result.seeds.baseline.num_seeds, result.seeds.baseline.sd) == (3, pytest.approx(0.02))
    turned = paired_comparison(b, scores(BASE)).seeds
    assert (turned.a, turned.b, turned.baseline) == (result.seeds.b, None, None)


def test_the_seeds_of_the_baseline_are_in_no_claim():
    steps = 0.004 * np.array([1, -1, 2, 0, 1, -2, 1, 0])
    a, b = scores(BASE), scores(BASE + 0.02 + steps)
    folds = {case: place // 2 for place, case in enumerate(CASES)}
    alone = paired_comparison(a, b, folds_a=folds, folds_b=folds)
    with_baseline = paired_comparison(a, b, folds_a=folds, folds_b=folds, baseline_seeds=seeds(-0.1, 0, 0.1))
    assert with_baseline.claim == alone.claim
    assert (with_baseline.outcome, with_baseline.verdict) == (alone.outcome, alone.verdict)
    assert with_baseline.seeds.baseline.sd == pytest.approx(0.1)


def test_a_baseline_that_shows_no_spread_is_said_so():
    result = paired_comparison(scores(BASE), scores(BASE + 0.1), baseline_seeds=seeds(0))
    assert result.seeds.baseline is None
    assert result.warnings == ("no seed noise from the baseline: 1 seed, 8 of the cases scored by each",)
    result = paired_comparison(scores(BASE), scores(BASE + 0.1), baseline_seeds=[{"other": 0.5}, {"other": 0.6}])
    assert result.warnings == ("no seed noise from the baseline: 2 seeds, 0 of the cases scored by each",)


def test_without_a_baseline_there_is_nothing_to_say():
    assert baseline_spread([], CASES, DSC) == (None, [])
    assert paired_comparison(scores(BASE), scores(BASE + 0.1)).warnings == ()


def test_cases_that_the_baseline_lacks_are_named():
    first, second = seeds(0, 0.01)
    first = {case: value for case, value in first.items() if case != "c5"}
    second |= {"c3": math.nan, "c9": 0.5}
    spread, warnings = baseline_spread([first, second], CASES, DSC)
    assert warnings == ["seed noise without cases that not every seed scored: c3, c5"]
    left = [place for place in range(8) if place not in (3, 5)]
    assert spread == seed_spread(np.stack([BASE[left], BASE[left] + 0.01]))
    assert paired_comparison(scores(BASE), scores(BASE + 0.1), baseline_seeds=[first, second]).seeds.baseline == spread


def test_a_baseline_outside_the_metrics_range_is_refused():
    with pytest.raises(BadInput, match="the baseline's seeds: DSC outside"):
        paired_comparison(scores(BASE), scores(BASE + 0.1), baseline_seeds=seeds(0, 0.5))


def test_lower_is_better_for_a_distance_with_replicates():
    a = [{case: 10 * value + shift for case, value in scores(BASE).items()} for shift in (0, 0.01)]
    b = [{case: value - 1 for case, value in scores(BASE * 10.2 + shift).items()} for shift in (0, 0.01)]
    assert paired_comparison(a, b, metric=METRICS["hd95_mm"]).outcome == "better"
