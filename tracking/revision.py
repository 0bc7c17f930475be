"""Version of MLflow that a store belongs to, by the revision of its tables."""

import shlex
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util import CommandError

from hemosweep.errors import BadInput
from hemosweep.sqlite import database_url, move_away
from hemosweep.tracking.backend import MIGRATIONS, MLFLOW_VERSION
from hemosweep.tracking.database import read_revision


def check_revision(database: Path) -> None:
    """Check that a store is of the installed MLflow, before that opens it: of tables that it does not know it would
    make its own beside them.

    Raises:
        BadInput: another version of MLflow wrote it.
    """
    revision = read_revision(database)
    if revision is None:
        return
    scripts = ScriptDirectory(str(MIGRATIONS))
    try:
        scripts.get_revision(revision)
    except CommandError:
        raise BadInput(
            f"{database}: was written by a newer MLflow than {MLFLOW_VERSION}, which does not know its revision "
            f"{revision}; install the version that wrote it or a later one, or give another --out"
        ) from None
    if revision != scripts.get_current_head():
        command = f"python -m mlflow db upgrade {shlex.quote(database_url(database))}"
        raise BadInput(
            f"{database}: was written by an older MLflow than {MLFLOW_VERSION}; copy it, then bring it up to date with "
            f"`{command}`, or {move_away(database)}"
        )
