import itertools
import math
import tracemalloc

import numpy as np
import pytest

from hemosweep.errors import BadInput
from hemosweep.stats import (
    METRICS,
    hierarchical_bootstrap,
    is_within_seed_noise,
    mean_test,
    paired_comparison,
    seed_noise,
    seed_spread,
)
from hemosweep.stats.replicates import _batches

RESOLUTION = 1e-9
CASES = [f"c{place}" for place in range(8)]
BASE = np.linspace(0.5, 0.78, 8)
# Differences of +0.02 on average with an sd of 0.004: a small p from few cases.
GAIN = 0.02 + 0.004 * np.array([1, -1, 1, -1, 1, -1, 1, -1]) * math.sqrt(7 / 8)


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


def test_the_limit_by_hand():
    # One seed each, and a baseline whose three seeds have means 0.01 apart: s = 0.01, two degrees of freedom.
    result = paired_comparison(scores(BASE), scores(BASE + GAIN), baseline_seeds=seeds(-0.01, 0, 0.01))
    noise = result.seed_noise
    assert (noise.a, noise.b, noise.baseline.num_seeds, noise.df) == (None, None, 3, 2)
    assert noise.sd == pytest.approx(0.01)
    from_cases, from_seeds = 0.004**2 / 8, 2 * 0.01**2
    assert noise.standard_error == pytest.approx(math.sqrt(from_cases + from_seeds))
    df = (from_cases + from_seeds) ** 2 / (from_cases**2 / 7 + from_seeds**2 / 2)
    assert noise.standard_error_df == pytest.approx(df)
    # Two degrees of freedom and a little more: the 97.5% quantile is just below 4.303.
    assert 4.2 < noise.limit / noise.standard_error < 4.303
    assert noise.ci95 is None
    assert result.p < 1e-5
    assert result.outcome == "within_seed_noise"
    assert result.verdict.startswith("Within seed noise: A and B differ on these cases (mean difference +0.020 DSC")
    assert "3 seeds of the baseline" in result.verdict


def test_the_limit_counts_the_seeds_of_each_arm():
    # One seed of A, two of B and three of the baseline; the means of either are 0.01 apart in sd: s = 0.01 with 1 + 2
    # degrees of freedom, and the variance of the seeds s^2 (1/1 + 1/2).
    half = 0.01 / math.sqrt(2)
    a, b = scores(BASE), seeds(-half, half, values=BASE + GAIN)
    noise = paired_comparison(a, b, baseline_seeds=seeds(-0.01, 0, 0.01)).seed_noise
    assert (noise.num_seeds_a, noise.num_seeds_b, noise.df) == (1, 2, 3)
    assert noise.sd == pytest.approx(0.01)
    from_cases, from_seeds = 0.004**2 / 8, 0.01**2 * 1.5
    assert noise.standard_error == pytest.approx(math.sqrt(from_cases + from_seeds))
    df = (from_cases + from_seeds) ** 2 / (from_cases**2 / 7 + from_seeds**2 / 3)
    assert noise.standard_error_df == pytest.approx(df)
    turned = paired_comparison(b, a, baseline_seeds=seeds(-0.01, 0, 0.01)).seed_noise
    assert turned.standard_error == pytest.approx(noise.standard_error)
    assert noise.ci95 is turned.ci95 is None  # One seed shows no spread to draw from.


def test_the_spreads_of_all_arms_are_pooled_by_their_degrees_of_freedom():
    a, b = seeds(-0.01, 0.01), seeds(0, 0, 0.03, values=BASE + GAIN)
    noise = paired_comparison(a, b, baseline_seeds=seeds(0, 0, 0, 0)).seed_noise
    # Sums of squares 2 * 0.01^2, 0.0006 and 0 over 1 + 2 + 3 degrees of freedom.
    assert noise.df == 6
    assert noise.sd == pytest.approx(math.sqrt((0.0002 + 0.0006) / 6))
    assert (noise.num_seeds_a, noise.num_seeds_b) == (2, 3)
    assert noise.ci95 is not None


