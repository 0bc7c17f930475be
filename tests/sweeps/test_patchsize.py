import json
from dataclasses import replace
from importlib.resources import files

import pytest

from hemosweep.sampling.restriction import restriction
from hemosweep.sweeps.base import demo, paper
from hemosweep.sweeps.patchsize import SWEEP

PAPER = json.loads(files("hemosweep.report").joinpath("paper_results.json").read_text())
PRINTED = PAPER["ablations"]["patchsize"]


def patches(base):
    return {arm.name: arm.config.sampling.patch_HWD for arm in SWEEP.arms(base.config)}


def test_the_arms_are_those_that_the_paper_prints_in_its_order():
    assert [arm.name for arm in SWEEP.arms(paper().config)] == list(PRINTED["arms"])


def test_the_comparisons_are_those_that_the_paper_prints():
    printed = [(claim["a"], claim["b"]) for claim in PAPER["claims"] if claim["sweep"] == "patchsize"]
    assert list(SWEEP.comparisons) == printed
    assert SWEEP.baseline == printed[0][0]


def test_under_the_paper_profile_the_patches_are_the_papers():
    assert patches(paper()) == {"24x24x8": (24, 24, 8), "32x32x16": (32, 32, 16), "48x48x24": (48, 48, 24)}


def test_under_the_demo_profile_they_are_half_of_them():
    assert patches(demo()) == {"24x24x8": (12, 12, 4), "32x32x16": (16, 16, 8), "48x48x24": (24, 24, 12)}


def test_the_middle_arm_is_the_base_itself():
    assert SWEEP.arms(paper().config)[1].config == paper().config
    assert SWEEP.arms(demo().config)[1].config == demo().config


@pytest.mark.parametrize("base", [demo, paper])
def test_only_the_patch_differs_and_its_centres_come_from_brain_lesion_border_and_centre(base):
    config = base().config
    for arm in SWEEP.arms(config):
        assert arm.config.sampling.restriction == restriction("brain+lesion+center")
        assert replace(arm.config, sampling=config.sampling) == config
        assert replace(arm.config.sampling, patch_HWD=config.sampling.patch_HWD) == config.sampling


def test_the_search_space_is_the_paper_patch_sizes():
    assert SWEEP.space == {"patch_size": ("24x24x8", "32x32x16", "48x48x24")}
    assert [dict(arm.params) for arm in SWEEP.arms(demo().config)] == [
        {"patch_size": name} for name in SWEEP.space["patch_size"]
    ]
