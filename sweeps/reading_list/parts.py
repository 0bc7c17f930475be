"""All choices, by the part of the protocol that they belong to."""

from hemosweep.config import ArmConfig
from hemosweep.sweeps.final import final
from hemosweep.sweeps.reading_list.learning import network_choices, testing_choices, training_choices
from hemosweep.sweeps.reading_list.preparation import preparation
from hemosweep.sweeps.reading_list.reading import Kind, Reading
from hemosweep.sweeps.reading_list.sampling import sampling_choices


def readings() -> tuple[Reading, ...]:
    """Every choice of the final configuration and of the paper's other arms."""
    return tuple(reading for part in readings_by_part().values() for reading in part)


def readings_by_part() -> dict[str, tuple[Reading, ...]]:
    """The choices by the part of the protocol that they belong to, in the order of the paper's sections."""
    config = final(ArmConfig())
    return {
        "Data and preparation": tuple(preparation(config)),
        "Patch sampling": tuple(sampling_choices(config)),
        "Network": tuple(network_choices(config)),
        "Training": tuple(training_choices(config)),
        "Testing": tuple(testing_choices(config)),
    }


def count_readings(kind: Kind) -> int:
    return sum(reading.kind == kind for reading in readings())
