"""The process that all others are forked from: it has imported everything once, and runs a sweep at each point."""

import ctypes
import errno
import gc
import json
import os
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from hemosweep.errors import HemosweepError
from hemosweep.executors.local import LocalExecutor
from hemosweep.files import system_message
from hemosweep.tracking.database import database_path
from hemosweep.tracking.store import open_store
from hemosweep.training.child import train_fold
from tests.faults import shim
from tests.faults.outcome import Outcome, check_out, finished_journals, read_outcome, retrained
from tests.faults.shim import CHILD, DRIVER, Point, Shim
from tests.faults.study import ForkExecutor, drive, plan
from tests.schemas import read_schemas_once

PATIENCE_S = 300.0
STOP_S = 0.3
_PR_SET_CHILD_SUBREAPER = 36

_FULL = "create write mkdir rename fsync "
_READ_ONLY = "create mkdir rename unlink truncate "


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A fault at a point: an action of the shim. `roles` and `kinds` are those of the points where it can."""

    action: int
    error: int = 0
    lasting: str = ""
    roles: tuple[int, ...] = (DRIVER, CHILD)
    kinds: tuple[str, ...] = ()

    def fits(self, point: Point) -> bool:
        return point.role in self.roles and (not self.kinds or point.kind in self.kinds)


FAULTS = {
    "kill": Fault(action=shim.KILL_SELF),
    "kill-driver": Fault(action=shim.KILL_OTHER, roles=(CHILD,)),
    "kill-both": Fault(action=shim.KILL_BOTH, roles=(CHILD,)),
    "tear": Fault(action=shim.TEAR, kinds=("write",)),
    "ENOSPC": Fault(action=shim.FAIL_ONCE, error=errno.ENOSPC, kinds=tuple(_FULL.split())),
    "ENOSPC-lasting": Fault(action=shim.FAIL_ON, error=errno.ENOSPC, lasting=_FULL, kinds=tuple(_FULL.split())),
    "EIO": Fault(action=shim.FAIL_ONCE, error=errno.EIO),
    "EROFS-lasting": Fault(action=shim.FAIL_ON, error=errno.EROFS, lasting=_READ_ONLY, kinds=tuple(_READ_ONLY.split())),
    "stop": Fault(action=shim.STOP),
}
"""Faults by name: the process at the point is killed, or its driver, or both; it is killed after half a write; a call
gives an error, once or from there on; the process is stopped for a while."""


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """End of a driver: "" for success, or else its message. `defect` is a traceback of an error that no user should
    see. `signal` is the one that killed it."""

    message: str = ""
    defect: str = ""
    warnings: tuple[str, ...] = ()
    signal: int = 0


SUCCESS = End()


class Runner:
    """Runs the sweep, undisturbed or with a fault, each time in a folder of its own below `base`.

    Args:
        memory: the file that the shim shares.
        local: train with the product's `LocalExecutor`, whose server takes seconds to start, and the real network.
        with_store: begin with an empty MLflow store, which would take seconds to make.
    """

    def __init__(self, base: Path, memory: Path, *, local: bool = False, with_store: bool = True) -> None:
        self._local = local
        self._with_store = with_store
        self._base = base
        self._shim = Shim(memory)
        self._figure = base / "figure.png"
        self._template = base / "template"
        self._number = 0
        self._replicates = plan(base / "cases")
        self.undisturbed: Outcome | None = None
        self.points: list[Point] = []

    def warm_up(self, store: Path | None = None) -> None:
        """Do once what each forked process would do anew: imports, migrations, and reading their scripts.

        Args:
            store: database of an empty MLflow store; by default one is made.
        """
        read_schemas_once()
        # Threads of OpenMP would not survive a fork.
        torch.set_num_threads(1)
        torch.set_num_threads = lambda number: None
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._figure.write_bytes(bytes(range(256)) * 8)
        self._template.mkdir()
        if store is None:
            open_store(self._template)
        else:
            shutil.copyfile(store, database_path(self._template))
        spec = self._replicates[0].fold_runs[0]
        spec.write(self._base / "warm" / spec.digest)
        assert train_fold(self._base / "warm" / spec.digest) == 0
        drive(self.new_out(), self._replicates, self._figure, ForkExecutor())
        gc.collect()
        gc.freeze()

    def record(self) -> None:
        """Run the sweep undisturbed, and list its points."""
        out = self.new_out()
        end = self.run(out)
        assert end == SUCCESS, end
        self.points = self._shim.points()
        self.undisturbed = read_outcome(out)
        assert self.problems(out, self.undisturbed) == []
        shutil.rmtree(out)

    def new_out(self) -> Path:
        self._number += 1
        out = self._base / f"out{self._number}"
        out.mkdir()
        if self._with_store:
            shutil.copyfile(database_path(self._template), database_path(out))
        return out

    def run(self, out: Path, point: Point | None = None, fault: Fault | None = None) -> End:
        """Fork a driver, wait until it and all its children are gone, and return its end."""
        told = self._base / "end.json"
        told.unlink(missing_ok=True)
        if point is None or fault is None:
            self._shim.arm(out)
        else:
            self._shim.arm(out, point, fault.action, fault.error, fault.lasting)
        driver = os.fork()
        if driver == 0:
            self._drive(out, told)
        status = self._wait(driver)
        if os.WIFSIGNALED(status):
            return End(signal=os.WTERMSIG(status))
        values = json.loads(told.read_text())
        return End(message=values["message"], defect=values["defect"], warnings=tuple(values["warnings"]))

    def _drive(self, out: Path, told: Path) -> None:
        """The driver's process."""
        end = End()
        try:
            os.register_at_fork(after_in_child=lambda: self._shim.take_role(CHILD))
            self._shim.take_role(DRIVER)
            os.environ[shim.ROLE] = "server"
            executor = LocalExecutor() if self._local else ForkExecutor()
            end = End(warnings=tuple(drive(out, self._replicates, self._figure, executor)))
        except (HemosweepError, OSError) as error:
            end = End(message=system_message(error) if isinstance(error, OSError) else str(error))
        except BaseException:
            end = End(message="defect", defect=traceback.format_exc())
        finally:
            values = {"message": end.message, "defect": end.defect, "warnings": end.warnings}
            told.write_text(json.dumps(values))
            os._exit(0)

    def _wait(self, driver: int) -> int:
        """Status of the driver, once it and all others are gone; what stops itself goes on after a while."""
        begun, status, cont_at, stopped = time.monotonic(), 0, 0.0, 0
        while True:
            try:
                process, code = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return status
            if process == driver:
                status = code
            if process:
                continue
            now = time.monotonic()
            if not stopped and (stopped := self._shim.take_stopped()):
                cont_at = now + STOP_S
            with suppress(ProcessLookupError):
                if stopped and now > cont_at:
                    os.kill(stopped, signal.SIGCONT)
                    stopped = 0
                if now - begun > PATIENCE_S:
                    os.kill(driver, signal.SIGKILL)
            time.sleep(0.001)

    def try_point(self, point: Point, fault: Fault) -> list[str] | None:
        """Run the sweep with a fault at a point, and again without: the problems, or None where it was not reached."""
        out = self.new_out()
        first = self.run(out, point, fault)
        reached = self._shim.hit
        finished = finished_journals(out)
        second = self.run(out)
        problems = [f"a defect of the driver: {first.defect}"] if first.defect else []
        if first.message and point.kind != "fork" and ("/" not in first.message or "\n" in first.message):
            problems.append("the message of the driver is not one line that names a file")
        if second != SUCCESS:
            problems.append(f"the next sweep: {second.defect or second}")
        else:
            problems += self.problems(out, read_outcome(out), first=first)
            problems += retrained(out, finished)
        if not problems:
            shutil.rmtree(out)
        else:
            problems.append(f"the disturbed sweep ended so: {first}; its folder is {out}")
        return problems if reached else None

    def problems(self, out: Path, outcome: Outcome, first: End = SUCCESS) -> list[str]:
        failed = any("failed:" in warning for warning in first.warnings)
        assert self.undisturbed is not None
        return [*outcome.differences(self.undisturbed, failed_before=failed), *check_out(out)]


