"""The local executor with a shell script in the child's place: what it hands over, and how it says what went wrong."""

import multiprocessing.forkserver
import os
import resource
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import torch

from hemosweep.executors import machine
from hemosweep.executors.local import LocalExecutor, leases
from hemosweep.executors.protocol import Ended
from hemosweep.foldrun.pause import PAUSED
from tests.jobs import exec_script, run_script
from tests.processes import is_alive, wait_for

EVENT = '{"time": 1.0, "event": "%s"%s}'
FAILED = EVENT % ("failed", ', "kind": "out_of_memory", "message": "no memory for 3 GiB"')


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "fold run"
    folder.mkdir()
    return folder


def run(folder, *lines, job=exec_script):
    """End of a child, once it is over."""
    executor = LocalExecutor(job=partial(job, lines))
    executor.start(folder)
    return end(executor)


def end(executor):
    ended = executor.wait(60.0)
    assert len(ended) == 1
    return ended[0]


def words(path):
    """Text of a child, once it has ended the line."""
    wait_for(lambda: path.exists() and path.read_text().endswith("\n"), path.name)
    return path.read_text().split()


def say(event):
    return f"echo '{event}' >> events.jsonl"


def test_a_job_is_told_its_folder_and_its_exit_code_counts(folder):
    assert run(folder, "pwd > told", job=run_script) == Ended(folder=folder)
    assert (folder / "told").read_text() == f"{folder}\n"
    ended = run(folder, "exit 3", job=run_script)
    assert ended.failure == f"its process ended with code 3; details in {folder / 'log.txt'}"


def test_children_are_forked_from_one_server_that_has_torch(folder):
    # Importing torch in each of them would take seconds.
    ask = "ps -o ppid= -p $$ >> parents; grep -q libtorch /proc/$PPID/maps && echo torch >> server"
    for _ in range(2):
        run(folder, ask)
    first, second = map(int, (folder / "parents").read_text().split())
    assert first == second != os.getpid()
    assert (folder / "server").read_text() == "torch\ntorch\n"


def test_a_child_does_not_run_the_script_that_started_it(folder, monkeypatch):
    # Whatever it imports would be imported again in every child: the command line's 0.13 s.
    script = folder / "script.py"
    script.write_text(f"open({str(folder / 'ran')!r}, 'w')")
    main = ModuleType("__main__")
    main.__file__ = str(script)
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert run(folder, "true") == Ended(folder=folder)
    assert not (folder / "ran").exists()
    assert sys.modules["__main__"] is main


def test_a_failure_names_its_kind_its_message_and_the_log(folder):
    ended = run(folder, "echo Traceback >&2", say(FAILED), "exit 1")
    assert ended.failure == f"out of memory: no memory for 3 GiB; details in {folder / 'log.txt'}"
    assert (folder / "log.txt").read_text() == "Traceback\n"


def test_a_child_that_was_killed_names_the_signal_and_may_be_tried_again(folder):
    ended = run(folder, "kill -KILL $$")
    assert ended.failure == f"its process was killed by signal 9; details in {folder / 'log.txt'}"
    assert ended.transient


def test_a_child_that_ends_without_a_word_names_its_code(folder):
    ended = run(folder, "exit 7")
    assert ended.failure.startswith("its process ended with code 7; ")
    assert not ended.transient


def test_a_child_that_was_asked_to_stop_is_not_started_again_by_itself(folder):
    ended = run(folder, f"exit {PAUSED}")
    assert (ended.failure.split(";")[0], ended.transient) == ("its process was asked to stop (SIGTERM)", False)


@pytest.mark.parametrize("transient", [True, False])
def test_a_child_says_itself_whether_its_failure_may_pass(folder, transient):
    event = EVENT % ("failed", f', "kind": "system", "message": "no space", "transient": {str(transient).lower()}')
    ended = run(folder, say(event), "exit 1")
    assert (ended.failure.split(";")[0], ended.transient) == ("system: no space", transient)


def test_the_failure_of_an_earlier_child_is_not_taken_for_this_ones(folder):
    (folder / "events.jsonl").write_text(FAILED + "\n")
    assert run(folder, "exit 7").failure.startswith("its process ended with code 7; ")


def test_the_log_keeps_what_earlier_children_said(folder):
    (folder / "log.txt").write_text("first\n")
    assert run(folder, "echo again").failure is None
    assert (folder / "log.txt").read_text() == "first\nagain\n"


def test_waiting_ends_with_the_time_and_a_slot_is_free_again_when_its_child_is_over(tmp_path):
    folders = [tmp_path / name for name in ("short", "long")]
    for folder in folders:
        folder.mkdir()
    lines = ["case $PWD in *long) read < /dev/zero;; esac"]
    executor = LocalExecutor(
        ({"LEASE": "0"}, {"LEASE": "1"}), job=partial(exec_script, ["echo $LEASE > lease", *lines])
    )
    assert executor.num_slots == 2
    for folder in folders:
        executor.start(folder)
    assert end(executor) == Ended(folder=folders[0])
    begun = time.monotonic()
    assert executor.wait(0.2) == []
    assert 0.1 < time.monotonic() - begun < 5.0
    assert [words(folder / "lease") for folder in folders] == [["0"], ["1"]]
    (folders[0] / "lease").unlink()
    executor.start(folders[0])
    assert end(executor) == Ended(folder=folders[0])
    assert words(folders[0] / "lease") == ["0"], "the lease that was free"
    assert executor.num_slots == 2
    executor.kill()


