"""Every sweep against the paper's tables: its arms, its comparisons, and the conditions that it states."""

import json
from collections import Counter
from dataclasses import replace
from importlib.resources import files

import pytest

from hemosweep.ablation.catalogue import find_sweep, sweep_names
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.model.losses.focal import Focal
from hemosweep.sampling.restriction import restriction
from hemosweep.sweeps.base import demo, paper

PAPER = json.loads(files("hemosweep.report").joinpath("paper_results.json").read_text())
PRINTED = PAPER["ablations"]
BASES = pytest.mark.parametrize("base", [demo, paper])


def arms(sweep, base=paper):
    return {arm.name: arm.config for arm in find_sweep(sweep).arms(base().config)}


def test_every_ablation_of_the_paper_is_a_sweep_and_the_others_are_these():
    assert set(sweep_names()) == {*PRINTED, "final", "noise", "readings", "architecture", "published"}


@pytest.mark.parametrize("sweep", PRINTED)
def test_the_arms_are_those_that_the_paper_prints_in_its_order(sweep):
    assert list(arms(sweep)) == list(PRINTED[sweep]["arms"])


@pytest.mark.parametrize("sweep", sweep_names())
def test_every_arm_is_there_once_and_resolves_to_a_configuration_of_its_own(sweep):
    configs = list(arms(sweep).values())
    assert max(Counter(configs).values()) == 1


@pytest.mark.parametrize(
    "claim", [*PAPER["claims"], PAPER["headline"]], ids=lambda claim: f"{claim['a']} to {claim['b']}"
)
def test_every_comparison_that_the_paper_makes_is_declared(claim):
    assert (claim["a"], claim["b"]) in find_sweep(claim["sweep"]).comparisons


def test_the_paper_makes_18_claims():
    claims = {(claim["sweep"], claim["a"], claim["b"]) for claim in PAPER["claims"]}
    assert len(PAPER["claims"]) == len(claims) == 18


@pytest.mark.parametrize("sweep", PRINTED)
def test_declared_comparisons_are_of_the_sweeps_own_arms(sweep):
    declared = find_sweep(sweep).comparisons
    assert len(set(declared)) == len(declared)
    names = set(arms(sweep))
    assert {name for pair in declared for name in pair} <= names
    assert find_sweep(sweep).baseline in names


def printed_arm(sweep, arm):
    """The row that an arm of ours is, by the file that says which rows are one arm."""
    return PRINTED[sweep]["arms"][arm]["dsc"]


@BASES
def test_rows_that_the_paper_prints_twice_are_one_configuration(base):
    for one, other in PAPER["shared_arms"].items():
        (sweep_a, _, arm_a), (sweep_b, _, arm_b) = one.partition("/"), other.partition("/")
        assert arms(sweep_a, base)[arm_a] == arms(sweep_b, base)[arm_b], (one, other)
        assert printed_arm(sweep_a, arm_a) == printed_arm(sweep_b, arm_b)


@BASES
def test_the_condition_that_the_paper_prints_with_two_figures_is_one_configuration(base):
    assert arms("se", base)["se_unet"] == arms("sampling", base)["brain"]
    (figures,) = PAPER["printed_twice_differently"].values()
    assert [printed_arm("se", "se_unet"), printed_arm("sampling", "brain")] == list(figures.values())


@BASES
def test_the_final_configuration_is_the_last_row_of_table_4_and_the_first_of_table_5(base):
    final = arms("final", base)["final"]
    assert final == arms("symmetric", base)["lesion|hyperdense/symmetric"] == arms("augmentation", base)["3000"]
    assert arms("final", base)["unet"] == arms("se", base)["unet"]
    assert final.preprocessing.channels == ("ct", "symmetric")
    assert final.sampling.restriction == restriction("lesion|hyperdense")
    assert not final.sampling.augment


@BASES
def test_table_2_uses_the_brain_mask_only(base):
    unet, se_unet = arms("se", base).values()
    assert unet.sampling.restriction == se_unet.sampling.restriction == restriction("brain")
    assert (unet.network.se, se_unet.network.se) == (False, True)
    assert replace(unet, network=se_unet.network) == se_unet == arms("sampling", base)["brain"]


