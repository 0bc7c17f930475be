"""The MLflow store of one output folder: `OUT/mlflow.db` and `OUT/artifacts`, on this machine only."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hemosweep.errors import BadInput
from hemosweep.files import replacing
from hemosweep.gitignore import keep_out_of_git
from hemosweep.sqlite import check_database, database_url, move_away, usable
from hemosweep.tracking import schema, views
from hemosweep.tracking.backend import MLFLOW_VERSION, Experiment, MlflowClient, MlflowException, Run
from hemosweep.tracking.database import database_path, require_store
from hemosweep.tracking.experiments import obtain_experiment
from hemosweep.tracking.notes import experiment_note
from hemosweep.tracking.places import correct_places
from hemosweep.tracking.revision import check_revision
from hemosweep.tracking.searches import every_experiment, every_run

TRIED_VERSIONS = ("3.13.", "3.17.")
"""Versions of MLflow whose calls the tests have made in one session, which its public client has no way to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreConnection:
    uri: str
    database: Path
    artifacts: Path
    client: MlflowClient


def open_store(out: Path, *, artifacts: Path | None = None) -> StoreConnection:
    """Open the store of an output folder, creating it (about four seconds of migrations) where there is none.

    If the output folder was copied or moved, the places of its artifacts are corrected.

    Args:
        artifacts: the output folder that holds the artifacts, where it is another one.

    Raises:
        BadInput: the database cannot be read or written, belongs to another MLflow version, or is none.
    """
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    path = database_path(out)
    # Checked before MLflow opens it, which would try for minutes.
    check_database(path)
    place = artifacts_folder(artifacts or out)
    try:
        with usable(path):
            if not path.is_file() or path.stat().st_size == 0:
                _create(path)
            else:
                check_revision(path)
            correct_places(path, place)
            client = _connect(path)
    except (MlflowException, SQLAlchemyError, sqlite3.Error) as error:
        raise _unusable(path, error) from error
    keep_out_of_git(out)
    return StoreConnection(uri=database_url(path), database=path, artifacts=place, client=client)


def _unusable(path: Path, error: Exception) -> BadInput:
    reason = str(error).splitlines()[0]
    return BadInput(f"{path}: not a store this MLflow can use ({reason}); {move_away(path)}")


def artifacts_folder(out: Path) -> Path:
    """Folder of the artifacts of an output folder, without links, as its store records it."""
    return out.resolve() / schema.ARTIFACTS_FOLDER


def _create(path: Path) -> None:
    """Make an empty store under a temporary name, then rename it: interrupted migrations cannot go on."""
    for left in path.parent.glob(f".tmp-*{path.name}*"):  # by a process that was killed
        left.unlink(missing_ok=True)
    # A new name each time: MLflow would take a store of the same name for the one that it knows.
    with replacing(path, shared=True) as temporary:
        try:
            _connect(temporary)
        finally:
            temporary.with_name(f"{temporary.name}-journal").unlink(missing_ok=True)


def _connect(path: Path) -> MlflowClient:
    return MlflowClient(tracking_uri=database_url(path), registry_uri=database_url(path))


def existing_store(out: Path) -> StoreConnection:
    """Open the store of an output folder for reading.

    Raises:
        BadInput: the folder holds no store.
    """
    require_store(out)
    return open_store(out)


def reading_client(out: Path) -> tuple[MlflowClient, Callable[[], AbstractContextManager[None]]]:
    """A client that reads the store of an output folder and changes nothing, and the context to call it in.

    Raises:
        BadInput: the folder holds no store, or one of another version of MLflow.
    """
    require_store(out)
    path = database_path(out.resolve())
    check_database(path)
    check_revision(path)
    return _connect(path), partial(_reading, path)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    with usable(path):
        try:
            yield
        except (MlflowException, SQLAlchemyError) as error:
            raise _unusable(path, error) from error


@contextmanager
def transaction(store: StoreConnection) -> Iterator[Session | None]:
    """Transaction in one session of MLflow's store, whose writes are all made or none.

    By itself MLflow opens one to four sessions for each call, each with its own commit. They take longer than the
    writes, and a process that is killed between two of them leaves half of the data, which the next replay completes.
    That is so, and the session is None, with a version of MLflow that the tests have not tried.
    """
    if not MLFLOW_VERSION.startswith(TRIED_VERSIONS):
        yield None
        return
    backend = store.client._tracking_client.store
    open_session = backend.ManagedSessionMaker
    with open_session(read_only=False) as session:
        backend.ManagedSessionMaker = lambda read_only=True: nullcontext(session)
        session.commit = session.flush
        try:
            yield session
        finally:
            del session.commit
            backend.ManagedSessionMaker = open_session


def ensure_experiment(store: StoreConnection, sweep: str) -> Experiment:
    """Return a sweep's experiment. It is made if it is missing, and restored if it was deleted."""
    name, place = schema.experiment_name(sweep), (store.artifacts / sweep).as_uri()
    experiment = obtain_experiment(store.client, name, place)
    experiment_id = str(experiment.experiment_id)
    tags = views.experiment_tags(experiment_id)
    if schema.TAG_NOTE not in experiment.tags:  # One that is there may have the verdict of the sweep.
        tags[schema.TAG_NOTE] = experiment_note(sweep, experiment_id)
    for key, value in tags.items():
        if experiment.tags.get(key) != value:
            store.client.set_experiment_tag(experiment.experiment_id, key, value)
    return experiment


def sweep_experiments(store: StoreConnection, sweep: str | None = None) -> list[Experiment]:
    """Experiments of hemosweep, of one sweep where named, without the deleted ones."""
    pattern = schema.experiment_name("%" if sweep is None else sweep)
    operator = "LIKE" if sweep is None else "="
    with usable(store.database):
        return every_experiment(store.client, f"name {operator} '{pattern}'")


def search_runs(store: StoreConnection, experiment_ids: list[str], filter_string: str) -> list[Run]:
    """Every run that matches, without the deleted ones."""
    with usable(store.database):
        return every_run(store.client, experiment_ids, filter_string)