def choose(
    points: Sequence[Point], names: Sequence[str], *, rounds: int = 1, pages: int = 1, every: int = 1
) -> list[tuple[Point, str]]:
    """Points with the faults that happen there: in each round the next one of those that fit a point.

    Args:
        pages: of the pages that SQLite writes, several in a row for each commit, every k-th one is taken.
        every: of all, every k-th is taken.
    """
    pairs = []
    for first in range(rounds):
        for place, point in enumerate(points):
            if pages > 1 and point.text.startswith(("write mlflow.db", "write optuna.db")) and point.ordinal % pages:
                continue
            fitting = [name for name in names if FAULTS[name].fits(point)]
            if first < len(fitting):
                pairs.append((point, fitting[(place + first) % len(fitting)]))
    return pairs[::every]


def run_all(runner: Runner, pairs: Sequence[tuple[Point, str]], say: Callable[[str], None]) -> tuple[int, list[str]]:
    """Try every pair; returns the number of points that were reached, and the failures."""
    num_reached, failures = 0, []
    for number, (point, name) in enumerate(pairs):
        problems = runner.try_point(point, FAULTS[name])
        num_reached += problems is not None
        if problems:
            text = f"python -m tests.faults --faults {name} --at '{point}': " + "; ".join(problems)
            failures.append(text)
            say(text)
        elif number % 10 == 9:
            say(f"{number + 1} of {len(pairs)}")
    return num_reached, failures
