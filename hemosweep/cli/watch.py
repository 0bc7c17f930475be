"""Notes on standard error while a command prints nothing: what it does, and for how long already.

On a terminal the note is one line that is renewed each second, and that goes before anything else is printed. In a file
or a pipe it is a plain line, at most one for each piece of work at first, and then at ever longer intervals.
"""

import os
import re
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from hemosweep.activity import present
from hemosweep.durations import duration

QUIET = "HEMOSWEEP_QUIET"
"""Variable of the environment that leaves the notes out, whatever its value."""
TICK_S = 0.25
PATIENCE_S = 1.0
PATIENCE_IN_FILES_S = 1.5
"""Time without output after which a note comes, on a terminal and elsewhere."""
AGAIN_S = 30.0
"""Time until the second note of a piece of work in a file; each further one takes twice as long."""
_LIBRARIES = {"torch": "PyTorch", "mlflow": "MLflow", "optuna": "Optuna", "matplotlib": "Matplotlib", "dask": "Dask"}
"""Libraries whose import may take seconds, and their names."""
_CODES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")


@dataclass(frozen=True, slots=True)
class _Note:
    """`work` is the same for all notes of one piece of work. Without a `text` there is nothing to say."""

    work: object
    text: str
    begun: float


class Watch:
    """Watch over the output of a command.

    Args:
        write: writes a text on standard error.
        width: returns the columns of the terminal; None where standard error is none.
    """

    def __init__(
        self,
        command: str,
        *,
        write: Callable[[str], None],
        width: Callable[[], int] | None,
    ) -> None:
        self._command = command
        self._write = write
        self._width = width
        self._patience_s = PATIENCE_IN_FILES_S if width is None else PATIENCE_S
        self._lock = threading.RLock()
        self._begun = self._silent_since = time.monotonic()
        self._in_line = False
        self._num_shown = 0
        self._told: object = None
        self._again_at = 0.0
        self._pause_s = AGAIN_S

    def output(self, data: bytes) -> None:
        """Take the note back, before the command itself writes."""
        with self._lock:
            self._erase()
            self._silent_since = time.monotonic()
            # A progress bar, or a question, that has not ended its line renews itself, and must not be written over.
            self._in_line = re.split(rb"[\r\n]", _CODES.sub(b"", data))[-1] != b""

    def tick(self) -> None:
        """Write or renew the note where one is due."""
        with self._lock:
            now = time.monotonic()
            note = self._note()
            if now - self._silent_since < self._patience_s or not note.text:
                return
            lasted_s = now - note.begun
            text = note.text if lasted_s < 1.0 else f"{note.text} ({duration(lasted_s)})"
            if self._width is not None:
                if not self._in_line:
                    self._show(text, self._width())
            elif note.work != self._told or now >= self._again_at:
                self._pause_s = AGAIN_S if note.work != self._told else 2 * self._pause_s
                self._told, self._again_at = note.work, now + self._pause_s
                self._silent_since = now
                self._write(f"{text}\n")

    def end(self) -> None:
        with self._lock:
            self._erase()

    def _note(self) -> _Note:
        for name, title in _LIBRARIES.items():
            spec = getattr(sys.modules.get(name), "__spec__", None)
            if getattr(spec, "_initializing", False):
                return _Note(name, f"loading {title}", self._silent_since)
        activity = present()
        if activity is None:
            return _Note(self._command, f"{self._command} is at work", self._begun)
        how_far = f", {activity.progress}" if activity.progress else ""
        return _Note(activity, activity.text and f"{activity.text}{how_far}", activity.begun)

    def _show(self, text: str, width: int) -> None:
        shown = textwrap.shorten(text, width - 1, placeholder=" …") if len(text) >= width else text
        blanks = " " * max(0, self._num_shown - len(shown))
        self._write(f"\r{shown}{blanks}\r{shown}" if blanks else f"\r{shown}")
        self._num_shown = len(shown)

    def _erase(self) -> None:
        # Blanks, not a code of the terminal, which some terminals do not know.
        if self._num_shown:
            self._write(f"\r{' ' * self._num_shown}\r")
            self._num_shown = 0


@contextmanager
def watched() -> Iterator[Callable[[bytes], None]]:
    """Context in which a command that prints nothing gets notes; yields the function to call before each output."""
    if QUIET in os.environ:
        yield lambda data: None
        return
    watch = Watch(_command(), write=_write, width=_width if _is_terminal() else None)
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(TICK_S):
            watch.tick()

    thread = threading.Thread(target=run, name="watch", daemon=True)
    # Signals are the main thread's, also while it has them blocked.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        yield watch.output
    finally:
        ended.set()
        thread.join(2 * TICK_S)
        watch.end()


def _command() -> str:
    """Name of the command as typed, without its arguments."""
    typed = sys.argv[1:]
    if typed[:1] == ["data"]:
        return " ".join(["hemosweep", *typed[:2]])
    return " ".join(["hemosweep", *typed[:1]])


def _is_terminal() -> bool:
    return os.isatty(2) and os.environ.get("TERM") != "dumb"


def _width() -> int:
    columns = os.environ.get("COLUMNS", "")
    try:
        return int(columns) if columns.isdecimal() and int(columns) else os.get_terminal_size(2).columns or 80
    except OSError:
        return 80


def _write(text: str) -> None:
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    with suppress(OSError):
        os.write(2, text.encode(encoding, errors="replace"))
