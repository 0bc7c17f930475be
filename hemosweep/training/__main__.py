"""`python -m hemosweep.training FOLDER`: one fold run in a process of its own, started by a worker of a cluster.

It leads a session of its own and writes its output into the folder's log. It ends when its worker ends, or when the
worker is silent for a while: by then another worker has the fold run.
"""

import os
import select
import signal
import sys
import threading
from pathlib import Path

from hemosweep.processes import die_with_parent
from hemosweep.training.child import alone, train_fold

SILENCE_S = 30.0
"""A worker writes a byte to our standard input every second or so; after this long without one it counts as lost."""
LOST_WORKER_PATIENCE_S = 2 * SILENCE_S
"""Time that the process of a lost worker may still hold the folder: it needs `SILENCE_S` to notice."""


def main(folder: Path) -> int:
    die_with_parent(os.getppid())
    threading.Thread(target=_watch, args=(sys.stdin.fileno(),), daemon=True).start()
    return alone(train_fold, folder, patience_s=LOST_WORKER_PATIENCE_S)


def _watch(sign_of_life: int) -> None:
    """End this process, like a kill, when the worker is silent or gone; it is gone on with from its last epoch."""
    while select.select([sign_of_life], [], [], SILENCE_S)[0]:
        if not os.read(sign_of_life, 4096):
            break
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
