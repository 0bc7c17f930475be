"""The lock of a fold run's folder, held by real processes."""

import os
import socket
import subprocess
import sys
import time

import pytest

from hemosweep.foldrun.lock import LOCK_NAME, Held, hold, holder

HOLD = "import sys; from pathlib import Path; from hemosweep.foldrun.lock import hold\n"
HOLD += "with hold(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
GLANCE = "import fcntl, sys, time; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_SH)\n"
GLANCE += "print('looking', flush=True); time.sleep(0.1)"


@pytest.fixture
def lock(tmp_path):
    return tmp_path / LOCK_NAME


@pytest.fixture
def start(lock):
    """Starts Python code that speaks when it has the lock; it is killed when the test ends."""
    started = []

    def start(code, says):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == f"{says}\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_lock_that_another_process_holds_is_refused_in_its_name(lock, start):
    name = f"process {start(HOLD, 'held').pid} on {socket.gethostname()}"
    with pytest.raises(Held, match=f"{name} works here") as refused, hold(lock):
        pass
    assert refused.value.by == name


def test_the_death_of_its_process_frees_a_lock_that_still_holds_the_name(lock, start):
    process = start(HOLD, "held")
    assert holder(lock) == f"process {process.pid} on {socket.gethostname()}"
    process.kill()
    process.wait()
    assert f"process {process.pid}" in lock.read_text()
    assert holder(lock) is None
    with hold(lock):
        assert lock.read_text() == f"process {os.getpid()} on {socket.gethostname()}\n"
    assert holder(lock) is None


def test_whoever_looks_writes_nothing_and_needs_no_lock_file(lock, tmp_path):
    assert holder(lock) is None
    assert holder(tmp_path / "no folder" / LOCK_NAME) is None
    assert list(tmp_path.iterdir()) == []


def test_whoever_looks_keeps_nobody_out(lock, start):
    lock.touch()
    start(GLANCE, "looking")
    begun = time.monotonic()
    with hold(lock):
        assert time.monotonic() - begun < 60.0


def test_a_process_that_has_not_given_its_name_is_there_all_the_same(lock, start):
    start(HOLD, "held")
    lock.write_text("")
    assert holder(lock) == "a process that has not given its name yet"
