"""A request to stop, by itself and in a process that is alone."""

import os
import signal
import subprocess
import sys
import time

import pytest

from hemosweep.foldrun.journal import read_journal
from hemosweep.foldrun.pause import pause_on_sigterm
from hemosweep.model.checkpoint import load_checkpoint


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def test_the_first_sigterm_is_a_request_and_the_handler_before_comes_back():
    before = signal.getsignal(signal.SIGTERM)
    with pause_on_sigterm() as should_pause:
        assert not should_pause()
        terminate()
        assert should_pause()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "the second one is the system's"
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_error_leaves_the_handler_as_it_was():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError), pause_on_sigterm():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGTERM) == before


ENDLESS = """
import time
from hemosweep.foldrun.pause import pause_on_sigterm
with pause_on_sigterm() as should_pause:
    print("ready", flush=True)
    while not should_pause():
        time.sleep(0.01)
    print("asked", flush=True)
    time.sleep(60)
"""


def test_a_second_sigterm_ends_the_process_at_once():
    process = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True)
    try:
        for said in ("ready\n", "asked\n"):
            assert process.stdout.readline() == said
            process.send_signal(signal.SIGTERM)
        assert process.wait(10.0) == -signal.SIGTERM
    finally:
        process.kill()
        process.communicate()


CHILD = """
import os, sys
from pathlib import Path
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ["CUDA_VISIBLE_DEVICES"] = ""
from hemosweep.training.child import train_fold
sys.exit(train_fold(Path(sys.argv[1])))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="chooses its processor as only Linux does")
def test_a_child_that_gets_sigterm_ends_after_its_epoch_with_a_code_of_its_own(tiny_spec, tmp_path):
    tiny_spec(max_epochs=100_000, patience=100_000).write(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)])
    try:
        deadline = time.monotonic() + 90.0
        while sum(event["event"] == "epoch" for event in read_journal(tmp_path / "events.jsonl")) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30.0) == 75
    finally:
        process.kill()
        process.wait()
    *_, epoch, paused = read_journal(tmp_path / "events.jsonl")
    assert (epoch["event"], paused["event"]) == ("epoch", "paused")
    assert load_checkpoint(tmp_path / "checkpoint.pt", "tiny")["epoch"] == epoch["epoch"]
