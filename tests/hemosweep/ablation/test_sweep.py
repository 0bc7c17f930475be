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
    configure=lambda base, params: replace(base, network=replace(base.network, width=params["width"], se=params["se"])),
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
    assert (arm.config.network.width, arm.config.network.se) == (16, False)
    assert replace(arm.config, network=base.network) == base


def test_no_name_selects_every_arm_and_names_select_theirs_in_the_sweeps_order():
    assert SWEEP.select(ArmConfig(), ()) == SWEEP.arms(ArmConfig())
    assert [arm.name for arm in SWEEP.select(ArmConfig(), ("16+se", "8"))] == ["8", "16+se"]


def test_a_name_given_twice_selects_its_arm_once():
    assert [arm.name for arm in SWEEP.select(ArmConfig(), ("8", "8"))] == ["8"]


def test_an_unknown_name_is_bad_input_that_lists_the_arms():
    with pytest.raises(BadInput, match=r"^sweep grid has no arm '32'; its arms are 8, 8\+se, 16, 16\+se$"):
        SWEEP.select(ArmConfig(), ("8", "32"))


# --- Conditional values -----------------------------------------------------------------------------------------------


def test_points_where_the_condition_does_not_hold_are_no_arms():
    some = replace(SWEEP, where=lambda params: params["se"] or params["width"] == 8)
    assert some.arm_names == ("8", "8+se", "16+se")
    assert [arm.name for arm in some.arms(ArmConfig())] == ["8", "8+se", "16+se"]


def test_the_names_of_the_arms_need_no_configuration():
    def configure(base, params):
        raise AssertionError

    assert replace(SWEEP, configure=configure).arm_names == ("8", "8+se", "16", "16+se")


def test_a_sweep_has_the_section_of_the_paper_or_none():
    assert (SWEEP.section, replace(SWEEP, section="3.4").section) == ("", "3.4")


# --- What a sweep refuses of itself -----------------------------------------------------------------------------------


def fail(params):
    raise KeyError("depth\nof what")


def refuse(params):
    raise BadInput("my own words")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "../grid"}, "sweep '../grid': the name becomes a file"),
        ({"name": ".hidden"}, "sweep '.hidden': the name becomes a file"),
        ({"name": ""}, "sweep '': the name becomes a file"),
        ({"name": "two words"}, "sweep 'two words': the name becomes a file"),
        ({"name": "grid\n"}, "sweep 'grid\\n': the name becomes a file"),
        ({"space": {}}, "sweep grid: the search space is empty"),
        ({"space": {"width": (8,), "se": ()}}, "sweep grid: the values of 'se' are ()"),
        ({"space": {"width": "8", "se": (False,)}}, "sweep grid: the values of 'width' are '8'"),
        ({"space": {"width": (8, ArmConfig()), "se": (False,)}}, "sweep grid: 'width' has the value ArmConfig("),
        ({"where": lambda params: False}, "sweep grid: where leaves no point of the space"),
        ({"where": fail}, "sweep grid: where failed at width=8, se=False (KeyError: 'depth\\nof what')"),
        ({"arm_name": fail}, "sweep grid: arm_name failed at width=8, se=False (KeyError: 'depth\\nof what')"),
        ({"arm_name": refuse}, "my own words"),
        (
            {"arm_name": lambda params: f"{params['width']}"},
            "sweep grid: two arms are named '8', that of width=8, se=False and that of width=8, se=True;",
        ),
        *(
            (
                {"arm_name": lambda params, name=name: name},
                f"sweep grid: the arm of width=8, se=False is named {name!r};",
            )
            for name in ("", "8@0", "8 se", "8\tse", "8\x00", "8,se", 8, None)
        ),
        ({"baseline": "8+es"}, "sweep grid: the baseline '8+es' is no arm; did you mean '8+se'?"),
        ({"baseline": ""}, "sweep grid: the baseline '' is no arm; its arms are 8, 8+se, 16, 16+se"),
        (
            {"comparisons": (("8", "16+es"),)},
            "sweep grid: the comparison ('8', '16+es') has '16+es', which is no arm; did you mean '16+se'?",
        ),
        ({"comparisons": (("8", "8"),)}, "sweep grid: the comparison ('8', '8') is of an arm with itself"),
        ({"comparisons": (("8", "16"), ("8", "16"))}, "sweep grid: the comparison ('8', '16') is declared twice"),
        ({"comparisons": (("8", "16"), ("16", "8"))}, "sweep grid: the comparison ('16', '8') is declared twice"),
        ({"comparisons": ("8", "16")}, "sweep grid: the comparison '8' is no pair of arms"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_one_line_of_bad_input_at_once(changed, message):
    with pytest.raises(BadInput) as refused:
        replace(SWEEP, **changed)
    assert str(refused.value).startswith(message)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["lesion|hyperdense/symmetric", "500->3000", "brain+lesion", "24x24x8", "größe"])
def test_an_arm_may_have_the_names_that_the_paper_s_have(name):
    only = replace(SWEEP, space={"width": (8,)}, arm_name=lambda params: name, baseline=name, comparisons=())
    assert only.arm_names == (name,)


def test_two_arms_of_one_configuration_are_refused_by_name():
    blind = replace(
        SWEEP, configure=lambda base, params: replace(base, network=replace(base.network, width=params["width"]))
    )
    with pytest.raises(BadInput, match=r"^sweep grid: the arms '8' and '8\+se' have the same configuration; "):
        blind.arms(ArmConfig())


def test_a_configuration_that_cannot_be_made_names_the_sweep_the_point_and_the_reason():
    broken = replace(SWEEP, configure=lambda base, params: replace(base, modell=params["width"]))
    with pytest.raises(BadInput, match=r"^sweep grid: configure failed at width=8, se=False \(TypeError: .*modell.*\)"):
        broken.arms(ArmConfig())
    refused = replace(SWEEP, configure=lambda base, params: refuse(params))
    with pytest.raises(BadInput, match=r"^my own words$"):
        refused.arms(ArmConfig())
