"""The training child as a real process: it dies with whoever started it, and what it leaves behind is gone on from."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from hemosweep.foldrun.journal import Journal, read_journal
from hemosweep.model.checkpoint import load_checkpoint
from tests.fold_runs import run_fold
from tests.processes import is_alive, trainings, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent")

# One processor, so that the child trains with one thread, as the undisturbed run in this process does; and the CPU even
# where there is a GPU.
ONE_PROCESSOR = (
    "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); os.environ['CUDA_VISIBLE_DEVICES'] = ''\n"
)


@pytest.fixture
def start():
    """Starts Python code as a process that is killed when the test ends."""
    started = []

    def start(code, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_training_whose_driver_is_killed_dies_with_it_and_is_gone_on_from_to_the_bit(
    start, tiny_spec, tmp_path, one_thread
):
    spec = tiny_spec(max_epochs=150, patience=150)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    spec.write(killed)
    code = ONE_PROCESSOR + "import sys; from pathlib import Path; from hemosweep.executors.local import LocalExecutor\n"
    driver = start(code + "e = LocalExecutor(); e.start(Path(sys.argv[1])); e.wait(600)", killed)

    def num_epochs():
        return sum(event["event"] == "epoch" for event in read_journal(killed / "events.jsonl"))

    wait_for(lambda: num_epochs() >= 5, "five epochs")
    (child,) = trainings(killed)
    os.kill(driver.pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(child), "the child's death", timeout_s=5.0)
    left_after = num_epochs()
    assert 5 <= left_after < 150, "the child was to be killed in the middle of its training"
    assert not (killed / "done.json").exists()

    whole.mkdir()
    for folder in (whole, killed):
        run_fold(spec, folder, Journal(folder / "events.jsonl"))
    resumed = [event["epoch"] for event in read_journal(killed / "events.jsonl") if event["event"] == "resumed"]
    assert resumed in ([left_after - 1], [left_after])
    assert epochs(killed) == epochs(whole)
    assert json.loads((killed / "scores.json").read_text()) == json.loads((whole / "scores.json").read_text())
    mine, theirs = (load_checkpoint(path / "weights.pt", spec.digest)["best"] for path in (killed, whole))
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def epochs(folder):
    """Epoch number to what the journal last says of it, without the times."""
    events = [event for event in read_journal(folder / "events.jsonl") if event["event"] == "epoch"]
    return {
        event["epoch"]: {name: value for name, value in event.items() if name not in {"time", "at_work_s", "seconds"}}
        for event in events
    }


# A parent that starts a child and says its process id; the child waits as long as the parent's first argument, as if it
# imported torch, then asks to die with the parent and sleeps.
CHILD = """
import sys, time
from hemosweep.processes import die_with_parent
time.sleep(float(sys.argv[1]))
die_with_parent(int(sys.argv[2]))
time.sleep(60)
"""
PARENT = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}, sys.argv[1], str(os.getpid())], start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("import_s", [0.0, 0.5], ids=["after the request", "while the child still imports"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_dies_with_its_parent_whenever_the_parent_dies(start, import_s, number):
    parent = start(PARENT, import_s)
    child = int(parent.stdout.readline())
    time.sleep(0.5 if import_s == 0.0 else 0.0)
    assert is_alive(child)
    parent.send_signal(number)
    wait_for(lambda: not is_alive(child), "the child's death", timeout_s=10.0)


def test_a_child_whose_parent_lives_on_lives_on(start):
    parent = start(PARENT, 0.0)
    child = int(parent.stdout.readline())
    time.sleep(0.5)
    assert is_alive(child)