def test_seeds_that_agree_leave_the_verdict_to_the_cases():
    result = paired_comparison(scores(BASE), scores(BASE + GAIN), baseline_seeds=seeds(0, 0.0001, -0.0001))
    assert result.outcome == "better"
    assert result.verdict.endswith("seed variance is covered by 3 seeds of the baseline, training-set variance is not.")
    assert not is_within_seed_noise(result.mean_diff, result.seed_noise)
    assert is_within_seed_noise(result.seed_noise.limit, result.seed_noise)


def test_more_seeds_narrow_what_counts_as_noise():
    few = paired_comparison(seeds(-0.01, 0.01), seeds(-0.01, 0.01, values=BASE + GAIN)).seed_noise
    many = paired_comparison(seeds(*[-0.01, 0.01] * 4), seeds(*[-0.01, 0.01] * 4, values=BASE + GAIN)).seed_noise
    assert many.limit < few.limit / 2


def test_without_replicates_or_without_a_test_there_is_no_seed_noise():
    a_SN = np.array([[0.1, 0.2, 0.3]])
    test = mean_test(np.array([0.1, 0.2, 0.4]), RESOLUTION)
    assert seed_noise(test, a_SN, a_SN, None) is None
    assert paired_comparison(seeds(0, 0.01), seeds(0, 0.01)).seed_noise is None  # identical means: no t-test


def test_a_baseline_that_shows_no_spread_is_said_so():
    result = paired_comparison(scores(BASE), scores(BASE + GAIN), baseline_seeds=seeds(0))
    assert result.seed_noise is None
    assert result.warnings == ("no seed noise from the baseline: 1 seed, 8 of the cases scored by each",)
    result = paired_comparison(scores(BASE), scores(BASE + GAIN), baseline_seeds=[{"other": 0.5}, {"other": 0.6}])
    assert result.warnings == ("no seed noise from the baseline: 2 seeds, 0 of the cases scored by each",)


def test_cases_that_the_baseline_lacks_are_named():
    baseline = [{case: value for case, value in one.items() if case != "c3"} for one in seeds(0, 0.01)]
    result = paired_comparison(scores(BASE), scores(BASE + GAIN), baseline_seeds=baseline)
    assert result.seed_noise.baseline.num_cases == 7
    assert result.warnings == ("seed noise without cases that not every seed scored: c3",)


def test_a_baseline_outside_the_metrics_range_is_refused():
    with pytest.raises(BadInput, match="the baseline's seeds: DSC outside"):
        paired_comparison(scores(BASE), scores(BASE + GAIN), baseline_seeds=seeds(0, 0.5))


def test_equivalence_takes_the_seeds_into_account_where_they_are_known():
    a, b = scores(BASE), scores(BASE + GAIN - 0.02)
    over_cases = paired_comparison(a, b, margin=0.01)
    with_seeds = paired_comparison(a, b, margin=0.01, baseline_seeds=seeds(-0.01, 0, 0.01))
    assert over_cases.outcome == "equivalent"
    assert with_seeds.outcome == "no_evidence"
    assert with_seeds.equivalence.p > over_cases.equivalence.p


def test_the_hierarchical_bootstrap_is_the_distribution_over_all_draws():
    a_SN = np.array([[0.1, 0.4], [0.2, 0.7]])
    b_SN = np.array([[0.3, 0.6], [0.5, 0.5]])
    twice = list(itertools.product(range(2), repeat=2))
    every = [
        b_SN[np.ix_(seeds_b, cases)].mean() - a_SN[np.ix_(seeds_a, cases)].mean()
        for cases, seeds_a, seeds_b in itertools.product(twice, twice, twice)
    ]
    assert hierarchical_bootstrap(a_SN, b_SN) == pytest.approx(np.quantile(every, [0.025, 0.975]), abs=0.006)


