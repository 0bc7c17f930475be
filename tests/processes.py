"""Looking at other processes the way Linux shows them."""

import os
import time
from pathlib import Path


def is_alive(pid):
    """True if a process runs; a dead one that nobody has asked after (a zombie) does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def trainings(folder):
    """Process ids of training children: their standard output is a log file somewhere below a folder."""
    logs = {int(fd.parts[2]): Path(os.path.realpath(fd)) for fd in Path("/proc").glob("[0-9]*/fd/1")}
    return [pid for pid, log in logs.items() if log.is_relative_to(folder)]


def wait_for(condition, what, timeout_s=120.0):
    """Return what the condition returns, as soon as that is true."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s:.0f} s"
        time.sleep(0.005)
    return found
