import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from hemosweep.errors import BadInput
from hemosweep.stats import (
    Claim,
    Components,
    claim,
    detectable_difference,
    equivalence,
    minimum_detectable_difference,
    seeds_to_settle,
)
from hemosweep.stats.power import MAX_SEEDS, detected_noncentrality

COMPONENTS = Components(case=0.08, rest=0.03, training=0.02, fold=0.0)


def power_of(noncentrality, df):
    critical = stats.t.ppf(0.975, df)
    opposite = np.nan_to_num(stats.nct.cdf(-critical, df, noncentrality))
    return stats.nct.sf(critical, df, noncentrality) + opposite


def claim_of(components, *, num_seeds_a=3, num_seeds_b=3, num_folds=4):
    return Claim(
        basis="seeds",
        num_seeds_a=num_seeds_a,
        num_seeds_b=num_seeds_b,
        num_folds=num_folds,
        num_repeats=1,
        folds_count=False,
        fold_p=0.5,
        standard_error=0.02,
        df=20.0,
        t=2.5,
        p=0.02,
        ci95=(0.008, 0.092),
        components=components,
    )


def test_the_minimum_detectable_difference_turns_rs_power_calculation_around():
    # power.t.test(delta = 0.5, power = 0.80, type = "paired") gives n = 33.36713.
    assert minimum_detectable_difference(1.0, 33.36713) == pytest.approx(0.5, abs=1e-7)


def test_the_minimum_detectable_difference_is_found_in_four_of_five_samples():
    n, num_samples = 20, 20_000
    true = minimum_detectable_difference(0.05, n)
    diff = np.random.default_rng(1).normal(true, 0.05, (num_samples, n))
    found = (stats.ttest_1samp(diff, 0.0, axis=1).pvalue < 0.05).mean()
    assert found == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / num_samples))


def test_the_minimum_detectable_difference_is_in_proportion_to_the_spread_and_falls_with_n():
    assert minimum_detectable_difference(0.1, 76) == pytest.approx(2 * minimum_detectable_difference(0.05, 76))
    by_n = [minimum_detectable_difference(1.0, n) for n in (2, 3, 5, 10, 76, 1000)]
    assert by_n == sorted(by_n, reverse=True)
    assert by_n[-1] == pytest.approx((1.959964 + 0.841621) / math.sqrt(1000), rel=2e-3)


@pytest.mark.parametrize("df", [1, 2.5, 3, 30.4, 75, 1000])
def test_the_noncentrality_that_is_detected_has_a_power_of_80_percent(df):
    assert power_of(detected_noncentrality(df), df) == pytest.approx(0.8, abs=1e-9)


def test_the_variance_of_a_design_by_hand():
    components = Components(case=0.1, rest=0.2, training=0.3, fold=0.4)
    variance = components.variance(num_cases=10, num_folds=5, num_seeds=4)
    assert variance == pytest.approx((0.01 + 2 * 0.04 / 4) / 10 + (0.16 + 2 * 0.09 / 4) / 5)


@pytest.mark.parametrize("num_folds", [2, 4, 10])
def test_one_seed_detects_what_the_folds_degrees_of_freedom_do(num_folds):
    found = detectable_difference(COMPONENTS, num_cases=20, num_folds=num_folds, num_seeds=1)
    variance = (0.08**2 + 2 * 0.03**2) / 20 + 2 * 0.02**2 / num_folds
    assert power_of(found / math.sqrt(variance), num_folds - 1) == pytest.approx(0.8, abs=1e-9)


def test_folds_that_are_a_source_of_variance_have_their_degrees_of_freedom_whatever_the_seeds():
    components = Components(case=0.08, rest=0.03, training=0.02, fold=0.05)
    found = detectable_difference(components, num_cases=20, num_folds=4, num_seeds=3)
    variance = (0.08**2 + 2 * 0.03**2 / 3) / 20 + (0.05**2 + 2 * 0.02**2 / 3) / 4
    assert power_of(found / math.sqrt(variance), 3) == pytest.approx(0.8, abs=1e-9)


def mixed_power(noncentrality, df, fold_df):
    """Four in five samples are tested by the pooled variance; one in five by fold means whose F-test is below 20%."""
    critical, fold_critical = stats.t.ppf(0.975, df), stats.t.ppf(0.975, fold_df)
    quantile = stats.chi2.ppf(0.8, fold_df)
    beyond = integrate.quad(lambda x: x * stats.chi2.pdf(x, fold_df), quantile, np.inf)[0] / 0.2 / fold_df
    by_folds = stats.norm.cdf(noncentrality - fold_critical * math.sqrt(beyond))
    return 0.8 * stats.nct.sf(critical, df, noncentrality) + 0.2 * by_folds


