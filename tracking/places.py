"""Places of the artifacts of a store, which MLflow keeps as absolute addresses.

In an output folder that was copied or moved they are those of the original: MLflow would show its artifacts, and record
those of the copy there.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from hemosweep.sqlite import DATABASE_PATIENCE_S
from hemosweep.tracking import schema

Move = tuple[int, str, str]
"""An experiment, and the place of its artifacts before and after."""


def correct_places(database: Path, artifacts: Path) -> None:
    """Set the places of the artifacts of every experiment and run to those below `artifacts`; MLflow's client has no
    call for it.

    Nothing is written where they are right.

    Raises:
        sqlite3.Error: the database cannot be read, or written where it must be.
    """
    with closing(sqlite3.connect(database, timeout=DATABASE_PATIENCE_S)) as connection:
        moves = list(_moves(connection, artifacts))
        if not moves:
            return
        with connection:
            for number, before, after in moves:
                connection.execute(
                    "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (after, number)
                )
                connection.execute(
                    "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) "
                    "WHERE experiment_id = ? AND substr(artifact_uri, 1, ?) = ?",
                    (after, len(before) + 1, number, len(before) + 1, f"{before}/"),
                )


def are_places_right(database: Path, artifacts: Path) -> bool:
    """True if the artifacts of every experiment lie where the output folder is now.

    Raises:
        sqlite3.Error: the database cannot be read.
    """
    with closing(sqlite3.connect(database, timeout=DATABASE_PATIENCE_S)) as connection:
        return not list(_moves(connection, artifacts))


def _moves(connection: sqlite3.Connection, artifacts: Path) -> Iterator[Move]:
    """The experiments whose artifacts lie elsewhere: those of sweeps, and others that were made in the same folder."""
    places = connection.execute("SELECT experiment_id, name, artifact_location FROM experiments").fetchall()
    now, earlier = artifacts.as_uri(), set()
    for number, name, place in places:
        sweep = schema.sweep_name(name)
        right = (artifacts / sweep).as_uri()
        if name.startswith(schema.EXPERIMENT_PREFIX) and place and place != right:
            earlier.add(place.rpartition("/")[0])
            yield number, place, right
    for number, name, place in places:
        root, _, last = (place or "").rpartition("/")
        if root in earlier and not name.startswith(schema.EXPERIMENT_PREFIX):
            yield number, place, f"{now}/{last}"
