"""The two profiles: the paper's printed numbers, and the demo as the same protocol made small."""

from dataclasses import replace

import pytest

from hemosweep.ablation.catalogue import find_sweep, sweep_names
from hemosweep.config import SamplingConfig
from hemosweep.errors import BadInput
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.phantom.sizes import SIZES
from hemosweep.sweeps.base import PAPER_PATCH_HWD, SLICE_GAP_MM, demo, paper, profile, scaled_patch


def test_the_paper_profile_is_what_the_paper_prints():
    config = paper().config
    assert config.sampling.num_patches_per_case == 3000  # Section 2.2.1
    assert config.sampling.patch_HWD == (32, 32, 16) == PAPER_PATCH_HWD
    assert (config.network.width, config.network.se) == (64, True)  # Section 2.2.2
    assert (config.training.max_epochs, config.training.patience) == (100, 15)  # Section 2.2.3
    assert config.training.loss == DiceCE()
    assert config.inference.overlap == 0.5  # windows share more than that
    assert config.cross_validation.num_folds == 5  # Section 2.3
    assert config.preprocessing.spacing_HWD_mm is None, "the scanner's grid"
    assert paper().phantom_cases == 76


def test_the_paper_profiles_network_of_two_channels_has_the_printed_number_of_parameters():
    model = paper().config.network.build(in_channels=2)
    assert sum(parameter.numel() for parameter in model.parameters()) == 2_263_042


def test_the_demo_scales_down_and_keeps_the_protocol():
    small, full = demo().config, paper().config
    assert [2 * size for size in small.sampling.patch_HWD] == list(full.sampling.patch_HWD)
    assert small.network.width < full.network.width
    assert small.sampling.num_patches_per_case < full.sampling.num_patches_per_case
    assert small.training.max_epochs < full.training.max_epochs
    assert small.cross_validation.num_folds < full.cross_validation.num_folds
    assert small.sampling.restriction == full.sampling.restriction
    assert small.network.se is full.network.se
    assert small.training.loss == full.training.loss
    assert small.preprocessing.intensity == full.preprocessing.intensity
    assert small.cross_validation.fold_seed == full.cross_validation.fold_seed


def test_a_patch_of_the_demo_is_as_wide_in_the_head_as_the_papers():
    height, width, depth = demo().config.sampling.patch_HWD
    height_mm, width_mm, depth_mm = demo().config.preprocessing.spacing_HWD_mm
    paper_depth_mm, *paper_mm = SIZES["paper"].spacing_DHW_mm
    assert [height * height_mm, width * width_mm] == pytest.approx([32 * mm for mm in paper_mm])
    # Between both readings of the paper's slices: 1.5 mm and 4.5 mm from one to the next.
    assert 16 * SLICE_GAP_MM < depth * depth_mm < 16 * paper_depth_mm
    assert SIZES["demo"].spacing_DHW_mm == (depth_mm, height_mm, width_mm), "its phantom is not resampled"


def test_the_demo_says_what_it_scales_down():
    config = demo().config
    text = demo().scaling
    assert f"width {config.network.width} of {paper().config.network.width}" in text
    assert f"{config.sampling.num_patches_per_case} of {paper().config.sampling.num_patches_per_case} patches" in text
    assert f"{config.training.max_epochs} of {paper().config.training.max_epochs} epochs" in text
    assert "folds" not in text, "those are asked for by themselves"
    assert (config.network.dropout == 0.0) == ("no dropout" in text)


def test_a_profile_is_found_by_its_name():
    assert (profile("demo"), profile("paper")) == (demo(), paper())
    with pytest.raises(BadInput, match=r"^unknown profile 'fast'; choose one of demo, paper$"):
        profile("fast")


def test_a_sweep_is_found_by_its_name():
    assert [find_sweep(name).name for name in sweep_names()] == list(sweep_names())
    with pytest.raises(BadInput, match=r"^unknown sweep 'patches' \(is it patchsize\?\); there is .*patchsize"):
        find_sweep("patches")


@pytest.mark.parametrize("name", sweep_names())
def test_a_sweeps_baseline_and_comparisons_are_arms_of_its_own(name):
    sweep = find_sweep(name)
    arms = [arm.name for arm in sweep.arms(demo().config)]
    assert len(set(arms)) == len(arms)
    assert sweep.baseline in arms
    assert {arm for pair in sweep.comparisons for arm in pair} <= set(arms)
    assert all(a != b for a, b in sweep.comparisons)
    assert sweep.question.endswith("?")


@pytest.mark.parametrize("name", sweep_names())
@pytest.mark.parametrize("base", [demo, paper])
def test_the_arms_of_a_sweep_differ_from_each_other_under_every_profile(name, base):
    arms = find_sweep(name).arms(base().config)
    assert len({arm.config for arm in arms}) == len(arms)


@pytest.mark.parametrize(
    ("base_HWD", "scaled_HWD"),
    [((32, 32, 16), (48, 48, 24)), ((16, 16, 8), (24, 24, 12)), ((64, 32, 8), (96, 48, 12))],
)
def test_a_papers_patch_is_scaled_as_the_profile_scales_the_papers_own(base_HWD, scaled_HWD):
    base = replace(paper().config, sampling=SamplingConfig(patch_HWD=base_HWD))
    assert scaled_patch(base, (48, 48, 24)) == scaled_HWD


def test_a_sweep_leaves_alone_what_it_does_not_vary():
    base = replace(demo().config, network=SEUNet3D(width=3, dropout=0.5))
    assert {arm.config.network for arm in find_sweep("patchsize").arms(base)} == {base.network}