def test_seeds_add_their_degrees_of_freedom_to_those_of_cases_and_folds_and_the_f_test_costs_power():
    for num_seeds, seeds_df in ((3, 16), (2, 8)):
        found = detectable_difference(COMPONENTS, num_cases=20, num_folds=4, num_seeds=num_seeds)
        cases, training = (0.08**2 + 2 * 0.03**2 / num_seeds) / 20, 2 * 0.02**2 / num_seeds / 4
        # 20 - 4 degrees of freedom of the cases, two times 4 (S - 1) of the seeds, and 4 - 1 of the folds.
        df = (cases + training) ** 2 / (cases**2 / 16 + training**2 / seeds_df) + 3
        assert mixed_power(found / math.sqrt(cases + training), df, 3) == pytest.approx(0.8, abs=1e-7)


def test_repeats_have_their_own_degrees_of_freedom_and_no_f_test():
    found = detectable_difference(COMPONENTS, num_cases=20, num_folds=4, num_seeds=3, repeated=True)
    cases, training = (0.08**2 + 2 * 0.03**2 / 3) / 20, 2 * 0.02**2 / 3 / 4
    df = (cases + training) ** 2 / (cases**2 / 16 + training**2 / 11)
    assert power_of(found / math.sqrt(cases + training), df) == pytest.approx(0.8, abs=1e-9)
    claim = replace(claim_of(COMPONENTS), basis="repeats", num_repeats=3)
    assert seeds_to_settle(claim, found, num_cases=20) == 3
    assert seeds_to_settle(claim, found * (1 - 1e-9), num_cases=20) == 4


def test_in_repeats_the_folds_are_no_source_of_their_own():
    with_folds = replace(COMPONENTS, fold=0.03)
    design = {"num_cases": 20, "num_folds": 4, "num_seeds": 3}
    variance = with_folds.variance(**design)
    training = 2 * 0.02**2 / 3 / 4
    df = variance**2 / ((variance - training) ** 2 / 16 + training**2 / 11)
    found = detectable_difference(with_folds, **design, repeated=True)
    assert power_of(found / math.sqrt(variance), df) == pytest.approx(0.8, abs=1e-9)
    assert found < detectable_difference(with_folds, **design)


def test_a_design_has_a_degree_of_freedom_at_least():
    one_fold = detectable_difference(COMPONENTS, num_cases=20, num_folds=1, num_seeds=1)
    variance = COMPONENTS.variance(num_cases=20, num_folds=1, num_seeds=1)
    assert power_of(one_fold / math.sqrt(variance), 1) == pytest.approx(0.8, abs=1e-9)
    alone = Components(case=0.08, rest=0.0, training=0.0, fold=0.0)
    case_a_fold = detectable_difference(alone, num_cases=4, num_folds=4, num_seeds=2)
    assert mixed_power(case_a_fold / 0.04, 1 + 3, 3) == pytest.approx(0.8, abs=1e-7)
    known_folds = detectable_difference(alone, num_cases=4, num_folds=1, num_seeds=2)
    assert power_of(known_folds / 0.04, 3) == pytest.approx(0.8, abs=1e-9)


def test_what_never_varies_is_detected_whatever_its_size():
    nothing = Components(case=0.0, rest=0.0, training=0.0, fold=0.0)
    assert detectable_difference(nothing, num_cases=20, num_folds=4, num_seeds=3) == 0.0


@pytest.mark.parametrize(("num_seeds", "fold"), [(1, 0.0), (3, 0.0), (3, 0.2)])
def test_the_detectable_difference_is_claimed_in_four_of_five_samples(num_seeds, fold):
    components = Components(case=0.02, rest=0.01, training=0.05, fold=fold)
    true = detectable_difference(components, num_cases=20, num_folds=4, num_seeds=num_seeds)
    rng, fold_N, num_samples = np.random.default_rng(2), np.arange(20) % 4, 1500
    folds = fold_N.astype(str).tolist()
    results = []
    for _ in range(num_samples):
        a_SN, b_SN = (
            rng.normal(0, 0.02 / math.sqrt(2), 20)
            + (rng.normal(0, 0.05, (num_seeds, 4)) + rng.normal(0, fold / math.sqrt(2), 4))[:, fold_N]
            + rng.normal(0, 0.01, (num_seeds, 20))
            for _ in range(2)
        )
        results.append(claim(a_SN, b_SN + true, folds, None, 1e-9))
    assert np.mean([result.p < 0.05 for result in results]) == pytest.approx(0.8, abs=0.04)


