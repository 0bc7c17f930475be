"""Notes while a command prints nothing: what it does, on a line of a terminal or as a line of a file."""

import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from hemosweep.activity import doing, present, serving
from hemosweep.cli.stops import signals_interrupt
from hemosweep.cli.watch import AGAIN_S, PATIENCE_IN_FILES_S, PATIENCE_S, QUIET, Watch
from hemosweep.tracking.database import database_path

COMMAND = Path(sys.executable).with_name("hemosweep")


class Screen:
    """A watch, and what it has written."""

    def __init__(self, clock, width=None):
        self.clock, self.text = clock, ""
        self.watch = Watch("hemosweep runs", write=self.write, width=None if width is None else lambda: width)

    def write(self, text):
        self.text += text

    def wait(self, seconds):
        for _ in range(round(4 * seconds)):
            self.clock.now += 0.25
            self.watch.tick()

    @property
    def line(self):
        """The line as a terminal shows it, where each character replaces the one below it."""
        shown = ""
        for part in self.text.split("\n")[-1].split("\r"):
            shown = part + shown[len(part) :]
        return shown.rstrip()


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""

    class Clock:
        now = 100.0

    monkeypatch.setattr("time.monotonic", lambda: Clock.now)
    return Clock


@pytest.fixture
def file(clock):
    return Screen(clock)


@pytest.fixture
def terminal(clock):
    return Screen(clock, width=80)


def test_whoever_waits_is_told_within_two_seconds(file, terminal):
    assert PATIENCE_S < PATIENCE_IN_FILES_S < 2.0
    for screen in (file, terminal):
        screen.watch.output(b"a line\n")
        with doing("timing a step"):
            screen.wait(PATIENCE_IN_FILES_S)
        assert "timing a step (2 s)" in screen.text


def test_what_has_no_name_is_told_by_the_command(file):
    file.wait(2)
    assert file.text == "hemosweep runs is at work (2 s)\n"


def test_a_file_gets_a_line_for_each_piece_of_work_and_further_ones_at_longer_intervals(file):
    with doing("timing") as tell:
        file.wait(2)
        tell("3 of 9")
        file.wait(AGAIN_S)
        with doing("waiting"):
            file.wait(2)
        file.wait(3 * AGAIN_S + 4)
    assert file.text.splitlines() == [
        "timing (2 s)",
        "timing, 3 of 9 (32 s)",
        "waiting (1 s)",
        "timing, 3 of 9 (34 s)",
        "timing, 3 of 9 (1 min 04 s)",
        "timing, 3 of 9 (2 min 04 s)",
    ]


def test_a_terminal_has_one_line_that_is_renewed(terminal):
    with doing("timing") as tell:
        terminal.wait(3)
        assert terminal.line == "timing (3 s)"
        tell("3 of 9")
        terminal.wait(8)
        assert terminal.line == "timing, 3 of 9 (11 s)"
    with doing("done"):
        terminal.wait(1)
        assert terminal.line == "done (1 s)"
    assert "\n" not in terminal.text
    assert "\x1b" not in terminal.text


def test_the_line_goes_before_the_command_prints(terminal):
    with doing("timing"):
        terminal.wait(2)
        terminal.watch.output(b"result\n")
        terminal.text += "result\n"
    assert terminal.text.split("\r")[-1] == "result\n"
    assert not terminal.text.split("\r")[-2].strip()


def test_output_is_no_silence(file, terminal):
    for screen in (file, terminal):
        for _ in range(9):
            screen.watch.output(b"a line\n")
            screen.wait(PATIENCE_S / 2)
        assert screen.text == ""


@pytest.mark.parametrize("bar", [b"\rphantoms 3/18", b"\x1b[2Kphantoms \x1b[1m3/18\x1b[0m", b"really? "])
def test_a_line_that_is_not_ended_is_not_written_over(terminal, bar):
    terminal.watch.output(bar)
    terminal.wait(9)
    assert terminal.text == ""
    terminal.watch.output(b"\r\x1b[1A\x1b[2K")
    terminal.wait(2)
    assert terminal.line.startswith("hemosweep runs is at work")


def test_a_stop_is_told_until_the_end_or_until_another_work_begins(file):
    with signals_interrupt():
        with pytest.raises(KeyboardInterrupt), doing("timing a training step"):
            signal.raise_signal(signal.SIGTERM)  # Ctrl-C is ignored in a process of the background.
        file.wait(4)
        with doing("recording results"):
            file.wait(4)
    assert [re.sub(r" \(.*", "", line) for line in file.text.splitlines()] == ["stopping", "recording results"]
    assert present() is None


def test_a_server_that_is_ready_lets_nobody_wait(file, terminal):
    for screen in (file, terminal):
        with doing("starting"), serving():
            screen.wait(99)
        assert screen.text == ""


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_line_fits_the_terminal_and_breaks_no_word(clock, width):
    terminal = Screen(clock, width=width)
    words = "timing a training step of UNet, patches of 48x48x24, and of many a network more than that, as in the paper"
    with doing(words):
        terminal.wait(2)
    assert len(terminal.line) < width
    assert set(terminal.line.split()) <= {*words.split(), "…", "(2", "s)"}


def test_an_import_that_takes_long_is_named(file, monkeypatch):
    half = SimpleNamespace(__spec__=SimpleNamespace(_initializing=True))
    monkeypatch.setitem(sys.modules, "mlflow", half)
    file.wait(2)
    assert file.text == "loading MLflow (2 s)\n"


def loud(environment):
    return {name: value for name, value in environment.items() if name != QUIET}


def test_a_wait_for_a_database_that_another_process_holds_is_told(tmp_path):
    path = database_path(tmp_path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE anything (name)")
        database.commit()
        database.execute("BEGIN EXCLUSIVE")
        command = [str(COMMAND), "runs", "--json", "--out", str(tmp_path)]
        process = subprocess.Popen(
            command, env=loud(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with process:
            told = next(line for line in process.stderr if "waiting" in line)
            database.rollback()
            rest = process.stderr.read()
            assert process.stdout.read() == ""
    waited = re.fullmatch(rf"waiting for {path}, which another program holds(?: \((\d+) s\))?\n", told)
    assert int(waited[1] or 0) <= 2  # Under a second it has no time.
    assert rest.startswith("error: ")


def test_on_a_terminal_nothing_is_left_of_a_note(tmp_path):
    slow = (
        "import sys, time, hemosweep.workflows.sweeps as w, hemosweep.cli as cli\n"
        "found = w.list_sweeps\n"
        "w.list_sweeps = lambda **options: [time.sleep(1.4), found(**options)][1]\n"
        "sys.argv = ['hemosweep', 'sweeps', '--names']\n"
        "cli.main()\n"
    )
    child, descriptor = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-c", slow], loud(os.environ) | {"TERM": "xterm", "NO_COLOR": "1"})
    written = b""
    while part := read(descriptor):
        written += part
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(descriptor)
    first, *names = written.decode().split("\r\n")
    assert "hemosweep sweeps is at work (" in first
    assert first.split("\r")[-1] == "se"
    assert not first.split("\r")[-2].strip()
    assert "patchsize" in names
    assert b"\x1b" not in written


def read(descriptor):
    try:
        return os.read(descriptor, 4096)
    except OSError:  # The other side is closed.
        return b""
