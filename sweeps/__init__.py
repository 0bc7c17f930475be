"""The ablations, one file each, and their lookup by name."""

from hemosweep.engine.sweep import Sweep
from hemosweep.errors import BadInput
from sweeps import patchsize

_SWEEPS = {"patchsize": patchsize.SWEEP}

SWEEP_NAMES = tuple(_SWEEPS)


def find_sweep(name: str) -> Sweep:
    """The ablation of that name.

    Raises:
        BadInput: there is none.
    """
    if name not in _SWEEPS:
        raise BadInput(f"unknown sweep {name!r}; there is {', '.join(SWEEP_NAMES)}")
    return _SWEEPS[name]