def test_the_seeds_that_settle_a_difference_are_the_fewest_that_detect_it():
    design = {"num_cases": 20, "num_folds": 4}
    by_seeds = {seeds: detectable_difference(COMPONENTS, num_seeds=seeds, **design) for seeds in (3, 4, 5, 6)}
    assert sorted(by_seeds.values(), reverse=True) == list(by_seeds.values())
    for num_seeds in (4, 5, 6):
        found = by_seeds[num_seeds]
        for sign in (1, -1):
            assert seeds_to_settle(claim_of(COMPONENTS), sign * found, num_cases=20) == num_seeds
            assert seeds_to_settle(claim_of(COMPONENTS), sign * found * (1 - 1e-9), num_cases=20) == num_seeds + 1


@pytest.mark.parametrize(("num_seeds_a", "num_seeds_b", "fewest"), [(1, 1, 2), (1, 5, 2), (5, 3, 3), (7, 7, 7)])
def test_seeds_that_settle_are_no_fewer_than_two_or_than_there_are(num_seeds_a, num_seeds_b, fewest):
    found = claim_of(COMPONENTS, num_seeds_a=num_seeds_a, num_seeds_b=num_seeds_b)
    assert seeds_to_settle(found, 1.0, num_cases=20) == fewest


def test_no_number_of_seeds_settles_what_cases_or_folds_make_vary():
    most = detectable_difference(COMPONENTS, num_cases=20, num_folds=4, num_seeds=MAX_SEEDS)
    assert seeds_to_settle(claim_of(COMPONENTS), most, num_cases=20) == MAX_SEEDS == 50
    assert seeds_to_settle(claim_of(COMPONENTS), most * (1 - 1e-9), num_cases=20) is None
    assert seeds_to_settle(claim_of(COMPONENTS), most * (1 - 1e-9), num_cases=21) is not None
    assert seeds_to_settle(claim_of(None), 1.0, num_cases=20) is None


def test_folds_that_are_not_known_count_as_one():
    one = detectable_difference(COMPONENTS, num_cases=20, num_folds=1, num_seeds=4)
    assert seeds_to_settle(claim_of(COMPONENTS, num_folds=0), one, num_cases=20) == 4
    assert seeds_to_settle(claim_of(COMPONENTS, num_folds=1), one, num_cases=20) == 4


def test_equivalence_in_closed_form():
    # With two degrees of freedom P(T <= t) = 1/2 + t / (2 sqrt(2 + t^2)).
    result = equivalence(0.01, 0.005, 2, 0.03)
    t = (0.01 - 0.03) / 0.005
    assert result.p == pytest.approx(0.5 + t / (2 * math.sqrt(2 + t * t)))
    half = 0.9 * math.sqrt(2 / (1 - 0.9**2)) * 0.005
    assert result.ci90 == pytest.approx((0.01 - half, 0.01 + half))
    assert (result.margin, result.shown) == (0.03, True)


@pytest.mark.parametrize("mean_diff", [-0.012, 0.0, 0.012])
@pytest.mark.parametrize("margin", [0.005, 0.015, 0.02, 0.025])
def test_equivalence_is_the_larger_of_two_one_sided_tests_and_goes_with_its_interval(mean_diff, margin):
    diff = np.random.default_rng(4).normal(0, 0.02, 25)
    diff += mean_diff - diff.mean()
    larger = max(
        stats.ttest_1samp(diff, -margin, alternative="greater").pvalue,
        stats.ttest_1samp(diff, margin, alternative="less").pvalue,
    )
    result = equivalence(mean_diff, diff.std(ddof=1) / 5, 24, margin)
    assert result.p == pytest.approx(larger)
    assert result.shown == (-margin < result.ci90[0] and result.ci90[1] < margin)


@pytest.mark.parametrize("margin", [0.0, -0.02, math.nan, math.inf])
def test_a_margin_has_to_be_above_zero(margin):
    with pytest.raises(BadInput, match="equivalence margin"):
        equivalence(0.01, 0.005, 9, margin)
