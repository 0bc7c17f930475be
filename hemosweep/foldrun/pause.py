"""Pause of a fold run on SIGTERM, which a cluster sends before it takes a machine back: it stops where nothing is
lost."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

PAUSED = os.EX_TEMPFAIL
"""Exit code of a fold run that was asked to stop, and goes on when it is started again."""


class Paused(Exception):
    """A fold run stopped on request. The same call goes on with it."""


@contextmanager
def pause_on_sigterm() -> Iterator[Callable[[], bool]]:
    """Context in which the first SIGTERM makes the yielded function return True; a second one ends the process at once.

    Only the main thread may enter it.
    """
    requested = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal requested
        requested = True
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield lambda: requested
    finally:
        signal.signal(signal.SIGTERM, before)
