import json
import math
from typing import Any

import pytest

from hemosweep.config import (
    RESTRICTIONS,
    ArmConfig,
    CrossValidationConfig,
    InferenceConfig,
    ModelConfig,
    PreprocessingConfig,
    SamplingConfig,
    TrainingConfig,
    config_as_dict,
    config_from_dict,
)
from hemosweep.errors import BadInput


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
    ("restriction", "shares"),
    [
        ("none", {"volume": 1.0}),
        ("brain", {"brain": 1.0}),
        ("brain+lesion", {"lesion_border": 0.3, "brain": 0.7}),
        ("brain+lesion+center", {"lesion_border": 0.3, "brain_center": 0.3, "brain": 0.4}),
        ("brain+lesion+hyperdense", {"lesion_border": 0.3, "hyperdense": 0.3, "brain": 0.4}),
        ("lesion|hyperdense", {"lesion_border": 0.3, "hyperdense": 0.3}),  # in proportion: half and half
    ],
)
def test_a_restriction_forces_its_shares_and_the_brain_gives_the_rest(
    restriction: str, shares: dict[str, float]
) -> None:
    assert SamplingConfig(restriction=restriction).shares == pytest.approx(shares)
    assert list(SamplingConfig(restriction=restriction).shares) == list(RESTRICTIONS[restriction])


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (PreprocessingConfig, {"spacing_HWD_mm": (1.0, 0.0, 1.0)}),
        (PreprocessingConfig, {"spacing_HWD_mm": (1.0, math.nan, 1.0)}),
        (PreprocessingConfig, {"spacing_HWD_mm": (1.0, 1.0, math.inf)}),
        (PreprocessingConfig, {"window_hu": (100.0, 0.0)}),
        (PreprocessingConfig, {"window_hu": (0.0, math.nan)}),
        (PreprocessingConfig, {"window_hu": (-math.inf, 100.0)}),
        (SamplingConfig, {"patch_HWD": (32, 32, 18)}),
        (SamplingConfig, {"patch_HWD": (0, 32, 16)}),
        (SamplingConfig, {"num_patches_per_case": 1}),
        (SamplingConfig, {"restriction": "skull"}),
        (SamplingConfig, {"border_half_width_mm": -1.0}),
        (SamplingConfig, {"center_half_width_mm": math.nan}),
        (ModelConfig, {"width": 0}),
        (ModelConfig, {"dropout": 1.0}),
        (TrainingConfig, {"loss": "hinge"}),
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


def test_an_unknown_choice_is_answered_with_the_choices() -> None:
    with pytest.raises(BadInput, match="none, brain, brain\\+lesion, brain\\+lesion\\+center"):
        SamplingConfig(restriction="brian")


def test_a_trip_through_json_gives_the_same_configuration() -> None:
    config = ArmConfig(
        preprocessing=PreprocessingConfig(spacing_HWD_mm=(2.2, 2.2, 6.0), window_hu=(-20.0, 80.0)),
        sampling=SamplingConfig(patch_HWD=(16, 24, 8), restriction="brain"),
        model=ModelConfig(width=8, se=False, dropout=0.0),
        cross_validation=CrossValidationConfig(num_folds=3, fold_seed=7),
    )
    assert config_from_dict(json.loads(json.dumps(config_as_dict(config)))) == config
