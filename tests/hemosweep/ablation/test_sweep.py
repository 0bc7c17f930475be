from dataclasses import replace

import pytest

from hemosweep.ablation.sweep import Sweep
from hemosweep.config import ArmConfig
from hemosweep.errors import BadInput

SWEEP = Sweep(
    name="grid",
    question="Which?",
    space={"width": (8, 16), "se": (False, True)},
    arm_name=lambda params: f"{params['width']}{'+se' if params['se'] else ''}",
    configure=lambda base, params: replace(base, model=replace(base.model, width=params["width"], se=params["se"])),
    baseline="8",
    comparisons=(("8", "8+se"),),
)


def test_arms_are_every_point_of_the_space_once_in_its_order():
    arms = SWEEP.arms(ArmConfig())
    assert [arm.name for arm in arms] == ["8", "8+se", "16", "16+se"]
    assert [dict(arm.params) for arm in arms] == [
        {"width": 8, "se": False},
        {"width": 8, "se": True},
        {"width": 16, "se": False},
        {"width": 16, "se": True},
    ]


def test_an_arm_resolves_to_the_base_with_its_own_fields_changed():
    base = ArmConfig()
    arm = SWEEP.arms(base)[2]
    assert (arm.config.model.width, arm.config.model.se) == (16, False)
    assert replace(arm.config, model=base.model) == base


def test_no_name_selects_every_arm_and_names_select_theirs_in_the_sweeps_order():
    assert SWEEP.select(ArmConfig(), ()) == SWEEP.arms(ArmConfig())
    assert [arm.name for arm in SWEEP.select(ArmConfig(), ("16+se", "8"))] == ["8", "16+se"]


def test_a_name_given_twice_selects_its_arm_once():
    assert [arm.name for arm in SWEEP.select(ArmConfig(), ("8", "8"))] == ["8"]


def test_an_unknown_name_is_bad_input_that_lists_the_arms():
    with pytest.raises(BadInput, match=r"^sweep grid has no arm '32'; its arms are 8, 8\+se, 16, 16\+se$"):
        SWEEP.select(ArmConfig(), ("8", "32"))
