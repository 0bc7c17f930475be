"""The present code of fold runs with hemosweep's own components, as their specs name it."""

from hemosweep.config import ArmConfig
from hemosweep.identity.stages import Code


def present_source(config: ArmConfig | None = None) -> str:
    return Code().of_fold_runs(config or ArmConfig())
