"""The local executor with a shell script in the child's place: what it hands over, and how it says what went wrong."""

import os
import sys
import time

import pytest

from hemosweep.engine.local import run_in_child
from hemosweep.errors import FoldRunFailed

EVENT = '{"time": 1.0, "event": "%s"%s}'
EPOCHS = [EVENT % ("epoch", f', "epoch": {number}') for number in (1, 2)]
FAILED = EVENT % ("failed", ', "kind": "out_of_memory", "message": "no memory for 3 GiB"')


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Puts a script in the child's place; returns the fold run's folder."""

    def make(*lines):
        script = tmp_path / "python"
        script.write_text("#!/bin/bash\n" + "\n".join(['journal="$4/events.jsonl"', *lines]) + "\n")
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))
        folder = tmp_path / "fold run"
        folder.mkdir(exist_ok=True)
        return folder

    return make


def say(event):
    return f"echo '{event}' >> \"$journal\""


def ignore(events):
    pass


def test_the_child_is_told_its_folder_and_who_its_parent_is(child):
    folder = child('printf \'%s\\n\' "$@" > "$4/told"')
    run_in_child(folder, ignore)
    assert (folder / "told").read_text().splitlines() == [
        "-P",
        "-m",
        "hemosweep.training",
        str(folder),
        str(os.getpid()),
    ]


def test_the_journal_is_handed_over_as_it_grows_and_whole_at_the_end(child):
    handed = []
    folder = child(say(EPOCHS[0]), "sleep 0.5", say(EPOCHS[1]))
    run_in_child(folder, lambda events: handed.append([event["epoch"] for event in events]))
    assert handed[-1] == [1, 2]
    assert [1] in handed
    assert handed == sorted(handed), "never a step back"


def test_an_event_of_the_childs_last_moment_is_handed_over(child):
    handed = []
    run_in_child(child(say(EPOCHS[0])), handed.append)
    assert [event["epoch"] for event in handed[-1]] == [1]


def test_a_failure_names_its_kind_its_message_and_the_log(child):
    folder = child("echo Traceback >&2", say(FAILED), "exit 1")
    with pytest.raises(FoldRunFailed) as raised:
        run_in_child(folder, ignore)
    assert str(raised.value) == f"out of memory: no memory for 3 GiB; details in {folder / 'log.txt'}"
    assert (folder / "log.txt").read_text() == "Traceback\n"


def test_a_child_that_was_killed_names_the_signal(child):
    with pytest.raises(FoldRunFailed, match=r"^its process was killed by signal 9; details in .*log\.txt$"):
        run_in_child(child("kill -KILL $$"), ignore)


def test_a_child_that_ends_without_a_word_names_its_code(child):
    with pytest.raises(FoldRunFailed, match=r"^its process ended with code 7; "):
        run_in_child(child("exit 7"), ignore)


def test_the_failure_of_an_earlier_child_is_not_taken_for_this_ones(child):
    folder = child("exit 7")
    (folder / "events.jsonl").write_text(FAILED + "\n")
    with pytest.raises(FoldRunFailed, match=r"^its process ended with code 7; "):
        run_in_child(folder, ignore)


def test_the_log_keeps_what_earlier_children_said(child):
    folder = child("echo again")
    (folder / "log.txt").write_text("first\n")
    run_in_child(folder, ignore)
    assert (folder / "log.txt").read_text() == "first\nagain\n"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_ends_the_child_before_it_is_raised_on(child, interrupt):
    folder = child('echo $$ > "$4/pid"', say(EPOCHS[0]), "exec sleep 60")

    def stop(events):
        if events:
            raise interrupt

    begun = time.monotonic()
    with pytest.raises(interrupt):
        run_in_child(folder, stop)
    assert time.monotonic() - begun < 10.0
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)


def test_ctrl_c_does_not_reach_the_child(child):
    # The terminal sends it to the process group; the child leads a group and a session of its own.
    folder = child('ps -o pgid=,sid= -p $$ > "$4/ids"')
    run_in_child(folder, ignore)
    group, session = map(int, (folder / "ids").read_text().split())
    assert group != os.getpgrp()
    assert session != os.getsid(0)
