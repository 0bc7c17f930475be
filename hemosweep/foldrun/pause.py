"""SIGTERM asks a fold run to stop where nothing is lost, as a cluster does before it takes a machine back."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

PAUSED = os.EX_TEMPFAIL
"""Exit code of a fold run that was asked to stop, and goes on when it is started again."""


class Paused(Exception):
    """A fold run stopped because it was asked to. The same call goes on with it."""


@contextmanager
def pause_on_sigterm() -> Iterator[Callable[[], bool]]:
    """Within it the first SIGTERM only changes what the yielded function says; a second one ends the process at once.

    To be entered in the main thread.
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
