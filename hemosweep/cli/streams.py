"""Standard output and standard error of a command, where they cannot be written to, too."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

STANDARD_OUTPUT = "standard output"


class _Results(io.FileIO):
    """Standard output; an error of the system has its name."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = STANDARD_OUTPUT
            raise


class _Messages(io.FileIO):
    """Standard error. What cannot be written is dropped: the terminal is closed, or the disk of a log is full.

    There is no other place to tell it, and the work, its record and the exit code must not depend on messages.
    """

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


@contextmanager
def safe_streams() -> Iterator[None]:
    """Context in which messages never raise, and an error of standard output names it.

    A descriptor that is closed is opened on nothing first: the next file would get its number, and all that is printed.
    A character that the user's encoding lacks is escaped.
    """
    _open_closed_descriptors()
    before = sys.stdout, sys.stderr
    sys.stdout = _wrapped(sys.stdout, _Results, 1)
    sys.stderr = _wrapped(sys.stderr, _Messages, 2)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        sys.stdout, sys.stderr = before


def drop_output() -> None:
    """Let the rest of standard output go nowhere: nobody reads it any more."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _open_closed_descriptors() -> None:
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # The lowest free number, which is this one.
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))


def _wrapped(stream: TextIO, kind: type[io.FileIO], number: int) -> TextIO:
    """The stream over a descriptor of that kind; itself where a program has replaced it."""
    try:
        if stream.fileno() != number:
            return stream
    except (OSError, ValueError):
        return stream
    stream.flush()
    buffer = io.BufferedWriter(kind(number, "wb", closefd=False))
    return io.TextIOWrapper(
        buffer, encoding=stream.encoding, errors="backslashreplace", line_buffering=number == 2 or stream.isatty()
    )
