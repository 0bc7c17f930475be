"""Stores of the runs that a user names: those of the output folder, and those of another MLflow store
(`mlflow:URI/hemosweep/SWEEP/RUN`)."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.ablation.declaration import Declaration
from hemosweep.errors import BadInput
from hemosweep.runs import CachedStore, RunsInMemory, RunStore, find_run
from hemosweep.tracking import schema
from hemosweep.tracking.address import Address, is_address, parse_address
from hemosweep.tracking.reader import MlflowStore

if TYPE_CHECKING:
    from hemosweep.tracking.client_runs import ClientRuns


def open_address(address: Address) -> RunStore:
    """The runs of another MLflow store. Each question is asked there once.

    Raises:
        BadInput: it is a file without a store.
    """
    return CachedStore(MlflowStore(_client_runs(address)))


def find_sweep(out: Path, name: str) -> tuple[RunStore, str | None]:
    """The store that a name means, and the sweep there: a sweep of the output folder, `mlflow:URI/hemosweep/SWEEP`, or
    `mlflow:URI`, which names no sweep.

    Raises:
        BadInput: as `parse_address` and `open_address`; or the address names a run.
    """
    if not is_address(name):
        return MlflowStore(out), name
    address = parse_address(name)
    if address.run is not None:
        raise BadInput(
            f"{name}: names a run; leave out all that follows {schema.EXPERIMENT_PREFIX}{address.sweep}, as here all "
            "arms of a sweep are meant"
        )
    return open_address(address), address.sweep


def find_place(place: str, sweep: str | None) -> tuple[RunStore, str | None, str | None]:
    """Another store, the one sweep of it that an address or an option names, None for every sweep, and the run or arm
    there that the address names, None for every run.

    Raises:
        BadInput: it is no address; as `find_reference`; or the two name different sweeps.
    """
    if not is_address(place):
        raise BadInput(
            f"{place}: is no address of an MLflow store, such as mlflow:http://HOST:PORT; a folder is given with --out"
        )
    address = parse_address(place)
    if None not in (address.sweep, sweep) and address.sweep != sweep:
        raise BadInput(f"--sweep {sweep}: the address names sweep {address.sweep}; give one of them")
    if address.run is None:
        return open_address(address), address.sweep or sweep, None
    store, run = find_reference(Path(), place)
    return store, address.sweep, run


def declared_there(name: str) -> dict[str, Declaration]:
    """Declarations of the sweeps of another store, by their names. `name` is an address of that store or in it.

    Raises:
        BadInput: as `open_address`.
    """
    return _client_runs(parse_address(name)).declarations()


def find_reference(out: Path, reference: str) -> tuple[RunStore, str]:
    """The store of a run or of an arm, and its name there, as `hemosweep.runs.find_replicates` takes it.

    Raises:
        BadInput: an address names no run, the store cannot be reached, or it has no such sweep or run.
    """
    if not is_address(reference):
        return MlflowStore(out), reference
    address = parse_address(reference)
    store = open_address(address)
    if address.sweep is None or address.run is None:
        where = f"{schema.EXPERIMENT_PREFIX}{address.sweep or 'SWEEP'}/RUN"
        raise BadInput(f"{reference}: names no run; give {address.place}/{where}")
    runs = store.list_runs(address.sweep)
    name = f"{address.sweep}/{address.run}"
    if any(name in (f"{run.sweep}/{run.arm}", run.full_name) for run in runs):
        return store, name
    try:
        of_sweep = RunsInMemory(place=f"{address.place}/{schema.EXPERIMENT_PREFIX}{address.sweep}", runs=runs)
        return store, find_run(of_sweep, address.run).run_id
    except BadInput:
        foreign = _client_runs(address).foreign(address.run)
        if foreign is None:
            raise
    raise BadInput(
        f"{reference}: run {foreign.name} ({foreign.run_id[:8]}) was not recorded by hemosweep, as it has no tag "
        f"{schema.TAG_LEVEL}; give a run that is listed by hemosweep runs {address.place}"
    )


def _client_runs(address: Address) -> "ClientRuns":
    # Imported here: MLflow takes seconds, and the runs of an output folder are read without it.
    from hemosweep.tracking.client_runs import ClientRuns
    from hemosweep.tracking.connection import connect, one_line_faults

    return ClientRuns(place=address.place, client=connect(address.uri), usable=partial(one_line_faults, address.uri))


def figures_root(out: Path, name: str) -> Path:
    """Folder of the pictures of sweeps as `find_sweep` takes it: those of another store have one of their own."""
    return out / "figures" / parse_address(name).file_name if is_address(name) else out / "figures"
