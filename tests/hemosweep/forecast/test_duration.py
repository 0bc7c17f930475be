from dataclasses import replace

import pytest

from hemosweep.ablation.sweep import Arm
from hemosweep.config import ArmConfig, CrossValidationConfig
from hemosweep.engine.plan import Replicate, work
from hemosweep.forecast.duration import forecast_fold, makespan, training_patches, validation_patches


def test_the_papers_protocol_shows_the_network_so_many_patches_a_fold():
    # 76 cases, four of five folds, four fifths of them to train on, 3000 patches each, 35 epochs.
    assert training_patches(76, ArmConfig()) == round(76 * 0.8 * 0.8 * 3000 * 35)


def test_a_training_of_few_epochs_is_reckoned_with_all_of_them(tiny_config):
    assert training_patches(10, tiny_config(max_epochs=5)) == round(10 * 0.8 * 0.8 * 8 * 5)


def test_augmented_patches_count_six_times_and_validation_is_not_augmented(tiny_config):
    config = tiny_config(max_epochs=5)
    augmented = replace(config, sampling=replace(config.sampling, augment=True))
    assert training_patches(10, augmented) == 6 * training_patches(10, config)
    assert validation_patches(10, augmented) == validation_patches(10, config)


def test_a_fifth_of_the_training_folds_validates():
    assert validation_patches(75, ArmConfig()) == 75 * 0.8 * 0.2 * 3000 * 35


def test_a_fold_is_reckoned_by_its_patches_and_one_of_validation_counts_a_third(tiny_config):
    config = replace(tiny_config(), cross_validation=CrossValidationConfig(num_folds=2, validation_share=0.5))
    # 8 cases, half to train and validate, half of those to train: 2 cases x 8 patches x 5 epochs = 80 patches each.
    assert forecast_fold(config, 8, patch_s=0.01) == pytest.approx(0.01 * (80 + 80 / 3))


# Two slots: 1, then 3 on the first, 2, then 4 on the second. Three slots: 4 comes after 1.
@pytest.mark.parametrize(("num_slots", "hours"), [(1, 10), (2, 6), (3, 5), (4, 4), (9, 4)])
def test_whole_fold_runs_are_dealt_to_the_slots_in_their_order(num_slots, hours):
    assert makespan([1, 2, 3, 4], num_slots) == hours


def test_nothing_to_train_takes_no_time():
    assert makespan([], 3) == 0.0


def test_the_work_of_a_fold_grows_with_its_cases_and_a_validation_case_counts_a_third(tiny_spec):
    folds = (tiny_spec(train="ab", validation="c"), tiny_spec(train="abde", validation=""))
    arm = Arm(name="arm", params={}, config=folds[0].config)
    first, second = work(Replicate(arm=arm, seed=0, run_name="arm", fold_runs=folds))
    assert first / second == pytest.approx((2 + 1 / 3) / 4)
