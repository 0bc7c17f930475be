"""Runs fold runs on this machine, each in a child process of its own."""

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from hemosweep.engine.executor import Ended
from hemosweep.training.child import PAUSED, TAKEN, run_job, train_fold
from hemosweep.training.journal import read_journal
from hemosweep.training.spec import JOURNAL_NAME, LOG_NAME

THREADING = {"GOMP_SPINCOUNT": "5000"}
"""Threads of a child wait a shorter while before they sleep (libgomp). By default a training that shares its cores with
another program all but stops: two at once on two cores gave 20 patches a second each, with this 225; alone it gives 458
instead of 515. What the user's environment says comes first."""

_FORKSERVER = multiprocessing.get_context("forkserver")
"""Children are forked from one server that has imported torch and touches no GPU."""
_FORKSERVER.set_forkserver_preload(["hemosweep.training.server", "hemosweep.data.nifti"])

_LEASE = "CUDA_VISIBLE_DEVICES"
_SERVER_DIED = 255
"""What multiprocessing says of a child whose server is gone."""
_SAID_BY_CODE = {PAUSED: "its process was asked to stop (SIGTERM)", TAKEN: "another process works on it"}


def leases(per_gpu: int = 1) -> tuple[Mapping[str, str], ...]:
    """What the environment of each fold run at a time is to set: a GPU each, of those that this process may use.

    Without a GPU one fold run at a time has the whole CPU.
    """
    if not torch.cuda.is_available():
        return ({},)
    visible = os.environ.get(_LEASE)
    names = [str(index) for index in range(torch.cuda.device_count())] if visible is None else visible.split(",")
    return tuple({_LEASE: name.strip()} for _ in range(per_gpu) for name in names)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Child:
    process: BaseProcess
    lease: Mapping[str, str]
    num_earlier_events: int


class LocalExecutor:
    """Trains as many fold runs at once as there are leases, first come, first served.

    Args:
        job: what a child does with its folder; it returns the child's exit code.
    """

    def __init__(self, leases: Sequence[Mapping[str, str]] = ({},), *, job: Callable[[Path], int] = train_fold) -> None:
        self._free = list(leases)
        self._children: dict[Path, _Child] = {}
        self._job = job

    @property
    def num_slots(self) -> int:
        return len(self._free) + len(self._children)

    def start(self, folder: Path) -> None:
        for name, value in THREADING.items():
            os.environ.setdefault(name, value)
        lease = self._free.pop(0)
        process = _FORKSERVER.Process(target=run_job, args=(self._job, folder, folder / LOG_NAME, lease))
        num_earlier = len(read_journal(folder / JOURNAL_NAME))
        self._children[folder] = _Child(process=process, lease=lease, num_earlier_events=num_earlier)
        process.start()

    def wait(self, timeout_s: float) -> list[Ended]:
        folders = {child.process.sentinel: folder for folder, child in self._children.items()}
        return [self._end(folders[sentinel]) for sentinel in wait(folders, timeout_s) if isinstance(sentinel, int)]

    def kill(self) -> None:
        for child in self._children.values():
            if child.process.pid is not None:
                child.process.kill()
        for folder in list(self._children):
            if self._children[folder].process.pid is not None:
                self._end(folder)

    def _end(self, folder: Path) -> Ended:
        child = self._children.pop(folder)
        child.process.join()
        self._free.append(child.lease)
        code = child.process.exitcode
        if code == 0:
            return Ended(folder=folder)
        events = read_journal(folder / JOURNAL_NAME)[child.num_earlier_events :]
        reason, transient = _reason(events, code)
        return Ended(folder=folder, failure=f"{reason}; details in {folder / LOG_NAME}", transient=transient)


def _reason(events: list[dict[str, Any]], code: int | None) -> tuple[str, bool]:
    """How a child failed, by its own events and its exit code, and whether that may pass."""
    if code is None or code < 0:
        return f"its process was killed by signal {-(code or 0)}", True
    if code in _SAID_BY_CODE:
        return _SAID_BY_CODE[code], False
    if code == _SERVER_DIED:
        return "its process was killed together with the server that it was forked from", True
    failures = [event for event in events if event["event"] == "failed"]
    if not failures:
        return f"its process ended with code {code}", False
    kind, message = failures[-1]["kind"].replace("_", " "), failures[-1]["message"]
    return f"{kind}: {message}", bool(failures[-1].get("transient", False))