@BASES
def test_the_loss_study_differs_in_the_loss_alone(base):
    focal, dice_ce = arms("loss", base).values()
    assert (focal.training.loss, dice_ce.training.loss) == (Focal(), DiceCE())
    assert replace(focal, training=dice_ce.training) == dice_ce


@BASES
def test_the_restrictions_are_steps_of_the_sampling_alone(base):
    config = base().config
    for name, arm in arms("sampling", base).items():
        assert arm == replace(config, sampling=replace(config.sampling, restriction=restriction(name)))
        assert arm.preprocessing.channels == ("ct",)


@BASES
def test_the_symmetric_study_adds_the_channel_and_nothing_else(base):
    with_and_without = arms("symmetric", base)
    for name in ("lesion", "lesion+center", "lesion+hyperdense"):
        plain, symmetric = with_and_without[name], with_and_without[f"{name}/symmetric"]
        assert plain.preprocessing.channels == ("ct",)
        assert symmetric.preprocessing.channels == ("ct", "symmetric")
        assert replace(symmetric, preprocessing=plain.preprocessing) == plain


@BASES
def test_the_angiography_study_is_over_the_cases_with_one(base):
    ncct, cta = arms("angio", base).values()
    assert find_sweep("angio").with_cta_only
    assert not any(find_sweep(name).with_cta_only for name in sweep_names() if name != "angio")
    assert (ncct.preprocessing.channels, cta.preprocessing.channels) == (("ct",), ("ct", "cta"))
    assert replace(cta, preprocessing=ncct.preprocessing) == ncct == arms("sampling", base)["brain+lesion"]


def test_augmentation_multiplies_the_drawn_patches_by_six():
    for name, arm in arms("augmentation").items():
        drawn, _, used = name.partition("->")
        assert arm.sampling.num_patches_per_case == int(drawn)
        assert arm.sampling.augment == bool(used)
        assert not used or int(used) == 6 * int(drawn)


def test_the_demo_scales_the_numbers_of_patches_alike():
    numbers = [arm.sampling.num_patches_per_case for arm in arms("augmentation", demo).values()]
    full = demo().config.sampling.num_patches_per_case
    assert numbers == [full, full * 500 // 3000, full * 1000 // 3000, full // 2, full]


def test_the_paper_s_protocol_holds_in_every_arm_of_the_paper_profile():
    for sweep in set(sweep_names()) - {"architecture", "published"}:
        for name, arm in arms(sweep).items():
            assert (arm.training.max_epochs, arm.training.patience) == (100, 15)
            assert arm.network.width == 64
            assert arm.cross_validation.num_folds == 5
            assert arm.inference.overlap == 0.5, "windows share more than that"
            if sweep != "patchsize":
                assert arm.sampling.patch_HWD == (32, 32, 16), (sweep, name)


def test_every_sweep_of_the_paper_names_its_section():
    sections = {name: find_sweep(name).section for name in sweep_names()}
    assert sections == {
        "se": "3.1",
        "loss": "3.2",
        "patchsize": "3.3",
        "sampling": "3.3",
        "symmetric": "3.4",
        "angio": "3.4",
        "augmentation": "3.5",
        "final": "3.6",
        "architecture": "",
        "noise": "",
        "published": "",
        "readings": "",
    }


@pytest.mark.parametrize(
    ("sweep", "space"),
    [
        ("symmetric", {"restriction": 4, "symmetric": 2}),
        ("augmentation", {"augment": 2, "num_patches": 4}),
    ],
)
def test_what_an_arm_varies_is_one_parameter_each(sweep, space):
    assert {name: len(values) for name, values in find_sweep(sweep).space.items()} == space


@pytest.mark.parametrize("sweep", PRINTED)
def test_no_comparison_is_declared_that_the_paper_does_not_make(sweep):
    assert [(claim["a"], claim["b"]) for claim in PAPER["claims"] if claim["sweep"] == sweep] == list(
        find_sweep(sweep).comparisons
    )
