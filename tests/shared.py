"""Things that the processes of one test run share: set-ups that are made once, and the processors."""

import fcntl
import os
import shutil
from contextlib import contextmanager


def make_once(tmp_path_factory, name, make):
    """Return the folder `name` of this test run, which `make` fills and no test changes.

    The first process that asks makes it; the others wait for it. `make` gets the empty folder.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # the run's, in which each worker has a folder of its own
    folder, made = base / name, base / f"{name}.made"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that failed
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


def worker_number():
    """The number of this pytest-xdist worker, from 0; 0 where the tests run in one process."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@contextmanager
def processors(number):
    """Give so many processors to this thread and to what it starts meanwhile; each worker begins at another one."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    last = sorted(allowed)[::-1]
    os.sched_setaffinity(0, {last[(worker_number() + place) % len(last)] for place in range(number)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
