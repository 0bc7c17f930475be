"""A fold run's process must not outlive the driver that started it."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


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
