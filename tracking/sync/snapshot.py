"""The MLflow store of an output folder at one moment, read from a copy: a reader of the store itself would keep the
driver from writing to it."""

import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from urllib.request import url2pathname

from hemosweep.sqlite import check_database, usable
from hemosweep.tracking import schema
from hemosweep.tracking.backend import Experiment, Metric, MlflowClient, Run, ViewType
from hemosweep.tracking.database import database_path, require_store
from hemosweep.tracking.searches import every_run
from hemosweep.tracking.store import StoreConnection, open_store, sweep_experiments

_PARTIAL = ".artifact.uploading."
"""Beginning of the names of artifacts that MLflow has not written whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """The experiments of sweeps, and their runs: those without a parent, the children of these, and so on.

    `store` names the store that they are from: it stays when the output folder is moved. `deleted` are the ids of
    deleted runs.
    """

    store: str
    experiments: tuple[Experiment, ...]
    generations: tuple[tuple[Run, ...], ...]
    deleted: frozenset[str]

    @property
    def runs(self) -> list[Run]:
        return [run for generation in self.generations for run in generation]

    @property
    def ids(self) -> set[str]:
        """Ids of the runs."""
        return {str(run.info.run_id) for run in self.runs}


class Snapshot:
    """A copy of an output folder's store, which is brought up to date and read again and again."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._folder = tempfile.TemporaryDirectory(prefix="hemosweep-sync-")
        self._path = database_path(Path(self._folder.name))
        self._store: StoreConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def read(self) -> Records:
        """The records of the store as they are now.

        Raises:
            BadInput: the folder holds no store, or one that cannot be read.
        """
        require_store(self._out)
        source = database_path(self._out)
        check_database(source)
        with (
            usable(source),
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as original,
            closing(sqlite3.connect(self._path)) as copy,
        ):
            original.backup(copy)
        store = self._store = open_store(Path(self._folder.name), artifacts=self._out)
        experiments = tuple(sweep_experiments(store))
        ids = [str(experiment.experiment_id) for experiment in experiments]
        runs = every_run(store.client, ids)
        return Records(
            store=f"{store.client.get_experiment('0').creation_time or 0:x}",
            experiments=experiments,
            generations=_by_generation(runs),
            deleted=frozenset(str(run.info.run_id) for run in every_run(store.client, ids, view=ViewType.DELETED_ONLY)),
        )

    def points(self, run: Run) -> list[Metric]:
        """Every point of every metric of a run.

        MLflow's client takes a statement and an object of its ORM each, minutes for a large store. The table is read as
        it is where it is the one that is known, and through the client otherwise.
        """
        run_id = str(run.info.run_id)
        select = "SELECT key, value, timestamp, step, is_nan FROM metrics WHERE run_uuid = ? ORDER BY 1, 4, 3, 2"
        try:
            with closing(sqlite3.connect(self._path)) as database:
                rows = database.execute(select, (run_id,)).fetchall()
        except sqlite3.Error:
            return [
                point for name in sorted(run.data.metrics) for point in self._client.get_metric_history(run_id, name)
            ]
        return [Metric(key, float("nan") if is_nan else value, time, step) for key, value, time, step, is_nan in rows]

    @property
    def _client(self) -> MlflowClient:
        assert self._store is not None, "read() comes first"
        return self._store.client


def artifacts_of(run: Run) -> dict[str, Path]:
    """Files of a run's artifacts, by their paths among them; those that are not whole yet are left out."""
    folder = Path(url2pathname(urlsplit(str(run.info.artifact_uri)).path))
    if not folder.is_dir():
        return {}
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(_PARTIAL)
    }


def _by_generation(runs: Sequence[Run]) -> tuple[tuple[Run, ...], ...]:
    """Runs without a parent among them, then the children of these, and so on, each the oldest first."""
    waiting = sorted(runs, key=lambda run: (run.info.start_time or 0, run.info.run_id))
    generations: list[tuple[Run, ...]] = []
    while waiting:
        later = {run.info.run_id for run in waiting}
        ready = [run for run in waiting if run.data.tags.get(schema.TAG_PARENT) not in later]
        generations.append(tuple(ready or waiting))  # A run may be its own ancestor: somebody edited the tag.
        taken = {run.info.run_id for run in generations[-1]}
        waiting = [run for run in waiting if run.info.run_id not in taken]
    return tuple(generations)
