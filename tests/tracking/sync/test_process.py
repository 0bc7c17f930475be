"""Reports on the recorder's process, which may say anything and end in any way."""

import sys

import pytest

from hemosweep.tracking.sync import process
from hemosweep.tracking.sync.destination import find_destination
from hemosweep.tracking.sync.process import recorded_elsewhere
from tests.processes import wait_for

URI = "http://ann:s3cret@lab:5000"


@pytest.fixture
def told(tmp_path, monkeypatch, caplog):
    """The warnings, and the last line, of a recorder that runs a few lines of Python."""

    def told(*lines, until_warned=False):
        monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", "\n".join(("import os, sys", *lines))))
        said = []
        with recorded_elsewhere(tmp_path / "runs", find_destination(URI), say=said.append):
            if until_warned:
                wait_for(lambda: caplog.messages, "a warning")
        return caplog.messages, *said

    return told


def say(**facts):
    """A line of the recorder."""
    return f"print({str(facts)!r}.replace(chr(39), chr(34)).replace('True', 'true'), flush=True)"


WAIT = "sys.stdin.read()"
WAY_OUT = "; training goes on, and what is missing there goes by: hemosweep sync --out "


def test_what_the_process_itself_calls_complete_is_a_success(told):
    assert told(say(recorded=27, total=27, complete=True), WAIT) == (
        [],
        "tracking: 27 of 27 recorded at http://lab:5000",
    )


def test_numbers_that_are_equal_are_none_while_the_server_lacks_what_has_changed(told):
    """As where 27 were recorded the last time, and the server is down now."""
    lines = (say(recorded=27, total=27), say(problem="it is down"), say(recorded=27, total=27), WAIT)
    (warning,), last = told(*lines)
    assert warning.startswith(f"it is down{WAY_OUT}")
    assert last.startswith(
        "tracking: 27 of 27 recorded at http://lab:5000, but not their last changes; these go there by"
    )
    assert told(say(recorded=26, total=27), WAIT)[-1].startswith(
        "tracking: 26 of 27 recorded at http://lab:5000; the rest goes there by: hemosweep sync --out "
    )


@pytest.mark.parametrize(
    ("end", "reason"), [("os.kill(os.getpid(), 9)", "signal 9"), ("os._exit(3)", "exit code 3"), ("", "exit code 0")]
)
def test_a_process_that_dies_is_told_and_is_no_success(told, end, reason):
    (warning,), last = told(say(recorded=2, total=2, complete=True), end, until_warned=True)
    assert warning.startswith(f"the recorder of http://lab:5000 has ended by itself ({reason}){WAY_OUT}")
    assert "but not their last changes" in last


def test_a_process_that_tells_why_it_stops_is_told_once(told):
    (warning,), last = told(say(stopped="the recorder has stopped (KeyError: 1)"), "os._exit(1)")
    assert warning.startswith(f"the recorder has stopped (KeyError: 1){WAY_OUT}")
    assert last.startswith("tracking: nothing is recorded at http://lab:5000 yet; it goes there by: ")


def test_a_line_of_somebody_else_is_passed_on_without_a_password_and_the_next_one_is_read(told):
    lines = (f"print('a library at {URI}', flush=True)", "print(1)", say(recorded=2, total=2, complete=True), WAIT)
    warnings, last = told(*lines)
    assert warnings == [
        "the recorder of http://lab:5000 said: a library at http://lab:5000",
        "the recorder of http://lab:5000 said: 1",
    ]
    assert last == "tracking: 2 of 2 recorded at http://lab:5000"


def test_a_process_that_does_not_end_in_time_is_no_success(told, monkeypatch):
    monkeypatch.setattr(process, "LAST_PASS_S", 0.2)
    lines = (say(recorded=2, total=2, complete=True), "print(1, flush=True)", "import time; time.sleep(60)")
    warnings, last = told(*lines, until_warned=True)
    assert warnings == ["the recorder of http://lab:5000 said: 1"]
    assert "but not their last changes" in last
