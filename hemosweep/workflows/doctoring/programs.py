"""Other programs and servers that some commands need."""

import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

from hemosweep.errors import BadInput
from hemosweep.sqlite import check_database
from hemosweep.tracking.sync.destination import find_destination
from hemosweep.tracking.variables import URI
from hemosweep.workflows.doctoring.finding import Finding, note, ok, problem

SERVER_PATIENCE_S = 2.0


def check_programs() -> Iterator[Finding]:
    slurm = [name for name in ("sbatch", "squeue", "scancel") if shutil.which(name) is None]
    for what, missing, meaning in (
        (
            "FSL's flirt",
            shutil.which("flirt") is None,
            "only --symmetric flirt of hemosweep preprocess needs it; plane and register do without",
        ),
        (
            "SLURM",
            bool(slurm),
            f"only --executor slurm needs {', '.join(slurm)}; start that where jobs are submitted",
        ),
        ("git", shutil.which("git") is None, "the commit of a checkout is not recorded with the runs"),
        ("make", shutil.which("make") is None, "the Makefile's targets cannot be used; hemosweep's commands can"),
    ):
        yield note(what, "not on PATH", meaning) if missing else ok(what, "on PATH")


def check_tracking(say: Callable[[str], None]) -> Finding:
    """The other MLflow server, if there is one. Its address is not printed.

    Args:
        say: gets the name of the check where it may take seconds, before that.
    """
    what = "MLflow server"
    try:
        destination = find_destination(None)
    except BadInput as error:
        return problem(what, f"{URI} cannot be used", str(error).removeprefix(f"{URI} "))
    if destination is None:
        return ok(what, f"{URI} is not set: runs are recorded in the folder of results alone")
    if destination.database is not None:
        try:
            check_database(destination.database)
        except BadInput as error:
            return note(what, f"the database of {URI} cannot be used", str(error))
        return ok(what, f"{URI} is a database file")
    if not destination.uri.startswith("http"):
        return ok(what, f"{URI} is set; it is not asked")
    say(what)
    reason = _unreachable(destination.uri)
    if reason is None:
        return ok(what, f"{URI} answers")
    return note(
        what,
        f"{URI} does not answer ({reason})",
        "sweeps train all the same, and hemosweep sync makes up the record there; mend address, user, password "
        "or proxy, or give --tracking none",
    )


def _unreachable(uri: str) -> str | None:
    """Reason why a server does not answer within the patience, or refuses to; None where it answers."""
    try:
        with urllib.request.urlopen(f"{uri}/health", timeout=SERVER_PATIENCE_S):
            return None
    except urllib.error.HTTPError as error:
        return None if error.code == 404 else f"HTTP {error.code}"  # An older MLflow has no such page.
    except (OSError, ValueError) as error:
        cause = getattr(error, "reason", error)
        number = getattr(cause, "errno", None)
        return os.strerror(number) if isinstance(number, int) and number > 0 else "no connection"
