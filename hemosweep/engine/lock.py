"""One driver at a time in an output folder."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hemosweep.errors import BadInput

LOCK_NAME = "driver.lock"


@contextmanager
def driver_lock(out: Path) -> Iterator[None]:
    """Hold the output folder for this process; the system lets go of it however the process ends.

    Raises:
        BadInput: another driver holds it; the message names its process and host.
    """
    with (out / LOCK_NAME).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise BadInput(
                f"{out}: another sweep runs here ({file.read().strip()}); wait for it, or give another --out"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
