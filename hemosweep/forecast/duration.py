"""Forecast of a sweep's time, from the seconds of a patch to those of a fold run and of the whole sweep."""

import heapq
from collections.abc import Iterable

from hemosweep.config import ArmConfig
from hemosweep.engine.plan import VALIDATION_COST

TYPICAL_EPOCHS = 35
"""The paper's trainings took between 20 and 50 epochs (Section 2.2.3)."""


def training_patches(num_cases: int, config: ArmConfig) -> int:
    """Patches of one fold run's training part over a typical number of epochs."""
    return round(_share(config) * num_cases * config.sampling.num_views * _patches_per_case(config))


def validation_patches(num_cases: int, config: ArmConfig) -> int:
    """Patches of a fold run's validation part, which are not augmented, over a typical number of epochs."""
    return round(_share(config) / (_num_parts(config) - 1) * num_cases * _patches_per_case(config))


def forecast_fold(config: ArmConfig, num_cases: int, patch_s: float) -> float:
    """Seconds that one fold run trains and validates; the test at its end comes on top.

    Args:
        patch_s: seconds of a training step, for each of its patches.
    """
    patches = training_patches(num_cases, config) + VALIDATION_COST * validation_patches(num_cases, config)
    return patch_s * patches


def makespan(seconds: Iterable[float], num_slots: int) -> float:
    """Seconds until all fold runs are done, if each takes so many seconds and begins, in this order, on the first free
    slot.

    A whole fold run is the unit: three of an hour on two slots take two hours.
    """
    free_at = [0.0] * num_slots
    for duration in seconds:
        heapq.heapreplace(free_at, free_at[0] + duration)
    return max(free_at)


def _patches_per_case(config: ArmConfig) -> int:
    return config.sampling.num_patches_per_case * min(TYPICAL_EPOCHS, config.training.max_epochs)


def _num_parts(config: ArmConfig) -> int:
    """Parts that the training folds are dealt into, one of which validates (`data.folds.draw_folds`)."""
    return max(2, round(1 / config.cross_validation.validation_share))


def _share(config: ArmConfig) -> float:
    """Share of the cases that a fold run trains on."""
    return (1 - 1 / config.cross_validation.num_folds) * (1 - 1 / _num_parts(config))
