"""Ties between a process and those that it starts: they end with it, and signals of its terminal are its own."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

_PR_SET_PDEATHSIG = 1
_OF_THE_TERMINAL = frozenset({signal.SIGINT, signal.SIGHUP})


def die_with_parent(parent: int) -> None:
    """Ask Linux to kill this process when its parent dies, however the parent dies; elsewhere does nothing.

    Args:
        parent: the parent's process id, told by itself: a parent that is dead by now cannot be found out.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # The parent died before the request, while this process imported torch for seconds, say.
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def deaf_to_the_terminal() -> Iterator[None]:
    """Context in which a process that is started never gets Ctrl-C, nor the SIGHUP of a terminal that is closed.

    Both reach the whole process group. Only the process that the user started answers them, and ends the others; one
    that died beside it would look like a failure. They are blocked, not ignored: this process still gets one that
    comes meanwhile, at the end of the context.
    """
    # The first start of a process through multiprocessing starts this one, too; it unblocks Ctrl-C in this process.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_THE_TERMINAL)
    try:
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, _OF_THE_TERMINAL)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
