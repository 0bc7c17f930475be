"""The sweep `readings`: each arm is the final configuration with one choice read in another way."""

from dataclasses import fields, replace

import pytest

from hemosweep.ablation.catalogue import find_sweep
from hemosweep.config import config_as_dict
from hemosweep.intensity.min_max import MinMax
from hemosweep.intensity.z_score import ZScore
from hemosweep.model.losses.generalised_dice_ce import GeneralisedDiceCE
from hemosweep.sampling.restriction import Hyperdense, LesionBorder
from hemosweep.sweeps.base import demo, paper
from hemosweep.sweeps.final import final
from hemosweep.sweeps.reading_list import readings

SWEEP = find_sweep("readings")
BASES = pytest.mark.parametrize("base", [demo, paper])


def arms(base):
    return {arm.name: arm.config for arm in SWEEP.arms(base().config)}


def test_every_other_reading_is_compared_with_the_final_configuration():
    first, *others = SWEEP.arm_names
    assert SWEEP.baseline == first == "final"
    assert SWEEP.comparisons == tuple(("final", other) for other in others)
    assert len(others) == 8


def test_its_first_arm_is_the_final_configuration_of_the_paper():
    assert arms(paper)["final"] == final(paper().config)


@BASES
def test_each_arm_changes_one_choice(base):
    configs = arms(base)
    baseline = configs["final"]
    for name, config in configs.items():
        changed = [
            field.name for field in fields(config) if getattr(config, field.name) != getattr(baseline, field.name)
        ]
        assert len(changed) == (name != "final"), name
        if changed:
            one, other = (config_as_dict(of)[changed[0]] for of in (config, baseline))
            assert sum(one[key] != other[key] for key in one) == 1, name


@BASES
def test_the_arms_are_the_readings_of_their_names(base):
    configs = arms(base)
    assert configs["z-score"].preprocessing.intensity == ZScore()
    assert configs["min-max"].preprocessing.intensity == MinMax()
    assert configs["gdl_ce"].training.loss == GeneralisedDiceCE()
    assert (configs["final"].training.optimiser.rho, configs["rho-0.95"].training.optimiser.rho) == (0.9, 0.95)
    assert configs["channel-dropout"].network == replace(configs["final"].network, channel_dropout=True)
    assert (configs["final"].sampling.centres, configs["grid-centres"].sampling.centres) == ("random", "grid")
    assert configs["union"].sampling.restriction.shares == {"either": 0.3, "brain": 0.7}
    (region, share), *others = configs["ivh-else-border"].sampling.restriction.regions
    assert (region.first, region.otherwise, share, others) == (Hyperdense(), LesionBorder(), 1.0, [])


@BASES
def test_the_kind_of_dropout_is_a_question_in_every_profile(base):
    assert {config.network.dropout for config in arms(base).values()} == {0.2}


def test_the_list_of_readings_names_every_arm_among_the_alternatives():
    named = [reading for reading in readings() if "of readings" in reading.alternatives]
    assert {reading.choice for reading in named} == {
        "Intensity",
        "Centres",
        "ROI around hematoma OR IVH area (lesion|hyperdense)",
        "Dropout of",
        "Form of the loss",
        "Adadelta's rho",
    }
