"""Signals that end a command: Ctrl-C, SIGTERM, and the SIGHUP of a terminal that is closed. All raise
KeyboardInterrupt in the main thread, so a command knows one way to be stopped."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from hemosweep.activity import doing

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ONE_STOP_S = 5.0
"""Signals within this time of the first are the same stop. A closed terminal sends SIGHUP by the shell and by the
system, and a cluster may send SIGTERM twice: the second one must not end the storing of what the first one stopped."""
AGAIN_S = 0.05
"""Time after which a stop that Python threw away is tried again."""


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Context in which each of the signals raises KeyboardInterrupt. From then on the process is "stopping".

    A signal that is ignored as the process starts stays ignored: SIGHUP under `nohup`, Ctrl-C in a script's background.
    Processes that are started have the system's handlers, or ignore a signal as this one does. Only the main thread
    may enter it.

    Python throws an exception away where it meets a destructor or the callback of a weak reference, as libraries have
    many: such a stop is tried again until it meets other code.
    """
    stopped_at: float | None = None
    last: int = signal.SIGINT
    until_the_end, tell_ignored = ExitStack(), sys.unraisablehook

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopped_at, last
        now = time.monotonic()
        if stopped_at is None or now - stopped_at > ONE_STOP_S:
            stopped_at, last = now, number
            until_the_end.enter_context(doing("stopping"))
            raise KeyboardInterrupt

    def ignored(unraisable: "sys.UnraisableHookArgs") -> None:
        nonlocal stopped_at
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            tell_ignored(unraisable)
            return
        stopped_at = None
        # By another thread: a signal that is raised here would be thrown away here, too.
        again = threading.Timer(AGAIN_S, os.kill, (os.getpid(), last))
        again.daemon = True
        again.start()
        until_the_end.callback(again.cancel)

    heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    sys.unraisablehook = ignored
    with until_the_end:
        try:
            yield
        finally:
            sys.unraisablehook = tell_ignored
            for number, handler in before.items():
                signal.signal(number, handler)
