from dataclasses import replace

import pytest
import torch

from hemosweep.config import ArmConfig, CrossValidationConfig, ModelConfig
from hemosweep.engine import forecast
from hemosweep.engine.forecast import fold_run_bytes, forecast_fold, seconds_per_patch, training_patches
from hemosweep.engine.plan import Replicate, work
from hemosweep.engine.sweep import Arm
from hemosweep.model.builders import build_model
from hemosweep.model.device import Device

CPU = Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=1)


def test_the_papers_protocol_shows_the_network_so_many_patches_a_fold():
    # 76 cases, four of five folds, four fifths of them to train on, 3000 patches each, 35 epochs.
    assert training_patches(76, ArmConfig()) == round(76 * 0.8 * 0.8 * 3000 * 35)


def test_a_training_of_few_epochs_is_reckoned_with_all_of_them(tiny_config):
    assert training_patches(10, tiny_config(max_epochs=5)) == round(10 * 0.8 * 0.8 * 8 * 5)


def test_augmented_patches_count_six_times(tiny_config):
    config = tiny_config(max_epochs=5)
    augmented = replace(config, sampling=replace(config.sampling, augment=True))
    assert training_patches(10, augmented) == 6 * training_patches(10, config)


def test_a_fold_is_reckoned_by_its_patches(tiny_config, monkeypatch):
    monkeypatch.setattr(forecast, "seconds_per_patch", lambda config, device: 0.01)
    config = replace(tiny_config(), cross_validation=CrossValidationConfig(num_folds=2, validation_share=0.5))
    # 8 cases, half to train and validate, half of those to train: 2 cases x 8 patches x 5 epochs = 80 patches.
    assert forecast_fold(config, 8, CPU) == pytest.approx(0.01 * 80)


def test_a_checkpoint_s_size_is_foretold(tiny_config, tmp_path):
    config = replace(tiny_config(), model=ModelConfig(width=16))
    model = build_model(config, in_channels=1)
    optimizer = torch.optim.Adadelta(model.parameters())
    sum(parameter.sum() for parameter in model.parameters()).backward()
    optimizer.step()
    path = tmp_path / "checkpoint.pt"
    torch.save({"model": model.state_dict(), "best": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
    # Both state dictionaries are one here, so a quarter is saved once and not twice.
    assert path.stat().st_size == pytest.approx(0.75 * fold_run_bytes(config), rel=0.05)


def test_a_timed_step_takes_time(tiny_config):
    assert seconds_per_patch(tiny_config(), CPU, num_steps=1) > 0.0


def test_the_work_of_a_fold_grows_with_its_cases_and_a_validation_case_counts_a_third(tiny_spec):
    folds = (tiny_spec(train="ab", validation="c"), tiny_spec(train="abde", validation=""))
    arm = Arm(name="arm", params={}, config=folds[0].config)
    first, second = work(Replicate(arm=arm, seed=0, run_name="arm", fold_runs=folds))
    assert first / second == pytest.approx((2 + 1 / 3) / 4)
