"""End of a fold run's process, from its exit code and its journal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hemosweep.executors.protocol import Ended
from hemosweep.files import system_message
from hemosweep.foldrun.journal import NO_SPACE, UNWRITABLE, read_journal
from hemosweep.foldrun.lock import TAKEN
from hemosweep.foldrun.pause import PAUSED
from hemosweep.foldrun.seal import BROKEN
from hemosweep.foldrun.spec import JOURNAL_NAME, LOG_NAME

SERVER_DIED = 255
"""Exit code that multiprocessing gives a child whose server is gone."""


def num_events(folder: Path) -> int:
    """Number of events in a fold run's journal. The events of a process that starts now come after them."""
    return len(read_journal(folder / JOURNAL_NAME))


def read_end(folder: Path, code: int | None, num_earlier_events: int) -> Ended:
    """Return the end of the process that wrote the events after the earlier ones.

    Args:
        code: its exit code; negative for a signal, as in `subprocess`.
    """
    if code == 0:
        return Ended(folder=folder)
    reason, transient = _reason(read_journal(folder / JOURNAL_NAME)[num_earlier_events:], code)
    return Ended(
        folder=folder,
        failure=f"{reason}; details in {folder / LOG_NAME}",
        transient=transient,
        paused=code == PAUSED,
    )


def stillborn(folder: Path, error: EOFError | OSError) -> Ended:
    """Return the end of a fold run whose process could not be started. It may pass: the next start has a new server."""
    if isinstance(error, (EOFError, ConnectionError)):
        reason = "the server that its process is forked from was killed, for lack of memory perhaps"
    else:
        reason = f"its process could not be started: {system_message(error)}"
    return Ended(folder=folder, failure=reason, transient=True)


def _reason(events: Sequence[dict[str, Any]], code: int | None) -> tuple[str, bool]:
    """Reason of a failure, and True if the failure may pass by itself."""
    if code is None or code < 0:
        return f"its process was killed by signal {-(code or 0)}", True
    if code == PAUSED:
        return "its process was asked to stop (SIGTERM)", False
    if code == TAKEN:
        return "another process works on it", False
    if code == BROKEN:
        return "its seal is broken, see `hemosweep verify`", False
    if code == NO_SPACE:
        return "system: no space left for its files; free some space there", True
    if code == UNWRITABLE:
        return "system: its folder cannot be written to; make it writable", False
    if code == SERVER_DIED:
        return "its process was killed together with the server that it was forked from", True
    failures = [event for event in events if event["event"] == "failed"]
    if not failures:
        return f"its process ended with code {code}", False
    kind, message = failures[-1]["kind"].replace("_", " "), failures[-1]["message"]
    return f"{kind}: {message}", bool(failures[-1].get("transient", False))