def test_killed_children_are_dead_at_once_and_their_slots_free(folder):
    executor = LocalExecutor(job=partial(exec_script, ["echo $$ > pid", "exec sleep 60"]))
    executor.start(folder)
    (pid,) = words(folder / "pid")
    begun = time.monotonic()
    executor.kill()
    assert time.monotonic() - begun < 10.0
    assert not is_alive(pid)
    assert executor.wait(0.0) == []
    assert executor.num_slots == 1


def test_ctrl_c_does_not_reach_the_child(folder):
    # The terminal sends it to the process group; the child leads a group and a session of its own.
    run(folder, "ps -o pgid=,sid= -p $$ > ids")
    group, session = map(int, (folder / "ids").read_text().split())
    assert group != os.getpgrp()
    assert session != os.getsid(0)


@pytest.mark.parametrize(("visible", "expected"), [(None, ["0", "1"]), ("2,5", ["2", "5"]), ("GPU-8f2a", ["GPU-8f2a"])])
def test_there_is_a_slot_for_every_gpu_that_may_be_used(monkeypatch, visible, expected):
    # What torch would say on a machine with two GPUs, or on one of several lent to this process.
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(expected))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [lease["CUDA_VISIBLE_DEVICES"] for lease in leases()] == expected
    assert [lease["CUDA_VISIBLE_DEVICES"] for lease in leases(2)] == expected * 2


def test_without_a_gpu_one_fold_run_at_a_time_has_the_processors(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert leases() == ({},)


def test_fold_runs_that_share_the_processors_have_their_share_of_threads(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(machine, "num_processors", lambda: 6)
    assert leases(at_once=2) == ({"HEMOSWEEP_THREADS": "3"},) * 2
    assert leases(at_once=1) == ({},)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent")
def test_the_death_of_the_server_ends_its_child_and_the_next_child_has_a_new_server(folder):
    executor = LocalExecutor(job=partial(exec_script, ["echo $PPID > server; echo $$ > pid", "exec sleep 60"]))
    executor.start(folder)
    (pid,), (server,) = words(folder / "pid"), words(folder / "server")
    os.kill(int(server), signal.SIGKILL)
    ended = end(executor)
    assert ended.failure.startswith("its process was killed together with the server that it was forked from; ")
    assert ended.transient
    executor.start(folder)  # At once, as the driver does: one death costs one attempt.
    assert executor.wait(0.0) == []
    assert not is_alive(pid)
    executor.kill()
    assert run(folder, "true").failure is None


def server():
    """Process id of the server that children are forked from."""
    return multiprocessing.forkserver._forkserver._forkserver_pid


@pytest.mark.slow
def test_a_server_that_is_killed_before_the_first_start_and_between_two_is_replaced(folder):
    executor = LocalExecutor(job=partial(run_script, ["echo x >> runs"]))
    for number in (1, 2):
        os.kill(server(), signal.SIGKILL)
        for _ in range(3):  # The start may come before the system has ended the server.
            executor.start(folder)
            ended = end(executor)
            if ended.failure is None:
                break
            assert ended.transient
        assert ended == Ended(folder=folder)
        assert (folder / "runs").read_text() == number * "x\n"


@pytest.mark.slow
def test_a_server_that_is_killed_while_a_start_waits_for_it_is_a_failure_that_may_pass(folder):
    executor = LocalExecutor(job=partial(run_script, ["true"]))
    os.kill(server(), signal.SIGSTOP)
    threading.Timer(0.3, os.kill, (server(), signal.SIGKILL)).start()
    executor.start(folder)
    ended = end(executor)
    assert ended.failure == "the server that its process is forked from was killed, for lack of memory perhaps"
    assert ended.transient
    assert executor.num_slots == 1
    executor.start(folder)
    assert end(executor) == Ended(folder=folder)


def test_a_system_without_a_free_file_for_the_start_is_a_failure_that_may_pass(folder):
    executor = LocalExecutor(job=partial(run_script, ["true"]))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (os.dup(0) + 1, limits[1]))
    try:
        executor.start(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    ended = end(executor)
    assert ended.failure.startswith("its process could not be started: ")
    assert "Too many open files" in ended.failure
    assert ended.transient


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads the mask of a process as Linux shows it")
def test_the_server_never_gets_the_signals_of_the_terminal(folder):
    run(folder, "true")
    lines = Path(f"/proc/{server()}/status").read_text().splitlines()
    blocked = int(next(line for line in lines if line.startswith("SigBlk:")).split()[1], 16)
    for number in (signal.SIGINT, signal.SIGHUP):
        assert blocked >> (number - 1) & 1
    assert not blocked >> (signal.SIGTERM - 1) & 1
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
