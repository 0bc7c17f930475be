"""Ends of a command: whatever ends it has its exit code, and one line or a traceback, never the framework's words."""

import errno
import os
import sys

import pytest

import hemosweep.cli
from hemosweep.cli.streams import STANDARD_OUTPUT
from hemosweep.errors import NotComparable


@pytest.fixture
def ended(monkeypatch, capsys):
    """Runs a command that an exception ends; returns its exit code and standard error."""

    def ended(error):
        def raise_error(**options):
            raise error

        monkeypatch.setattr("hemosweep.workflows.sweeps.list_sweeps", raise_error)
        monkeypatch.setattr(sys, "argv", ["hemosweep", "sweeps"])
        with pytest.raises(SystemExit) as exited:
            hemosweep.cli.main()
        return exited.value.code, capsys.readouterr().err

    return ended


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 1, "stopped; start the same command again\n"),
        (KeyboardInterrupt("the same command goes on"), 1, "stopped; the same command goes on\n"),
        (NotComparable("not the same folds"), 3, "error: not the same folds\n"),
        (MemoryError("3 GiB"), 1, "error: no memory left (3 GiB); end other programs, or give fewer --jobs\n"),
        (
            OSError(errno.EIO, os.strerror(errno.EIO), "/disk/a"),
            2,
            "error: /disk/a: Input/output error; mend it and start the same command again\n",
        ),
        (
            BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)),
            2,
            "error: system: Broken pipe; mend it and start the same command again\n",
        ),
    ],
)
def test_what_ends_a_command_is_one_line_and_an_exit_code(ended, error, code, line):
    assert ended(error) == (code, line)


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EIO])
def test_a_reader_or_a_terminal_that_is_gone_is_no_error_to_tell(ended, monkeypatch, number):
    monkeypatch.setattr("hemosweep.cli.ending.drop_output", lambda: None)
    assert ended(OSError(number, os.strerror(number), STANDARD_OUTPUT)) == (1, "")


@pytest.mark.parametrize("error", [EOFError(), RecursionError(), ZeroDivisionError()])
def test_a_defect_keeps_its_traceback_and_is_no_abort(ended, error):
    with pytest.raises(type(error)):
        ended(error)


def test_a_command_of_a_group_that_is_called_without_it_is_told_with_it(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["hemosweep", "preview", "scans"])
    with pytest.raises(SystemExit) as exited:
        hemosweep.cli.main()
    assert exited.value.code == 2
    assert "No such command 'preview'. Did you mean 'data preview'?" in capsys.readouterr().err
