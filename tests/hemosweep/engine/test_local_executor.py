"""The local executor with a shell script in the child's place: what it hands over, and how it says what went wrong."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from hemosweep.engine.local import run_in_child
from hemosweep.errors import FoldRunFailed

EVENT = '{"time": 1.0, "event": "%s"%s}'
EPOCHS = [EVENT % ("epoch", f', "epoch": {number}') for number in (1, 2)]
FAILED = EVENT % ("failed", ', "kind": "out_of_memory", "message": "no memory for 3 GiB"')


def run_script(lines, folder):
    """The job of a child: a shell script with the fold run's folder as its working directory."""
    return subprocess.run(["bash", "-c", "\n".join(lines)], cwd=folder).returncode


def exec_script(lines, folder):
    """The same in the child's own process."""
    os.chdir(folder)
    os.execvp("bash", ["bash", "-c", "\n".join(lines)])


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "fold run"
    folder.mkdir()
    return folder


def run(folder, *lines, on_events=lambda events: None):
    run_in_child(folder, on_events, job=partial(exec_script, lines))


def say(event):
    return f"echo '{event}' >> events.jsonl"


def test_a_job_is_told_its_folder_and_its_exit_code_counts(folder):
    run_in_child(folder, lambda events: None, job=partial(run_script, ["pwd > told"]))
    assert (folder / "told").read_text() == f"{folder}\n"
    with pytest.raises(FoldRunFailed, match=r"^its process ended with code 3; "):
        run_in_child(folder, lambda events: None, job=partial(run_script, ["exit 3"]))


def test_children_are_forked_from_one_server_that_has_torch(folder):
    # Importing torch in each of them would take seconds.
    ask = "ps -o ppid= -p $$ >> parents; grep -q libtorch /proc/$PPID/maps && echo torch >> server"
    for _ in range(2):
        run(folder, ask)
    first, second = map(int, (folder / "parents").read_text().split())
    assert first == second != os.getpid()
    assert (folder / "server").read_text() == "torch\ntorch\n"


def test_the_journal_is_handed_over_as_it_grows_and_whole_at_the_end(folder):
    handed = []
    run(
        folder,
        *(say(EPOCHS[0]), "sleep 0.5", say(EPOCHS[1])),
        on_events=lambda events: handed.append([event["epoch"] for event in events]),
    )
    assert handed[-1] == [1, 2]
    assert [1] in handed
    assert handed == sorted(handed), "never a step back"


def test_an_event_of_the_childs_last_moment_is_handed_over(folder):
    handed = []
    run(folder, say(EPOCHS[0]), on_events=handed.append)
    assert [event["epoch"] for event in handed[-1]] == [1]


def test_a_failure_names_its_kind_its_message_and_the_log(folder):
    with pytest.raises(FoldRunFailed) as raised:
        run(folder, "echo Traceback >&2", say(FAILED), "exit 1")
    assert str(raised.value) == f"out of memory: no memory for 3 GiB; details in {folder / 'log.txt'}"
    assert (folder / "log.txt").read_text() == "Traceback\n"


def test_a_child_that_was_killed_names_the_signal(folder):
    with pytest.raises(FoldRunFailed, match=r"^its process was killed by signal 9; details in .*log\.txt$"):
        run(folder, "kill -KILL $$")


def test_a_child_that_ends_without_a_word_names_its_code(folder):
    with pytest.raises(FoldRunFailed, match=r"^its process ended with code 7; "):
        run(folder, "exit 7")


def test_the_failure_of_an_earlier_child_is_not_taken_for_this_ones(folder):
    (folder / "events.jsonl").write_text(FAILED + "\n")
    with pytest.raises(FoldRunFailed, match=r"^its process ended with code 7; "):
        run(folder, "exit 7")


def test_the_log_keeps_what_earlier_children_said(folder):
    (folder / "log.txt").write_text("first\n")
    run(folder, "echo again")
    assert (folder / "log.txt").read_text() == "first\nagain\n"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_ends_the_child_before_it_is_raised_on(folder, interrupt):
    def stop(events):
        if events:
            raise interrupt

    begun = time.monotonic()
    with pytest.raises(interrupt):
        run(folder, "echo $$ > pid", say(EPOCHS[0]), "exec sleep 60", on_events=stop)
    assert time.monotonic() - begun < 10.0
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)


def test_ctrl_c_does_not_reach_the_child(folder):
    # The terminal sends it to the process group; the child leads a group and a session of its own.
    run(folder, "ps -o pgid=,sid= -p $$ > ids")
    group, session = map(int, (folder / "ids").read_text().split())
    assert group != os.getpgrp()
    assert session != os.getsid(0)


def is_alive(pid):
    """Whether a process runs; a dead one that nobody has asked after (a zombie) does not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent")
def test_the_death_of_the_server_ends_its_child_and_the_next_child_has_a_new_server(folder):
    lines = ["echo $$ > pid; echo $PPID > server", say(EPOCHS[0]), "exec sleep 60"]

    def kill_server(events):
        if events:
            os.kill(int((folder / "server").read_text()), signal.SIGKILL)

    with pytest.raises(FoldRunFailed, match=r"^its process ended with code 255; "):
        run(folder, *lines, on_events=kill_server)
    deadline = time.monotonic() + 10.0
    while is_alive((folder / "pid").read_text().strip()):
        assert time.monotonic() < deadline, "the child outlived its server"
        time.sleep(0.01)
    (folder / "events.jsonl").unlink()
    run(folder, "true")
