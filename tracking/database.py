"""Reader of the MLflow store of an output folder as a plain SQLite file, because importing MLflow takes seconds.

The tables are MLflow's own. `tests/tracking/test_database.py` compares the results with those of MLflow's client.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from hemosweep.errors import BadInput
from hemosweep.sqlite import DATABASE_PATIENCE_S, await_database, move_away, usable
from hemosweep.tracking.stored import StoredRun

_ACTIVE = "experiments.lifecycle_stage = 'active' AND substr(experiments.name, 1, length(:prefix)) = :prefix"
_ALL = f"""
    FROM runs JOIN experiments USING (experiment_id)
    WHERE runs.lifecycle_stage = 'active' AND {_ACTIVE}
"""
_WITH_TAG = (
    "EXISTS (SELECT 1 FROM tags WHERE tags.run_uuid = runs.run_uuid AND tags.key = :tag AND tags.value = :value)"
)
_STRAY = """
    EXISTS (SELECT 1 FROM tags WHERE tags.run_uuid = runs.run_uuid AND substr(tags.key, 1, length(:owner)) = :owner)
    AND NOT EXISTS (SELECT 1 FROM tags
                    WHERE tags.run_uuid = runs.run_uuid AND tags.key = :tag AND tags.value IN ({names}))
"""


KNOWN_REVISIONS = frozenset({"da6fb0208061", "dc11669786a5"})
"""Revisions of MLflow's tables (3.13 and 3.17) with which the tests have compared this reader and MLflow's client."""


def database_path(out: Path) -> Path:
    return out / "mlflow.db"


def require_store(out: Path) -> None:
    """Raises:
    BadInput: the folder holds no store.
    """
    if not database_path(out).is_file():
        raise BadInput(f"the folder {out} has no runs; start one with `hemosweep sweep NAME --out {out}`")


def read_revision(database: Path) -> str | None:
    """Revision of a store's tables; None where the database has none, such as one that is no store."""
    with closing(sqlite3.connect(database, timeout=DATABASE_PATIENCE_S)) as connection, suppress(sqlite3.Error):
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])
    return None


def experiment_names(out: Path, prefix: str) -> list[str]:
    """The experiments whose names begin with `prefix`, without the deleted ones.

    Raises:
        BadInput: the folder holds no store, or one that cannot be read.
    """
    with _opened(out) as database:
        return [
            name for (name,) in database.execute(f"SELECT name FROM experiments WHERE {_ACTIVE}", {"prefix": prefix})
        ]


def tagged_runs(out: Path, prefix: str, tag: str, value: str) -> list[StoredRun]:
    """The runs with this tag, in the experiments whose names begin with `prefix`. Deleted runs and experiments are left
    out.

    Raises:
        BadInput: the folder holds no store, or one that cannot be read.
    """
    return _runs(out, _WITH_TAG, {"prefix": prefix, "tag": tag, "value": value})


def stray_runs(out: Path, prefix: str, tag: str, values: Sequence[str], owner: str) -> list[StoredRun]:
    """As `tagged_runs`: the runs with a tag whose name begins with `owner`, of which `tag` has none of these values."""
    named = {f"value_{number}": value for number, value in enumerate(values)}
    condition = _STRAY.format(names=", ".join(f":{name}" for name in named))
    return _runs(out, condition, {"prefix": prefix, "tag": tag, "owner": owner, **named})


def _runs(out: Path, condition: str, parameters: Mapping[str, str]) -> list[StoredRun]:
    """The active runs that meet a condition."""
    chosen = f"{_ALL} AND {condition}"
    run_ids = f"SELECT runs.run_uuid {chosen}"
    with _opened(out) as database:
        select = f"SELECT runs.run_uuid, experiments.name, runs.name, status, start_time {chosen}"
        rows = database.execute(select, parameters).fetchall()
        metrics: dict[str, dict[str, float]] = {run_id: {} for run_id, *_ in rows}
        tags: dict[str, dict[str, str]] = {run_id: {} for run_id, *_ in rows}
        # MLflow keeps NaN as 0 with a flag.
        select = f"SELECT run_uuid, key, value, is_nan FROM latest_metrics WHERE run_uuid IN ({run_ids})"
        for run_id, name, number, is_nan in database.execute(select, parameters):
            metrics[run_id][name] = float("nan") if is_nan else float(number)
        for run_id, name, text in database.execute(
            f"SELECT run_uuid, key, value FROM tags WHERE run_uuid IN ({run_ids})", parameters
        ):
            tags[run_id][name] = text or ""
    return [
        StoredRun(
            run_id=run_id,
            experiment=experiment,
            name=name or "",
            status=status,
            start_time_ms=start_time or 0,
            metrics=metrics[run_id],
            tags=tags[run_id],
        )
        for run_id, experiment, name, status, start_time in rows
    ]


@contextmanager
def _opened(out: Path) -> Iterator[sqlite3.Connection]:
    require_store(out)
    path = database_path(out)
    # Not read-only: SQLite must first roll back the half-written transaction of a killed driver.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with usable(path), closing(sqlite3.connect(uri, uri=True, timeout=DATABASE_PATIENCE_S)) as database:
            # One transaction, so that a run that is added meanwhile is in all results or in none.
            database.execute("BEGIN")
            await_database(path, database)
            yield database
    except sqlite3.Error as error:
        raise BadInput(
            f"{path}: not a store that this hemosweep can read ({error}); it is of another version of MLflow, or none: "
            f"give another --out, or {move_away(path)}"
        ) from error
