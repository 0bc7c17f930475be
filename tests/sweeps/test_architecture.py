"""The sweeps `architecture` and `published`: other networks alone, and other methods as they were published."""

import math
from dataclasses import replace

import pytest

from hemosweep.ablation.catalogue import find_sweep
from hemosweep.components.context import context_of, labelled_part
from hemosweep.config import config_as_dict
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.model.optimisers.adadelta import Adadelta
from hemosweep.sweeps.base import demo, paper
from hemosweep.sweeps.final import final
from hemosweep.sweeps.scaling import narrowed, rate_for_momentum, scaled_momentum, scaled_rate
from hemosweep.sweeps.se import brain_sampled

ALONE, PUBLISHED = find_sweep("architecture"), find_sweep("published")
BASES = pytest.mark.parametrize("base", [demo, paper])
NOT_PUBLIC = {"psinet", "multiview", "cnn-ds", "weightmap", "cascade", "ednet"}
"""Methods of which an abstract or less is public, and no arm may bear their name alone."""
WITH_A_CHANNEL = {"siamese-sym", "cascade-like"}


def arms(sweep, base):
    return {arm.name: arm.config for arm in sweep.arms(base().config)}


def test_every_arm_is_compared_with_the_baseline():
    for sweep in (ALONE, PUBLISHED):
        others = [name for name in sweep.arm_names if name != sweep.baseline]
        assert sweep.comparisons == tuple((sweep.baseline, name) for name in others)
    assert (ALONE.baseline, len(ALONE.arm_names)) == ("unet", 24)
    assert (PUBLISHED.baseline, len(PUBLISHED.arm_names)) == ("final", 20)


def test_a_method_that_is_not_public_enough_is_named_like():
    names = {*ALONE.arm_names, *PUBLISHED.arm_names}
    assert not NOT_PUBLIC & names
    assert {f"{name}-like" for name in NOT_PUBLIC} <= names
    assert not any("nnu" in name.replace("-", "") for name in names), "nnU-Net is a method, not one of its networks"


@BASES
def test_the_baselines_are_arms_of_the_papers_own_sweeps_but_for_the_windows_of_a_scaled_test(base):
    config = base().config
    overlap = {demo: 0.25, paper: 0.5}[base]
    for arm, own in (
        (arms(ALONE, base)["unet"], brain_sampled(config, se=False)),
        (arms(ALONE, base)["se_unet"], brain_sampled(config, se=True)),
        (arms(PUBLISHED, base)["final"], final(config)),
    ):
        assert arm == replace(own, inference=replace(own.inference, overlap=overlap))


@BASES
def test_windows_share_the_same_in_every_arm_but_the_one_that_was_published_with_its_own(base):
    for sweep in (ALONE, PUBLISHED):
        overlaps = {name: arm.inference.overlap for name, arm in arms(sweep, base).items()}
        own = overlaps.pop("patchfcn") if sweep is PUBLISHED else None
        assert set(overlaps.values()) == {base().config.inference.overlap * (0.5 if base is demo else 1.0)}
        assert own in (None, 2 / 3)


@BASES
def test_alone_an_arm_differs_in_its_network_and_what_that_needs(base):
    configs = arms(ALONE, base)
    baseline = configs["unet"]
    for name, config in configs.items():
        assert (config.training.loss, config.training.optimiser) == (DiceCE(), Adadelta()), name
        alike = replace(
            config,
            network=baseline.network,
            sampling=replace(
                config.sampling,
                patch_HWD=baseline.sampling.patch_HWD,
                num_patches_per_case=baseline.sampling.num_patches_per_case,
            ),
            training=replace(config.training, batch_size=baseline.training.batch_size),
            preprocessing=baseline.preprocessing if name in WITH_A_CHANNEL else config.preprocessing,
        )
        assert alike == baseline, name


def test_alone_a_network_labels_the_papers_patch_where_it_can():
    larger = {
        name
        for name, config in arms(ALONE, paper).items()
        if labelled_part(config.sampling.patch_DHW, context_of(config.network)) != (16, 32, 32)
    }
    assert larger == {"swinunetr", "unetr"}


