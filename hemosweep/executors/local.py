"""Runs fold runs on this machine, each in a child process of its own."""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType

from hemosweep.executors.exit_status import SERVER_DIED, num_events, read_end, stillborn
from hemosweep.executors.machine import num_places, num_threads
from hemosweep.executors.protocol import THREADING, Ended
from hemosweep.foldrun.spec import LOG_NAME
from hemosweep.model.device import THREADS, count_gpus
from hemosweep.processes import deaf_to_the_terminal
from hemosweep.training.child import run_job, train_fold

_FORKSERVER = multiprocessing.get_context("forkserver")
"""Start method: children are forked from one server that has imported torch and uses no GPU. A server that was killed,
as the system does when memory is short, takes its children with it, and the next child starts another one."""
_FORKSERVER.set_forkserver_preload(["hemosweep.training.server", "hemosweep.data.nifti"])

SERVER_END_S = 0.3
"""Time that the system may take to end a server that was killed."""
_LEASE = "CUDA_VISIBLE_DEVICES"


def leases(
    per_gpu: int | None = None, *, at_once: int | None = None, one_a_processor: bool = False
) -> tuple[Mapping[str, str], ...]:
    """Environments of the fold runs that run at a time: one GPU each, of those that this process may use, or a share of
    the processors each.

    Args:
        per_gpu, at_once, one_a_processor: as `num_places`.

    Raises:
        BadInput: as `num_places`.
    """
    num_gpus = count_gpus()
    places = num_places(num_gpus, per_gpu, at_once=at_once, one_a_processor=one_a_processor)
    if not num_gpus:
        return ({},) if places == 1 else ({THREADS: str(num_threads(places))},) * places
    visible = os.environ.get(_LEASE)
    names = [str(index) for index in range(num_gpus)] if visible is None else visible.split(",")
    return tuple({_LEASE: name.strip()} for _ in range(per_gpu or 1) for name in names)


@contextmanager
def _without_main() -> Iterator[None]:
    """Context in which a forked process does not run the driver's script: a child needs nothing of it, and the script's
    imports took 0.13 s, most of the time before the child's job."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _ensure_server() -> None:
    """Start the server where there is none, or where it was killed."""
    with deaf_to_the_terminal():
        ensure_running()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Child:
    process: BaseProcess
    lease: Mapping[str, str]
    num_earlier_events: int


class LocalExecutor:
    """Executor that trains as many fold runs at once as there are leases, in the order they were started.

    Args:
        job: function that a child runs on its folder; it returns the child's exit code. It must belong to a module that
            can be imported, not to the running script.
    """

    def __init__(self, leases: Sequence[Mapping[str, str]] = ({},), *, job: Callable[[Path], int] = train_fold) -> None:
        self._free = list(leases)
        self._children: dict[Path, _Child] = {}
        self._stillborn: list[Ended] = []
        self._job = job
        for name, value in THREADING.items():
            os.environ.setdefault(name, value)
        _ensure_server()  # It starts to import torch now, so that the first fold run waits less for it.

    @property
    def num_slots(self) -> int:
        return len(self._free) + len(self._children)

    @property
    def num_open(self) -> int:
        return self.num_slots

    def start(self, folder: Path) -> None:
        lease = self._free.pop(0)
        process = _FORKSERVER.Process(target=run_job, args=(self._job, folder, folder / LOG_NAME, lease))
        self._children[folder] = _Child(process=process, lease=lease, num_earlier_events=num_events(folder))
        try:
            _ensure_server()
            with _without_main():
                process.start()
        except (EOFError, OSError) as error:  # The server died meanwhile, or the system has no process to spare.
            self._free.append(self._children.pop(folder).lease)
            self._stillborn.append(stillborn(folder, error))

    def wait(self, timeout_s: float) -> list[Ended]:
        if self._stillborn:
            ended, self._stillborn = self._stillborn, []
            return ended
        folders = {child.process.sentinel: folder for folder, child in self._children.items()}
        return [self._end(folders[sentinel]) for sentinel in wait(folders, timeout_s) if isinstance(sentinel, int)]

    def pause(self) -> None:
        for child in self._children.values():
            child.process.terminate()

    def kill(self) -> None:
        self._stillborn.clear()
        for child in self._children.values():
            # One that has ended is not asked again: another process may have its number by now.
            if child.process.pid is not None and child.process.is_alive():
                child.process.kill()
        for folder in list(self._children):
            if self._children[folder].process.pid is not None:
                self._end(folder)

    def _end(self, folder: Path) -> Ended:
        child = self._children.pop(folder)
        child.process.join()
        if child.process.exitcode == SERVER_DIED:
            # Its files are closed before the system tells of its end; until then the next start would ask it again.
            time.sleep(SERVER_END_S)
        self._free.append(child.lease)
        return read_end(folder, child.process.exitcode, child.num_earlier_events)