def test_the_hierarchical_bootstrap_is_wider_than_over_cases_alone_and_repeats():
    rng = np.random.default_rng(8)
    a_SN = 0.6 + rng.normal(0, 0.02, (3, 1)) + rng.normal(0, 0.05, (3, 76))
    b_SN = 0.6 + rng.normal(0, 0.02, (3, 1)) + rng.normal(0, 0.05, (3, 76))
    low, high = hierarchical_bootstrap(a_SN, b_SN)
    one_low, one_high = hierarchical_bootstrap(a_SN.mean(axis=0)[None], b_SN.mean(axis=0)[None])
    assert high - low > 1.3 * (one_high - one_low)
    assert hierarchical_bootstrap(a_SN, b_SN) == (low, high)
    other_low, other_high = hierarchical_bootstrap(b_SN, a_SN)
    assert (-other_high, -other_low) == pytest.approx((low, high), abs=0.05 * (high - low))


def test_the_hierarchical_bootstrap_of_many_cases_is_drawn_in_parts(monkeypatch):
    rng = np.random.default_rng(9)
    a_SN, b_SN = rng.uniform(size=(2, 3, 40))
    whole = hierarchical_bootstrap(a_SN, b_SN)
    monkeypatch.setattr("hemosweep.stats.replicates.MAX_DRAWN", 40 * 100)
    tracemalloc.start()
    assert hierarchical_bootstrap(a_SN, b_SN) == pytest.approx(whole, abs=0.01)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1_500_000  # 10,000 times 40 draws of 8 bytes would be 3.2 MB.


def test_lower_is_better_for_a_distance_with_replicates():
    hd95 = METRICS["hd95_mm"]
    a = [{case: 10 * value + shift for case, value in scores(BASE).items()} for shift in (0, 0.01)]
    b = [{case: value - 1 for case, value in scores(BASE * 10.2 + shift).items()} for shift in (0, 0.01)]
    assert paired_comparison(a, b, metric=hd95).outcome == "better"


@pytest.mark.parametrize("num_cases", [1, 40, 4_999, 5_000, 10**9])
def test_the_parts_of_the_hierarchical_bootstrap_are_9999_resamples_whatever_their_size(num_cases, monkeypatch):
    monkeypatch.setattr("hemosweep.stats.replicates.MAX_DRAWN", 4_999 * 40)  # for 40 cases: 4,999 twice and one more
    sizes = _batches(num_cases)
    assert sum(sizes) == 9_999
    assert min(sizes) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed_sd", "num_a", "num_b", "num_baseline", "over_cases"),
    [(0.01, 1, 1, 3, 0.32), (0.01, 3, 3, 0, 0.32), (0.03, 1, 1, 3, 0.71), (0.0, 1, 1, 3, 0.05)],
)
def test_arms_that_differ_in_their_seeds_only_seldom_pass_the_rule(
    seed_sd, num_a, num_b, num_baseline, over_cases, monkeypatch
):
    monkeypatch.setattr("hemosweep.stats.replicates.hierarchical_bootstrap", lambda *_: None)  # not part of the rule
    rng = np.random.default_rng(0)
    num_samples = 2000

    def arm(num_seeds):
        return rng.normal(0, seed_sd, (num_seeds, 1)) + rng.normal(0, 0.05, (num_seeds, 76))

    called = passed = 0
    for _ in range(num_samples):
        a_SN, b_SN, baseline_SN = arm(num_a), arm(num_b), arm(num_baseline)
        test = mean_test(b_SN.mean(axis=0) - a_SN.mean(axis=0), RESOLUTION)
        noise = seed_noise(test, a_SN, b_SN, seed_spread(baseline_SN))
        called += test.p < 0.05
        passed += test.p < 0.05 and not is_within_seed_noise(test.mean, noise)
    assert called / num_samples == pytest.approx(over_cases, abs=0.04)
    assert passed / num_samples < 0.085
