"""SQLite databases: their addresses, their files, and their faults in one line that names the way out.

Optuna and MLflow each wrap an error of SQLite in errors of their own, pages long.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from hemosweep.activity import doing
from hemosweep.errors import BadInput, HemosweepError

DATABASE_PATIENCE_S = 5.0
"""Time that another program may hold a database before an error is raised."""

_BESIDE = ("-journal", "-wal", "-shm")
"""Endings of the files that SQLite writes beside a database; a killed process leaves them there."""
_MAKE_WRITABLE = "make it and its folder writable"
_WAYS_OUT = {
    sqlite3.SQLITE_FULL: "free some space there",
    sqlite3.SQLITE_IOERR: "look at its disk; it may be full, or broken",
    sqlite3.SQLITE_READONLY: _MAKE_WRITABLE,
    sqlite3.SQLITE_CANTOPEN: _MAKE_WRITABLE,
    sqlite3.SQLITE_BUSY: "another program holds it: end that",
    sqlite3.SQLITE_LOCKED: "another program holds it: end that",
}
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def database_url(path: Path) -> str:
    """The address by which SQLAlchemy, Optuna and MLflow open the database at a path, whatever characters it has.

    The path is quoted for SQLite, which reads it as an address of its own, and then by SQLAlchemy. Unquoted, `?` and
    `#` end a path, `%20` is a space, and Optuna replaces braces. The driver's name is in it because MLflow makes the
    folder of a `sqlite:///` address without unquoting it.
    """
    from sqlalchemy import URL  # What trains runs without it.

    address = URL.create("sqlite+pysqlite", database=path.absolute().as_uri(), query={"uri": "true"})
    return address.render_as_string()


def left_beside(path: Path) -> list[Path]:
    """The files that SQLite has left beside a database, or beside the place of one that is gone."""
    place = os.path.realpath(path)  # SQLite follows links.
    return [left for left in (Path(place + ending) for ending in _BESIDE) if left.is_file()]


def move_away(path: Path) -> str:
    """Advice to move a database away with every file of it: one left behind would damage the next database there."""
    left = left_beside(path)
    return "move it away" + (f" together with {' and '.join(file.name for file in left)}" if left else "")


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Context in which an error of SQLite (disk, file or another program) names the database at `path` and the way out.

    Raises:
        BadInput: it cannot be used.
    """
    try:
        yield
    except HemosweepError:
        raise
    except Exception as error:
        cause = _sqlite_error(error)
        way_out = None if cause is None else _way_out(path, cause.sqlite_errorcode & 0xFF)
        if way_out is None:
            raise
        raise BadInput(f"{path}: {cause}; {way_out}") from error


def _way_out(path: Path, code: int) -> str | None:
    if code in _DAMAGED:
        return f"{move_away(path)}, and the same command makes it anew from the fold runs that are done"
    return _WAYS_OUT.get(code)


class _HasPath(Protocol):
    path: Path


Owner = TypeVar("Owner", bound=_HasPath)
P = ParamSpec("P")
R = TypeVar("R")


def reports_database_faults(method: Callable[Concatenate[Owner, P], R]) -> Callable[Concatenate[Owner, P], R]:
    """Decorate a method of an object whose database lies at `path`: the method runs within `usable`."""

    @wraps(method)
    def guarded(self: Owner, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with usable(self.path):
            return method(self, *args, **kwargs)

    return guarded


def check_database(path: Path) -> None:
    """Check that a database can be read within `DATABASE_PATIENCE_S`; where there is none, make nothing.

    Raises:
        BadInput: it cannot be used, or there is none and files of an earlier one were left behind. SQLite would take
            them for files of the new database, and either damage it or delete what the earlier one still needs.
    """
    if not path.exists() and (left := left_beside(path)):
        names = " and ".join(file.name for file in left)
        raise BadInput(
            f"{path}: was moved away without its {names}, which would damage a new one; move that to the same place, "
            "or delete it if the database is gone for good"
        )
    if path.is_file():
        with usable(path), closing(sqlite3.connect(path, timeout=DATABASE_PATIENCE_S)) as database:
            await_database(path, database)


def await_database(path: Path, database: sqlite3.Connection) -> None:
    """Read from a database for the first time, which waits while another program holds it."""
    with doing(f"waiting for {path}, which another program holds"):
        database.execute("SELECT count(*) FROM sqlite_master")


def integrity_fault(path: Path) -> str | None:
    """First fault that SQLite's own check finds in a database; None where there is none, or no database."""
    if not path.is_file():
        return None
    try:
        with usable(path), closing(sqlite3.connect(path, timeout=DATABASE_PATIENCE_S)) as database:
            (answer,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    except BadInput as error:
        return str(error).removeprefix(f"{path}: ")
    return None if answer == "ok" else str(answer).splitlines()[-1]


def _sqlite_error(error: BaseException | None) -> sqlite3.Error | None:
    """Error of SQLite itself, among the errors that were raised from one another; None where there is none."""
    while error is not None:
        if isinstance(error, sqlite3.Error) and hasattr(error, "sqlite_errorcode"):
            return error
        error = error.__cause__ or error.__context__
    return None
