from dataclasses import replace

import pytest
import torch

from hemosweep.config import ArmConfig, CrossValidationConfig
from hemosweep.engine import forecast
from hemosweep.engine.forecast import forecast_seconds, seconds_per_patch, training_patches
from hemosweep.engine.plan import Replicate, work
from hemosweep.engine.sweep import Arm
from hemosweep.model.device import Device

CPU = Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=1)


def test_the_papers_protocol_shows_the_network_so_many_patches_a_fold():
    # 76 cases, four of five folds, four fifths of them to train on, 3000 patches each, 35 epochs.
    assert training_patches(76, ArmConfig()) == round(76 * 0.8 * 0.8 * 3000 * 35)


def test_a_training_of_few_epochs_is_reckoned_with_all_of_them(tiny_config):
    assert training_patches(10, tiny_config(max_epochs=5)) == round(10 * 0.8 * 0.8 * 8 * 5)


def test_a_forecast_counts_every_fold_and_every_seed(tiny_config, monkeypatch):
    monkeypatch.setattr(forecast, "seconds_per_patch", lambda config, device: 0.01)
    config = replace(tiny_config(), cross_validation=CrossValidationConfig(num_folds=2, validation_share=0.5))
    # 8 cases, half to train and validate, half of those to train: 2 cases x 8 patches x 5 epochs = 80 patches.
    assert forecast_seconds([config, config], 3, 8, CPU) == pytest.approx([0.01 * 80 * 2 * 3] * 2)


def test_a_timed_step_takes_time(tiny_config):
    assert seconds_per_patch(tiny_config(), CPU, num_steps=1) > 0.0


def test_the_work_of_a_fold_grows_with_its_cases_and_a_validation_case_counts_a_third(tiny_spec):
    folds = (tiny_spec(train="ab", validation="c"), tiny_spec(train="abde", validation=""))
    arm = Arm(name="arm", params={}, config=folds[0].config)
    first, second = work(Replicate(arm=arm, seed=0, run_name="arm", fold_runs=folds))
    assert first / second == pytest.approx((2 + 1 / 3) / 4)
