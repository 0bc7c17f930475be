"""Power of a sweep's comparisons, from runs in memory."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from hemosweep.comparison.family import compare_family
from hemosweep.comparison.power import forecast_power, mean_components
from hemosweep.errors import BadInput
from hemosweep.stats import Components, detectable_difference
from tests.recorded import LARGE, MIDDLE, SMALL, cases, in_memory, shifted

PAIRS = (("24x24x8", "32x32x16"), ("32x32x16", "48x48x24"))
ONE_SEED = {
    "patchsize/24x24x8@0": cases(SMALL),
    "patchsize/32x32x16@0": cases(MIDDLE),
    "patchsize/48x48x24@0": cases(LARGE),
}
TWO_SEEDS = ONE_SEED | {
    "patchsize/24x24x8@1": cases(shifted(SMALL, 0.01, 0.02)),
    "patchsize/32x32x16@1": cases(shifted(MIDDLE, -0.01, 0.01)),
}


def forecast(tables, *, seconds=None, **options):
    family = compare_family(in_memory(tables, seconds=seconds), "patchsize", PAIRS)
    return family, forecast_power(family, **options)


def test_the_components_are_those_of_the_comparisons_with_seeds_of_both_arms():
    family, power = forecast(TWO_SEEDS)
    assert power.by_seeds
    assert power.num_compared == 1
    assert power.components == family.rows[0].comparison.claim.components
    assert (power.num_cases, power.num_folds) == (8, 2)
    for row in power.rows:
        design = {"num_cases": 8, "num_folds": 2, "num_seeds": row.num_seeds}
        assert row.difference == detectable_difference(power.components, **design)
    differences = [row.difference for row in power.rows]
    assert differences == sorted(differences, reverse=True)


def test_without_seeds_they_are_from_the_folds_and_it_is_said():
    family, power = forecast(ONE_SEED)
    assert not power.by_seeds
    assert power.num_compared == 2
    parts = [row.comparison.claim.components for row in family.rows]
    assert power.components.training == pytest.approx(math.sqrt(sum(one.training**2 for one in parts) / 2))
    assert any("No comparison has several seeds of both arms" in line for line in power.as_lines())


def test_the_mean_of_components_is_that_of_their_variances():
    three = Components(case=3.0, rest=0.0, training=1.0, fold=0.0)
    four = Components(case=4.0, rest=2.0, training=1.0, fold=0.0)
    mean = mean_components([three, four])
    assert mean.case == pytest.approx(math.sqrt(12.5))
    assert mean.rest == pytest.approx(math.sqrt(2.0))
    assert (mean.training, mean.fold) == (1.0, 0.0)


def test_the_seeds_that_a_difference_needs_are_the_fewest_that_show_it():
    _, power = forecast(TWO_SEEDS, difference=0.08, num_cases=40, num_folds=5)
    (needed,) = power.needed
    design = {"num_cases": 40, "num_folds": 5}
    assert detectable_difference(power.components, **design, num_seeds=needed.num_seeds) <= 0.08
    assert needed.num_seeds == 1 or (
        detectable_difference(power.components, **design, num_seeds=needed.num_seeds - 1) > 0.08
    )
    _, tiny = forecast(TWO_SEEDS, difference=1e-6)
    assert tiny.needed[0].num_seeds is None
    assert any("more than 50 seeds of each arm" in line for line in tiny.as_lines())


def test_the_time_is_that_of_one_seed_of_every_arm():
    # Three arms of 600 s: half an hour a seed.
    _, power = forecast(TWO_SEEDS, seconds=600.0, difference=0.5)
    assert power.seconds_per_seed == pytest.approx(1800.0)
    assert any(line.split()[0] == "2" and "1 h 00 min" in line for line in power.as_lines() if line.strip())
    _, without = forecast(TWO_SEEDS)
    assert without.seconds_per_seed is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"difference": 0.0}, "--difference 0: give the true difference that is to be shown, above 0"),
        ({"difference": math.nan}, "--difference nan"),
        ({"num_cases": 1}, "--cases 1: give at least 2"),
        ({"num_folds": 1}, "--folds 1: give at least 2"),
    ],
)
def test_a_design_that_cannot_be_is_refused(options, said):
    with pytest.raises(BadInput, match=said):
        forecast(TWO_SEEDS, **options)


def test_comparisons_that_show_nothing_of_training_are_refused_with_the_way_out():
    same = {name: cases(SMALL) for name in ONE_SEED}
    with pytest.raises(BadInput, match="no comparison shows what trainings do; train it in several folds, or with"):
        forecast(same)


def test_it_is_json_with_rows_and_needs():
    values = forecast(TWO_SEEDS, difference=0.1)[1].as_json()
    assert (values["sweep"], values["metric"], values["figure"]) == ("patchsize", "dsc", None)
    assert [row["num_seeds"] for row in values["rows"]] == [1, 2, 3, 4, 5, 6, 8, 10]
    assert values["needed"][0]["name"] == "to show"
    assert {*values["components"]} == {"case", "rest", "training", "fold"}


def test_the_picture_or_the_reason_why_there_is_none_is_told():
    _, power = forecast(TWO_SEEDS)
    assert not any("ower plot" in line for line in power.as_lines())
    assert "Power plot: power.png" in replace(power, figure=Path("power.png")).as_lines()
    assert "No power plot: no space" in replace(power, no_figure="no space").as_lines()


def test_the_reason_against_the_only_comparison_is_the_message():
    store = in_memory({name: (table, {"dataset_digest": name}) for name, table in ONE_SEED.items()})
    family = compare_family(store, "patchsize", PAIRS)
    with pytest.raises(BadInput, match="not comparable: data set content differs"):
        forecast_power(family)


def test_a_difference_of_nothing_needs_no_seeds_and_is_not_listed():
    same = {"patchsize/48x48x24@0": ONE_SEED["patchsize/32x32x16@0"]}
    _, power = forecast(ONE_SEED | same, num_cases=40, num_folds=5)
    assert [needed.name for needed in power.needed] == ["24x24x8 to 32x32x16"]
    assert (power.num_cases, power.num_folds) == (40, 5)


def test_a_run_whose_time_is_not_known_leaves_the_time_of_the_sweep_unknown():
    store = in_memory(ONE_SEED, seconds=120.0)
    assert forecast_power(compare_family(store, "patchsize", PAIRS)).seconds_per_seed == pytest.approx(360.0)
    first, *others = store.runs
    store = replace(store, runs=(replace(first, train_seconds=None), *others))
    assert forecast_power(compare_family(store, "patchsize", PAIRS)).seconds_per_seed is None


def test_without_a_recorded_time_the_seeds_are_told_alone():
    _, power = forecast(TWO_SEEDS, difference=0.1, num_cases=40, num_folds=5)
    assert power.as_lines()[-1] == f"to show, 0.100 DSC: {power.needed[0].num_seeds} seeds of each arm"


def test_one_fold_counts_as_the_two_that_a_design_has_at_least():
    _, power = forecast({name: table.assign(fold=0) for name, table in TWO_SEEDS.items()})
    assert power.num_folds == 2


def test_the_most_seeds_that_are_advised_are_50():
    design = {"num_cases": 40, "num_folds": 5}
    _, power = forecast(TWO_SEEDS, difference=0.1, **design)
    least = detectable_difference(power.components, **design, num_seeds=50)
    assert least < detectable_difference(power.components, **design, num_seeds=49)
    assert forecast(TWO_SEEDS, difference=least, **design)[1].needed[0].num_seeds == 50
    assert forecast(TWO_SEEDS, difference=least * 0.999, **design)[1].needed[0].num_seeds is None
