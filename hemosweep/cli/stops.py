"""Signals that end a command: Ctrl-C, SIGTERM, and the SIGHUP of a terminal that is closed. All raise
KeyboardInterrupt in the main thread, so a command knows one way to be stopped."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from hemosweep.activity import doing

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ONE_STOP_S = 5.0
"""Signals within this time of the first are the same stop. A closed terminal sends SIGHUP by the shell and by the
system, and a cluster may send SIGTERM twice: the second one must not end the storing of what the first one stopped."""


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Context in which each of the signals raises KeyboardInterrupt. From then on the process is "stopping".

    A signal that is ignored as the process starts stays ignored: SIGHUP under `nohup`, Ctrl-C in a script's background.
    Processes that are started have the system's handlers, or ignore a signal as this one does. Only the main thread
    may enter it.
    """
    stopped_at: float | None = None
    until_the_end = ExitStack()

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopped_at
        now = time.monotonic()
        if stopped_at is None or now - stopped_at > ONE_STOP_S:
            stopped_at = now
            until_the_end.enter_context(doing("stopping"))
            raise KeyboardInterrupt

    heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    with until_the_end:
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
