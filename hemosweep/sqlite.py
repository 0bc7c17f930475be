"""Faults of an SQLite database, in one line that names it and the way out.

Optuna and MLflow each wrap an error of SQLite in errors of their own, pages long.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from hemosweep.errors import BadInput, HemosweepError

DATABASE_PATIENCE_S = 5.0
"""Time that another program may hold a database before an error is raised."""

_MOVE_AWAY = "move it away, and the same command makes it anew from the fold runs that are done"
_MAKE_WRITABLE = "make it and its folder writable"
_WAYS_OUT = {
    sqlite3.SQLITE_FULL: "free some space there",
    sqlite3.SQLITE_IOERR: "look at its disk; it may be full, or broken",
    sqlite3.SQLITE_READONLY: _MAKE_WRITABLE,
    sqlite3.SQLITE_CANTOPEN: _MAKE_WRITABLE,
    sqlite3.SQLITE_BUSY: "another program holds it: end that",
    sqlite3.SQLITE_LOCKED: "another program holds it: end that",
    sqlite3.SQLITE_CORRUPT: _MOVE_AWAY,
    sqlite3.SQLITE_NOTADB: _MOVE_AWAY,
}


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
        way_out = None if cause is None else _WAYS_OUT.get(cause.sqlite_errorcode & 0xFF)
        if way_out is None:
            raise
        raise BadInput(f"{path}: {cause}; {way_out}") from error


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
        BadInput: it cannot be used.
    """
    if path.is_file():
        with usable(path), closing(sqlite3.connect(path, timeout=DATABASE_PATIENCE_S)) as database:
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
