"""A lock on a file that a process holds while it lives, with the name of the process."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from hemosweep.errors import HemosweepError

LOCK_NAME = "lock"
"""In a fold run's folder: held by the process that works on it. It names a host, so it stays on this machine."""

LOCK_PATIENCE_S = 0.5
_PAUSE_S = 0.02

TAKEN = os.EX_UNAVAILABLE
"""Exit code of a process whose fold run another process works on."""


class Held(HemosweepError):
    """Another process holds the lock; `by` is its name, such as "process 4711 on node3"."""

    def __init__(self, path: Path, by: str) -> None:
        super().__init__(f"{path.parent}: {by} works here; wait for it, or end it")
        self.by = by


@contextmanager
def hold(path: Path, *, patience_s: float = LOCK_PATIENCE_S) -> Iterator[None]:
    """Hold a lock. The system releases it however the process ends.

    Args:
        patience_s: time that another process may still hold it; a call of `holder` takes less than the default.

    Raises:
        Held: another process holds it for longer.
    """
    with path.open("a+", encoding="utf-8") as file:
        deadline = time.monotonic() + patience_s
        while not _take(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                file.seek(0)
                raise Held(path, _name(file))
            time.sleep(_PAUSE_S)
        with suppress(OSError):  # On a full disk the lock is held as well, but the name of the process is missing.
            file.truncate(0)
            os.write(file.fileno(), f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield


def holder(path: Path) -> str | None:
    """Name of the process that holds a lock, such as "process 4711 on node3"; None where none does. Never waits or
    writes."""
    try:
        file = path.open(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    with file:
        return None if _take(file, fcntl.LOCK_SH) else _name(file)


def _take(file: TextIO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _name(file: TextIO) -> str:
    return file.read().strip() or "a process that has not given its name yet"
