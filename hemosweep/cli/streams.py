"""Standard output and standard error of a command, where they cannot be written to, too."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

STANDARD_OUTPUT = "standard output"


class _Watched(io.FileIO):
    """A stream that calls `before` with what it is about to write on a terminal, or with nothing elsewhere."""

    before: Callable[[bytes], None]

    def write(self, data: Any) -> int:
        self.before(bytes(data) if self.isatty() else b"")
        return super().write(data)


class _Results(_Watched):
    """Standard output; an error of the system has its name."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = STANDARD_OUTPUT
            raise


class _Messages(_Watched):
    """Standard error. What cannot be written is dropped: the terminal is closed, or the disk of a log is full.

    There is no other place to tell it, and the work, its record and the exit code must not depend on messages.
    """

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


@contextmanager
def safe_streams(before: Callable[[bytes], None]) -> Iterator[None]:
    """Context in which messages never raise, and an error of standard output names it.

    A descriptor that is closed is opened on nothing first: the next file would get its number, and all that is printed.
    A character that the user's encoding lacks is escaped.

    Args:
        before: called before each output, with its bytes where it goes to a terminal.
    """
    _open_closed_descriptors()
    streams = sys.stdout, sys.stderr
    sys.stdout = _wrapped(sys.stdout, _Results, 1, before)
    sys.stderr = _wrapped(sys.stderr, _Messages, 2, before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        sys.stdout, sys.stderr = streams


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


def _wrapped(stream: TextIO, kind: type[_Watched], number: int, before: Callable[[bytes], None]) -> TextIO:
    """The stream over a descriptor of that kind; itself where a program has replaced it."""
    try:
        if stream.fileno() != number:
            return stream
    except (OSError, ValueError):
        return stream
    stream.flush()
    raw = kind(number, "wb", closefd=False)
    raw.before = before
    buffer = io.BufferedWriter(raw)
    return io.TextIOWrapper(
        buffer, encoding=stream.encoding, errors="backslashreplace", line_buffering=number == 2 or stream.isatty()
    )