@BASES
def test_an_epoch_shows_as_many_voxels_whatever_the_patch(base):
    def voxels(config):
        return config.sampling.num_patches_per_case * math.prod(config.sampling.patch_HWD)

    own = voxels(base().config)
    for sweep in (ALONE, PUBLISHED):
        for name, config in arms(sweep, base).items():
            if config.sampling.centres != "whole":
                # Patches come in pairs, one on the lesion and one off it, and there is one pair at least.
                pair = 2 * math.prod(config.sampling.patch_HWD)
                assert abs(voxels(config) - own) <= max(pair / 2, pair - own), name


@BASES
def test_folds_and_early_stopping_are_the_same_for_all(base):
    config = base().config
    for sweep in (ALONE, PUBLISHED):
        for name, arm in arms(sweep, base).items():
            assert arm.cross_validation == config.cross_validation, name
            assert arm.training.deterministic == config.training.deterministic


def test_published_methods_differ_in_more_than_the_network():
    for name in set(PUBLISHED.arm_names) & set(ALONE.arm_names):
        alone, published = (config_as_dict(arms(sweep, paper)[name]) for sweep in (ALONE, PUBLISHED))
        assert alone["network"] == published["network"], name
        assert alone["training"] != published["training"], name


def test_at_full_width_a_width_is_what_the_method_has():
    assert [narrowed(paper().config, width) for width in (8, 16, 24, 64)] == [8, 16, 24, 64]


def test_a_profile_narrows_a_width_to_its_own_at_least():
    assert [narrowed(demo().config, width) for width in (4, 8, 16, 32, 64, 128)] == [4, 8, 8, 8, 8, 16]
    assert narrowed(demo().config, 24, multiple=12) == 12
    assert narrowed(demo().config, 16, least=4) == 4
    assert narrowed(paper().config, 16, least=4) == 16


def test_a_rate_rises_with_the_steps_that_a_profile_lacks_up_to_a_bound():
    assert scaled_rate(paper().config, 1e-5, at_most=1e-3) == 1e-5
    assert scaled_rate(paper().config, 1e-2, at_most=1e-3) == 1e-2, "a rate above the bound stays"
    # A case gives 64 / 32 x 12 = 24 steps in the demo, and 3000 / 64 x 100 = 4687.5 in the paper's profile.
    assert scaled_rate(demo().config, 1e-6, at_most=1e-3) == pytest.approx(1e-6 * 4687.5 / 24)
    assert scaled_rate(demo().config, 1e-4, at_most=1e-3) == 1e-3


def test_a_momentum_remembers_fewer_steps_where_the_training_has_fewer():
    assert [scaled_momentum(paper().config, momentum) for momentum in (0.9, 0.99)] == [0.9, 0.99]
    assert [scaled_momentum(demo().config, momentum) for momentum in (0.5, 0.9)] == [0.5, 0.9]
    assert scaled_momentum(demo().config, 0.99) == pytest.approx(0.9)


def test_with_a_shorter_memory_a_gradient_moves_the_weights_as_far_in_all():
    assert rate_for_momentum(paper().config, 0.01, 0.99) == 0.01
    # 0.01 / (1 - 0.99) = 1 = 0.1 / (1 - 0.9)
    assert rate_for_momentum(demo().config, 0.01, 0.99) == pytest.approx(0.1)
    assert rate_for_momentum(demo().config, 0.01, 0.9) == 0.01


def test_nnunets_patch_is_the_planned_one_at_full_size_and_of_the_epoch_s_size_in_the_demo():
    for name in ("plainconv", "resenc"):
        assert arms(PUBLISHED, paper)[name].sampling.patch_HWD == (320, 320, 16)
        # A case gives 64 patches of 16 x 16 x 8 voxels, of which two of 80 x 80 x 8 take 102,400 of 131,072. The
        # network's next size is 96.
        assert arms(PUBLISHED, demo)[name].sampling.patch_HWD == (96, 96, 8)


def test_a_method_of_large_slices_has_a_step_a_case():
    configs = arms(PUBLISHED, demo)
    for name in ("hybrid3d2d-fpn", "patchfcn"):
        assert configs[name].training.batch_size <= configs[name].sampling.num_patches_per_case
