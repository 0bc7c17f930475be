"""Runs fold runs on the workers of a Dask cluster, each in a child process of its own.

The cluster's machines share the output folder and this installation. A worker trains one fold run at a time for each
`GPU` that it offers as a resource. On a machine without GPUs this resource is only the number of fold runs at a time.
"""

import os
import queue
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemosweep.errors import HemosweepError
from hemosweep.executors.exit_status import num_events, read_end
from hemosweep.executors.protocol import THREADING, Ended
from hemosweep.foldrun.lock import LOCK_NAME, holder
from hemosweep.foldrun.spec import LOG_NAME

if TYPE_CHECKING:
    from distributed import Client, Future

RESOURCE = "GPU"
SIGN_OF_LIFE_S = 1.0
NUM_RETRIES = 2
_COUNT_EVERY_S = 2.0
_KILL_TIMEOUT_S = 20.0
_POLL_S = 0.05

_children: dict[str, "subprocess.Popen[bytes]"] = {}
"""In a worker: folder of a fold run to the process that trains it."""


class DaskExecutor:
    """Hands fold runs to the workers of a cluster, in the order they were started.

    Args:
        num_ahead: number of fold runs that may wait at the cluster: enough to keep its workers busy, and few enough
            that a later arm does not overtake an earlier one for long.
        check: raises an error when the cluster will train nothing any more.
    """

    def __init__(self, client: "Client", *, num_ahead: int, check: Callable[[], None] = lambda: None) -> None:
        self._client = client
        self._check = check
        self._num_ahead = num_ahead
        self._futures: dict[Path, Future[Any]] = {}
        self._over: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        self._pausing = False
        self._num_started = 0
        self._num_places = 0
        self._counted = -_COUNT_EVERY_S

    @property
    def num_slots(self) -> int:
        if time.monotonic() - self._counted > _COUNT_EVERY_S:
            self._num_places = num_places(self._client)
            self._counted = time.monotonic()
        return max(1, self._num_places)

    @property
    def num_open(self) -> int:
        return self.num_slots + self._num_ahead

    def start(self, folder: Path) -> None:
        if self._client.status not in ("running", "connecting"):
            raise HemosweepError(
                "the cluster's scheduler is gone; start it again, and the same command goes on from here"
            )
        self._num_started += 1
        # The name is more than the digest: a cancelled task may still exist under the digest.
        key = f"fold-run-{folder.name}-{uuid.uuid4().hex[:8]}"
        future = self._client.submit(
            train_on_worker,
            str(folder.resolve()),
            key,
            key=key,
            resources={RESOURCE: 1},
            retries=NUM_RETRIES,
            priority=-self._num_started,
            pure=False,
        )
        self._futures[folder] = future
        future.add_done_callback(self._over.put)

    def wait(self, timeout_s: float) -> list[Ended]:
        self._check()
        ended: list[Ended] = []
        with suppress(queue.Empty):
            future = self._over.get(timeout=timeout_s)
            while True:
                ended += self._end(future)
                future = self._over.get_nowait()
        return ended

    def pause(self) -> None:
        self._pausing = True
        folders = {str(folder.resolve()): folder for folder in self._futures}
        running = self._client.run(pause_on_worker, list(folders), on_error="return").values()
        paused = {name for names in running if isinstance(names, list) for name in names}
        self._client.cancel([self._futures[folder] for name, folder in folders.items() if name not in paused])

    def kill(self) -> None:
        self._client.cancel(list(self._futures.values()))
        deadline = time.monotonic() + _KILL_TIMEOUT_S
        while any(holder(folder / LOCK_NAME) for folder in self._futures) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        self._futures.clear()

    def _end(self, future: "Future[Any]") -> list[Ended]:
        """End of a fold run, unless it was already returned. The cluster forgets the task at once: otherwise it would
        run the task again when the worker that holds the result dies."""
        folder = next((folder for folder, submitted in self._futures.items() if submitted is future), None)
        if folder is None:
            return []
        del self._futures[folder]
        if future.status == "finished":
            code, num_earlier_events = future.result()
            ended = read_end(folder, code, num_earlier_events)
            if ended.paused and not self._pausing:
                ended = replace(ended, transient=True)  # The cluster takes the machine back.
        elif future.status == "error":
            failure = f"its worker failed ({_one_line(future.exception())})"
            ended = Ended(folder=folder, failure=failure, transient=True)
        else:
            ended = Ended(folder=folder, failure="the cluster gave it up", transient=True)
        future.release()
        return [ended]


def num_places(client: "Client") -> int:
    """Number of fold runs that the present workers can train at once."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return sum(int(worker["resources"].get(RESOURCE, 0)) for worker in workers)


def train_on_worker(folder: str, key: str) -> tuple[int, int]:
    """Train the fold run in a folder, in a process of its own, and wait for its end: the task of a worker.

    The process is killed as soon as the task is cancelled or its driver is gone.

    Returns: The process's exit code, and the number of events in the journal before it.
    """
    from distributed import get_worker

    tasks = get_worker().state.tasks
    num_earlier_events = num_events(Path(folder))
    with (Path(folder) / LOG_NAME).open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "hemosweep.training", folder],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=THREADING | dict(os.environ),
            start_new_session=True,
        )
    assert child.stdin is not None
    _children[folder] = child
    try:
        while True:
            with suppress(BrokenPipeError):
                child.stdin.write(b".")  # A sign of life: see hemosweep.training.__main__.
            with suppress(subprocess.TimeoutExpired):
                return child.wait(SIGN_OF_LIFE_S), num_earlier_events
            if key not in tasks or tasks[key].state == "cancelled":
                child.kill()
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        del _children[folder]


def pause_on_worker(folders: Sequence[str]) -> list[str]:
    """Ask those of the fold runs that this worker trains to stop where nothing is lost."""
    ours = [folder for folder in folders if folder in _children]
    for folder in ours:
        _children[folder].send_signal(signal.SIGTERM)
    return ours


def _one_line(error: BaseException | None) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
