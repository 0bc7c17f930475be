"""The A/A sweep: one arm, several seeds, and nothing else."""

import pytest

from hemosweep.ablation.catalogue import find_sweep, sweep_names
from hemosweep.errors import BadInput
from hemosweep.sweeps.base import demo, paper
from hemosweep.sweeps.noise import SWEEP
from hemosweep.sweeps.patchsize import SWEEP as PATCHSIZE
from hemosweep.workflows.options import SweepOptions
from hemosweep.workflows.sweeping.request import resolve


def asked(tmp_path, sweep, num_seeds):
    return resolve(SweepOptions(name=sweep, profile="demo", out=tmp_path, seeds=num_seeds)).seeds


@pytest.mark.parametrize("base", [demo, paper])
def test_its_arm_is_the_profile_itself_so_that_its_first_seed_is_shared(base):
    (arm,) = SWEEP.arms(base().config)
    assert (arm.name, arm.config) == (SWEEP.baseline, base().config)
    shared = {own.name: own.config for own in PATCHSIZE.arms(base().config)}
    assert shared["32x32x16"] == arm.config


def test_it_is_trained_with_three_seeds_and_every_other_sweep_with_one(tmp_path):
    assert asked(tmp_path, "noise", None) == (0, 1, 2)
    assert asked(tmp_path, "noise", 5) == (0, 1, 2, 3, 4)
    assert {find_sweep(name).num_seeds for name in sweep_names() if name != "noise"} == {1}
    assert asked(tmp_path, "patchsize", None) == (0,)


@pytest.mark.parametrize("num_seeds", [1, 0])
def test_one_seed_tells_nothing_about_seeds(tmp_path, num_seeds):
    with pytest.raises(BadInput, match=f"--seeds {num_seeds}: give at least 2"):
        asked(tmp_path, "noise", num_seeds)
