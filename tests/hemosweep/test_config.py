import json
import math
from dataclasses import dataclass
from typing import Any

import pytest

from hemosweep.components.context import is_slice_wise
from hemosweep.config import (
    ArmConfig,
    CrossValidationConfig,
    InferenceConfig,
    PreprocessingConfig,
    SamplingConfig,
    TrainingConfig,
    config_as_dict,
    config_from_dict,
)
from hemosweep.errors import BadInput
from hemosweep.intensity.band import Band
from hemosweep.intensity.window import Window
from hemosweep.intensity.z_score import ZScore
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.model.losses.focal import Focal
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.model.optimisers.adadelta import Adadelta
from hemosweep.model.optimisers.sgd import SGD
from hemosweep.model.schedules.poly import Poly
from hemosweep.postprocessing.components import MinVolume
from hemosweep.sampling.augmentations.affine import Affine
from hemosweep.sampling.augmentations.flip import Flip
from hemosweep.sampling.restriction import RESTRICTION_NAMES, restriction


def test_defaults_are_the_papers_protocol() -> None:
    config = ArmConfig()
    assert config.sampling.patch_HWD == (32, 32, 16)
    assert config.sampling.patch_DHW == (16, 32, 32)
    assert config.sampling.num_patches_per_case == 3000
    assert (config.training.batch_size, config.training.max_epochs, config.training.patience) == (64, 100, 15)
    assert config.cross_validation.num_folds == 5
    assert config.preprocessing.spacing_HWD_mm is None
    assert config.inference.overlap == 0.5, "windows share more than that"


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (PreprocessingConfig, {"spacing_HWD_mm": (1.0, 0.0, 1.0)}),
        (PreprocessingConfig, {"spacing_HWD_mm": (1.0, math.nan, 1.0)}),
        (PreprocessingConfig, {"spacing_HWD_mm": (1.0, 1.0, math.inf)}),
        (SamplingConfig, {"patch_HWD": (0, 32, 16)}),
        (SamplingConfig, {"num_patches_per_case": 1}),
        (SamplingConfig, {"restriction": "skull"}),
        (PreprocessingConfig, {"shape_HWD": (0, 32, 16)}),
        (PreprocessingConfig, {"ct_channels": 40}),
        (SamplingConfig, {"centres": "middle"}),
        (SamplingConfig, {"transforms": [1]}),
        (InferenceConfig, {"threshold": 1.0}),
        (InferenceConfig, {"postprocessing": None}),
        (SEUNet3D, {"width": 0}),
        (SEUNet3D, {"dropout": 1.0}),
        (TrainingConfig, {"loss": "hinge"}),
        (TrainingConfig, {"optimiser": None}),
        (TrainingConfig, {"batch_size": 1}),
        (TrainingConfig, {"max_epochs": 0}),
        (TrainingConfig, {"patience": 0}),
        (InferenceConfig, {"overlap": 1.0}),
        (InferenceConfig, {"overlap": math.nan}),
        (CrossValidationConfig, {"num_folds": 1}),
        (CrossValidationConfig, {"validation_share": 0.0}),
        (CrossValidationConfig, {"validation_share": 0.75}),
    ],
)
def test_an_impossible_value_is_refused_with_its_name_and_itself(section: Any, values: dict[str, Any]) -> None:
    ((name, value),) = values.items()
    with pytest.raises(BadInput) as caught:
        section(**values)
    message = str(caught.value)
    assert message.startswith(f"{name}={value!r}: ")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PreprocessingConfig(make_finer=True), "make_finer=True: give spacing_HWD_mm"),
        (
            lambda: PreprocessingConfig(shape_HWD=(8, 8, 8), spacing_HWD_mm=(1.0, 1.0, 1.0)),
            "a shape and a spacing exclude each other",
        ),
        (lambda: PreprocessingConfig(ct_channels=(DiceCE, Window())), r"ct_channels=DiceCE: is a class"),
        (lambda: SamplingConfig(centres="whole"), 'num_patches_per_case=3000: centres="whole" takes one patch'),
        (lambda: SamplingConfig(transforms=(Window(), MinVolume())), "transforms=MinVolume .* has no build"),
        (lambda: InferenceConfig(postprocessing=(Window(),)), "postprocessing=Window .* has no apply"),
    ],
)
def test_values_that_do_not_go_together_are_refused(make: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make()


def test_further_channels_of_the_ct_stand_behind_it_in_their_order() -> None:
    config = PreprocessingConfig(ct_channels=(Window(), Band()), symmetric="plane", angiography=True)
    assert config.channels == ("ct", "ct_2", "ct_3", "symmetric", "cta")


def test_a_patch_must_suit_its_network() -> None:
    with pytest.raises(BadInput, match=r"^patch_HWD=\(32, 32, 18\): SEUNet3D needs multiples of 4, 4 and 4$"):
        ArmConfig(sampling=SamplingConfig(patch_HWD=(32, 32, 18)))


@dataclass(frozen=True)
class Slices:
    """A network that sees slices around those that it labels."""

    context_DHW: Any = (1, 0, 0)
    only_patch_DHW: Any = None
    least_voxels: Any = 1
    slice_wise: Any = False
    patch_multiple: tuple[int, int, int] = (1, 1, 1)

    def build(self, *, in_channels: int) -> Any:
        raise NotImplementedError


def test_the_labelled_part_is_what_the_context_leaves_of_a_patch() -> None:
    config = ArmConfig(sampling=SamplingConfig(patch_HWD=(8, 6, 3)), network=Slices())
    assert config.labelled_DHW == (1, 8, 6)
    assert ArmConfig(sampling=SamplingConfig(patch_HWD=(8, 8, 12)), network=Slices((2, 1, 0))).labelled_DHW == (8, 6, 8)
    assert ArmConfig().labelled_DHW == (16, 32, 32)


def test_a_network_takes_a_patch_of_just_its_least_voxels() -> None:
    config = ArmConfig(sampling=SamplingConfig(patch_HWD=(8, 8, 4)), network=Slices(least_voxels=256))
    assert config.labelled_DHW == (2, 8, 8)


@pytest.mark.parametrize(
    ("network", "augment", "message"),
    [
        (Slices((2, 0, 0)), False, r"^patch_HWD=\(8, 8, 4\): Slices labels none of it: .* takes 0, 0 and 2 voxels"),
        (Slices((-1, 0, 0)), False, r"^network=Slices \(.*\): context_DHW is \(-1, 0, 0\); give three whole numbers"),
        (Slices((1, 0)), False, r"context_DHW is \(1, 0\)"),
        (Slices((1, True, 0)), False, r"context_DHW is \(1, True, 0\)"),
        (Slices((0, 1, 0)), True, "a context of 1 rows and 0 columns; rotations need them alike"),
        (
            Slices(only_patch_DHW=(4, 8, 16)),
            False,
            r"patch_HWD=\(8, 8, 4\): Slices takes no other one than \(8, 16, 4\)",
        ),
        (Slices(only_patch_DHW=(0, 8, 8)), False, r"only_patch_DHW is \(0, 8, 8\); .* at least 1"),
        (
            Slices(least_voxels=257),
            False,
            r"^patch_HWD=\(8, 8, 4\): Slices needs 257 voxels or more, this one has 256$",
        ),
        (Slices(least_voxels=0), False, r"^network=Slices \(.*\): least_voxels is 0; give a whole number"),
        (Slices(least_voxels=True), False, "least_voxels is True"),
        (Slices(slice_wise="yes"), False, r"^network=Slices \(.*\): slice_wise is 'yes'; give True, or leave it out$"),
    ],
    ids=str,
)
def test_a_network_that_cannot_label_a_patch_is_refused(network: Slices, augment: bool, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        ArmConfig(sampling=SamplingConfig(patch_HWD=(8, 8, 4), augment=augment), network=network)


@dataclass(frozen=True)
class Mirrored(Slices):
    """A network that is made for certain channels."""

    channels: Any = ("ct", "symmetric")


def test_a_network_made_for_certain_channels_takes_just_these() -> None:
    sampling = SamplingConfig(patch_HWD=(8, 8, 4))
    config = ArmConfig(sampling=sampling, network=Mirrored(), preprocessing=PreprocessingConfig(symmetric="plane"))
    assert config.preprocessing.channels == ("ct", "symmetric")
    for preprocessing, found in (
        (PreprocessingConfig(), "ct"),
        (PreprocessingConfig(ct_channels=(Band(),)), "ct, ct_2"),
        (PreprocessingConfig(symmetric="plane", angiography=True), "ct, symmetric, cta"),
    ):
        message = f"^network=Mirrored: it is made for the channels ct, symmetric, and this arm has {found}; change prep"
        with pytest.raises(BadInput, match=message):
            ArmConfig(sampling=sampling, network=Mirrored(), preprocessing=preprocessing)


def test_a_network_is_one_of_slices_or_not() -> None:
    assert [is_slice_wise(network) for network in (Slices(), Slices(slice_wise=True), SEUNet3D())] == [
        False,
        True,
        False,
    ]


def test_channels_of_a_network_that_are_no_names_are_refused() -> None:
    with pytest.raises(BadInput, match=r"^network=Mirrored \(.*\): channels is 'ct'; give a tuple of names"):
        ArmConfig(sampling=SamplingConfig(patch_HWD=(8, 8, 4)), network=Mirrored(channels="ct"))


def test_a_trip_through_json_gives_the_same_configuration() -> None:
    config = ArmConfig(
        preprocessing=PreprocessingConfig(
            spacing_HWD_mm=(2.2, 2.2, 6.0), make_finer=True, intensity=ZScore(num_sd=3.0), ct_channels=(Band(),)
        ),
        sampling=SamplingConfig(patch_HWD=(16, 24, 8), restriction=restriction("brain"), transforms=(Affine(), Flip())),
        network=SEUNet3D(width=8, se=False, dropout=0.0),
        training=TrainingConfig(loss=Focal(gamma=1.5), optimiser=SGD(), schedule=Poly()),
        inference=InferenceConfig(threshold=0.4, postprocessing=(MinVolume(ml=0.2),)),
        cross_validation=CrossValidationConfig(num_folds=3, fold_seed=7),
    )
    assert config_from_dict(json.loads(json.dumps(config_as_dict(config)))) == config


def test_a_configuration_of_the_version_without_components_is_read(earlier_config) -> None:
    config = config_from_dict(earlier_config(loss="focal", restriction="lesion|hyperdense"))
    assert config == ArmConfig(
        preprocessing=PreprocessingConfig(spacing_HWD_mm=(2.2, 2.2, 6.0), intensity=Window(low_hu=-10.0, high_hu=90.0)),
        sampling=SamplingConfig(
            patch_HWD=(16, 16, 8),
            num_patches_per_case=64,
            restriction=restriction("lesion|hyperdense", border_share=0.2, hyperdense_hu=55.0),
        ),
        network=SEUNet3D(width=8, se=False, dropout=0.0),
        training=TrainingConfig(
            loss=Focal(gamma=3.0), optimiser=Adadelta(learning_rate=0.5), batch_size=32, max_epochs=12, patience=4
        ),
        cross_validation=CrossValidationConfig(num_folds=3),
    )


@pytest.mark.parametrize("name", RESTRICTION_NAMES)
def test_every_restriction_and_loss_of_that_version_is_read(earlier_config, name) -> None:
    config = config_from_dict(earlier_config(loss="dice_ce", restriction=name))
    assert config.training.loss == DiceCE()
    assert config.sampling.restriction == restriction(name, border_share=0.2, hyperdense_hu=55.0)


@pytest.fixture
def earlier_config():
    """A configuration as version 0.1 wrote it before there were components."""

    def make(*, loss, restriction):
        return {
            "preprocessing": {
                "spacing_HWD_mm": [2.2, 2.2, 6.0],
                "window_hu": [-10.0, 90.0],
                "symmetric": "none",
                "angiography": False,
                "angiography_window_hu": [0.0, 300.0],
                "lesion_label": None,
            },
            "sampling": {
                "patch_HWD": [16, 16, 8],
                "num_patches_per_case": 64,
                "restriction": restriction,
                "border_share": 0.2,
                "ventricle_share": 0.3,
                "border_half_width_mm": 10.0,
                "center_half_width_mm": 30.0,
                "hyperdense_hu": 55.0,
                "augment": False,
            },
            "model": {"width": 8, "se": False, "reduction": 16, "dropout": 0.0},
            "training": {
                "loss": loss,
                "focal_gamma": 3.0,
                "learning_rate": 0.5,
                "deterministic": False,
                "batch_size": 32,
                "max_epochs": 12,
                "patience": 4,
            },
            "inference": {"overlap": 0.5},
            "cross_validation": {"num_folds": 3, "fold_seed": 2021, "validation_share": 0.2},
        }

    return make
