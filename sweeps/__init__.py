"""The ablations, one file each, and their lookup by name."""

from hemosweep.ablation.sweep import Sweep
from hemosweep.errors import BadInput
from hemosweep.sweeps import angio, augmentation, final, loss, noise, patchsize, sampling, se, symmetric
from hemosweep.sweeps.search import SEARCHES

# In the order of the paper's sections; what the paper lacks comes last.
_SWEEPS: dict[str, Sweep] = {
    sweep.name: sweep
    for sweep in (
        se.SWEEP,
        loss.SWEEP,
        patchsize.SWEEP,
        sampling.SWEEP,
        symmetric.SWEEP,
        angio.SWEEP,
        augmentation.SWEEP,
        final.SWEEP,
        noise.SWEEP,
    )
}

SWEEP_NAMES = tuple(_SWEEPS)


def find_declared(name: str) -> Sweep:
    """The ablation of that name, or the one that the search of that name ends with.

    Raises:
        BadInput: there is none.
    """
    search = SEARCHES.get(name)
    return find_sweep(name) if search is None else search.last_comparison


def find_sweep(name: str) -> Sweep:
    """The ablation of that name.

    Raises:
        BadInput: there is none.
    """
    if name not in _SWEEPS:
        raise BadInput(f"unknown sweep {name!r}; there is {', '.join((*SWEEP_NAMES, *SEARCHES))}")
    return _SWEEPS[name]
