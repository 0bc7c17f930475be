"""The open spaces: each starts at the paper's own values, and every point of it is a configuration that can train."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemosweep.ablation.catalogue import find_sweep, sweep_names
from hemosweep.ablation.search import Choice
from hemosweep.ablation.sweep import Arm
from hemosweep.sweeps.base import demo, paper
from hemosweep.sweeps.search import SEARCHES

PROFILES = pytest.mark.parametrize("make", [demo, paper], ids=["demo", "paper"])
EACH = pytest.mark.parametrize("search", SEARCHES, ids=lambda search: search.name)


def values(axis):
    return st.sampled_from(axis.options) if isinstance(axis, Choice) else st.floats(axis.low, axis.high)


def test_all_axes_that_the_paper_fixed_are_open():
    axes = {axis for search in SEARCHES for axis in search.space}
    assert axes >= {
        *("border_share", "ventricle_share", "border_half_width_mm", "center_half_width_mm"),
        *("in_plane", "slices", "width", "reduction", "focal_gamma", "learning_rate"),
    }


@PROFILES
@EACH
def test_a_search_starts_at_an_arm_of_the_paper(search, make):
    base = make().config
    start = search.arm("start", base, search.start).config
    assert start == search.base(base)
    assert start in [arm.config for sweep in sweep_names() for arm in find_sweep(sweep).arms(base)]


@PROFILES
@EACH
@given(data=st.data())
def test_every_point_of_a_space_is_a_valid_arm(search, make, data):
    point = data.draw(st.fixed_dictionaries({name: values(axis) for name, axis in search.space.items()}))
    arm = search.arm("point", make().config, point)
    assert isinstance(arm, Arm)
    height, width, depth = arm.config.sampling.patch_HWD
    assert height == width
    assert (height % 4, depth % 4) == (0, 0)


@PROFILES
@EACH
def test_every_axis_of_a_space_changes_the_arm(search, make):
    base = make().config
    # The focal loss alone has a gamma.
    start = dict(search.start) | ({"loss": "focal"} if "loss" in search.space else {})
    for name, axis in search.space.items():
        values = axis.options if isinstance(axis, Choice) else (axis.low, axis.high)
        configs = {search.arm("point", base, start | {name: value}).config for value in values}
        assert len(configs) == len(values), name
