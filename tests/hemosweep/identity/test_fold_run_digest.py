"""Names of fold runs: everything that can change its result, and nothing else."""

from dataclasses import replace

import pytest

from hemosweep.config import (
    ArmConfig,
    CrossValidationConfig,
    InferenceConfig,
    PreprocessingConfig,
    SamplingConfig,
    TrainingConfig,
    config_as_dict,
)
from hemosweep.data.folds import Fold
from hemosweep.identity.fold_run import counted, fold_run_digest, preprocessing_digest
from hemosweep.intensity.window import Window
from hemosweep.model.losses.focal import Focal
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.model.optimisers.adadelta import Adadelta
from hemosweep.model.schedules.poly import Poly
from hemosweep.sampling.restriction import restriction

FOLD = Fold(index=0, train=("a", "b"), validation=("c",), test=("d", "e"))
CONTENTS = {"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"}


def digest(config=None, seed=0, fold=FOLD, contents=CONTENTS, source="s"):
    return fold_run_digest(config or ArmConfig(), seed, fold, contents, source)


@pytest.mark.parametrize(
    "changed",
    [
        {"config": ArmConfig(preprocessing=PreprocessingConfig(intensity=Window(high_hu=80.0)))},
        {"config": ArmConfig(sampling=SamplingConfig(patch_HWD=(24, 24, 8)))},
        {"config": ArmConfig(sampling=SamplingConfig(patch_HWD=(32, 16, 32)))},
        {"config": ArmConfig(network=SEUNet3D(width=8))},
        {"config": ArmConfig(network=SEUNet3D(se=False))},
        {"config": ArmConfig(network=SEUNet3D(channel_dropout=True))},
        {"config": ArmConfig(sampling=SamplingConfig(centres="grid"))},
        {"config": ArmConfig(training=TrainingConfig(patience=4))},
        {"config": ArmConfig(training=TrainingConfig(loss=Focal()))},
        {"config": ArmConfig(training=TrainingConfig(loss=Focal(gamma=1.0)))},
        {"config": ArmConfig(training=TrainingConfig(optimiser=Adadelta(learning_rate=0.5)))},
        {"config": ArmConfig(training=TrainingConfig(schedule=Poly()))},
        {"config": ArmConfig(sampling=SamplingConfig(restriction=restriction("brain")))},
        {"config": ArmConfig(inference=InferenceConfig(overlap=0.6))},
        {"seed": 1},
        {"fold": replace(FOLD, train=("a",))},
        {"fold": replace(FOLD, train=("a",), validation=("b", "c"))},
        {"fold": replace(FOLD, validation=("d",), test=("c", "e"))},
        {"contents": CONTENTS | {"a": "changed"}},
        {"contents": CONTENTS | {"c": "changed"}},
        {"contents": CONTENTS | {"e": "changed"}},
        {"contents": CONTENTS | {"a": "2", "b": "1"}},
        {"source": "t"},
    ],
    ids=str,
)
def test_what_can_change_a_result_changes_its_name(changed):
    assert digest(**changed) != digest()


@pytest.mark.parametrize(
    "changed",
    [
        {"fold": replace(FOLD, index=3)},
        {"config": ArmConfig(cross_validation=CrossValidationConfig(num_folds=3))},
        {"config": ArmConfig(cross_validation=CrossValidationConfig(fold_seed=1))},
        {"contents": dict(reversed(CONTENTS.items()))},
        {"contents": CONTENTS | {"f": "a case of another fold"}},
        {"config": ArmConfig(network=SEUNet3D(dropout=0.2, se=True, width=64))},
    ],
    ids=str,
)
def test_what_cannot_change_a_result_leaves_its_name(changed):
    assert digest(**changed) == digest()


def test_a_name_is_the_same_on_every_machine():
    assert digest() == digest()
    assert len(digest()) == 16
    assert set(digest()) <= set("0123456789abcdef")


def test_a_case_without_a_content_digest_cannot_be_named():
    with pytest.raises(KeyError, match="e"):
        digest(contents={"a": "1", "b": "2", "c": "3", "d": "4"})


def test_what_a_configuration_derives_from_its_fields_counts_beside_them():
    config = ArmConfig(sampling=SamplingConfig(patch_HWD=(24, 24, 8), augment=True))
    assert counted(config)["derived"] == {"channels": ("ct",), "num_views": 6, "patch_DHW": (8, 24, 24)}
    assert "cross_validation" not in counted(config)
    later = {"channel_dropout": False}  # All its fields count but those that came later, at their first default.
    assert counted(ArmConfig())["network"] | later == config_as_dict(ArmConfig())["network"]


def test_the_name_of_preprocessed_cases_follows_how_they_were_made():
    base = preprocessing_digest(PreprocessingConfig(), "s")
    assert base == preprocessing_digest(PreprocessingConfig(), "s")
    others = [
        preprocessing_digest(PreprocessingConfig(intensity=Window(high_hu=80.0)), "s"),
        preprocessing_digest(PreprocessingConfig(angiography=True), "s"),
        preprocessing_digest(PreprocessingConfig(), "t"),
    ]
    assert len({base, *others}) == 4
