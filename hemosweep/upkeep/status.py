"""Progress of the fold runs of an output folder, read from their files: without tracker, Optuna study or torch."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from hemosweep.engine.index import FOLD_RUNS_NAME, Plan, live_plans, read_plans
from hemosweep.engine.lock import driver
from hemosweep.errors import BadInput
from hemosweep.foldrun.journal import read_journal
from hemosweep.foldrun.lock import LOCK_NAME, holder
from hemosweep.foldrun.seal import BrokenSeal, is_finished
from hemosweep.foldrun.spec import JOURNAL_NAME, SPEC_NAME
from hemosweep.identity.present import PresentCode

State = Literal["running", "failed", "stopped", "waiting", "older", "done"]
"""State of a fold run. `stopped` has begun and can go on, `waiting` has not begun, `older` cannot go on, because the
source code has changed."""

STATES: tuple[State, ...] = ("running", "failed", "stopped", "waiting", "older", "done")
_NUM_PACE_EPOCHS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedBy:
    """An arm whose plan contains a fold run. Several arms may share one, under different numbers of their folds."""

    sweep: str
    run_name: str
    arm: str
    seed: int
    fold: int

    @property
    def replicate(self) -> str:
        return f"{self.sweep}/{self.run_name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingProgress:
    """Progress of a fold run, from its journal: the last epoch, the mean seconds of the last few epochs, and the test
    after them.

    `event_time` is the time of the last event in Unix seconds. `failure` is the last failure as "kind: message", even
    if another attempt has begun since; `failed` is True if none has. Values that do not exist yet are None.
    """

    begun: bool = False
    epoch: int = 0
    train_loss: float | None = None
    val_loss: float | None = None
    val_dsc: float | None = None
    epoch_s: float | None = None
    trained: bool = False
    num_tested: int = 0
    failed: bool = False
    failure: str | None = None
    event_time: float = 0.0

    def left_s(self, max_epochs: int | None, now: float) -> float | None:
        """Seconds of the remaining epochs at the pace of the last ones, less the elapsed part of the present epoch.

        Args:
            now: the time in Unix seconds.
        """
        if self.epoch_s is None or max_epochs is None or self.trained:
            return None
        over_s = min(max(now - self.event_time, 0.0), self.epoch_s)
        return max(0.0, (max_epochs - self.epoch) * self.epoch_s - over_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldRunStatus:
    """One fold run. `process` works on it, such as "process 4711 on node3". `asked_by` are the arms that plan it, empty
    where no plan does.

    `eta_s` is the time to its last epoch: an upper bound, as early stopping ends it sooner.
    """

    digest: str
    state: State
    asked_by: tuple[PlannedBy, ...] = ()
    seed: int | None = None
    fold: int | None = None
    process: str | None = None
    max_epochs: int | None = None
    num_test_cases: int | None = None
    eta_s: float | None = None
    progress: TrainingProgress = field(default_factory=TrainingProgress)

    @property
    def name(self) -> str:
        """Sweep, run and fold of the first arm that plans it, or else its digest, seed and fold."""
        if self.asked_by:
            return f"{self.asked_by[0].replicate} fold {self.asked_by[0].fold}"
        known = "" if self.seed is None else f" seed {self.seed} fold {self.fold}"
        return f"{self.digest}{known}"


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepStatus:
    """Status of an output folder: its driver, such as "process 4711 on node3", and its fold runs, the running ones
    first."""

    driver: str | None
    fold_runs: tuple[FoldRunStatus, ...]

    def count(self, *states: State) -> int:
        return sum(fold_run.state in states for fold_run in self.fold_runs)

    def as_json(self, *, with_done: bool) -> dict[str, Any]:
        shown = [fold_run for fold_run in self.fold_runs if with_done or fold_run.state != "done"]
        return {
            "driver": self.driver,
            "num": {state: self.count(state) for state in STATES},
            "fold_runs": [{"name": fold_run.name} | asdict(fold_run) for fold_run in shown],
        }


def read_status(out: Path, *, with_done: bool = False) -> SweepStatus:
    """Read the status of every fold run in an output folder, and of every planned one.

    Half-written folders are read as far as possible, and folders that vanish meanwhile are left out.

    Args:
        with_done: also read the journals of the fold runs that are done; otherwise these are only counted.

    Raises:
        BadInput: there is no such folder.
    """
    if not out.is_dir():
        raise BadInput(f"{out}: no such folder; give the --out of a sweep")
    present = PresentCode(out)
    plans = read_plans(out)
    planned = planned_by(plans)
    folders = {path.name: path for path in fold_run_folders(out)}
    trainable = planned_by(live_plans(out, plans))
    fold_runs = [
        _look(folder, tuple(planned.get(digest, ())), present, with_done=with_done)
        for digest, folder in folders.items()
    ]
    fold_runs += [
        FoldRunStatus(digest=digest, state="waiting", asked_by=tuple(by), seed=by[0].seed, fold=by[0].fold)
        for digest, by in trainable.items()
        if digest not in folders
    ]
    order = {digest: number for number, digest in enumerate(planned)}
    fold_runs.sort(key=lambda f: (STATES.index(f.state), order.get(f.digest, len(order)), f.seed or 0, f.fold or 0))
    return SweepStatus(driver=driver(out), fold_runs=tuple(fold_runs))


def fold_run_folders(out: Path) -> list[Path]:
    """The folders of all fold runs, sorted by name. A folder that is being deleted is left out."""
    return [path for path in sorted((out / FOLD_RUNS_NAME).glob("[!.]*")) if path.is_dir()]


def planned_by(plans: Sequence[Plan]) -> dict[str, list[PlannedBy]]:
    """Digest of each fold run to the arms that plan it, in the order of the plans."""
    planned: dict[str, list[PlannedBy]] = {}
    for plan in plans:
        for replicate in plan.replicates:
            for fold_run in replicate.fold_runs:
                planned.setdefault(fold_run.digest, []).append(
                    PlannedBy(
                        sweep=plan.sweep,
                        run_name=replicate.run_name,
                        arm=replicate.arm,
                        seed=replicate.seed,
                        fold=fold_run.fold,
                    )
                )
    return planned


def _look(folder: Path, asked_by: tuple[PlannedBy, ...], present: PresentCode, *, with_done: bool) -> FoldRunStatus:
    process = holder(folder / LOCK_NAME)  # Before the done-marker: what ends in between is done, not stopped.
    try:
        done, broken = is_finished(folder), None
    except BrokenSeal as error:
        done, broken = False, error
    if done and not with_done:
        return FoldRunStatus(digest=folder.name, state="done", asked_by=asked_by)
    spec = read_spec(folder)
    progress = read_progress(_events(folder / JOURNAL_NAME))
    if broken is not None:
        progress = replace(progress, failed=True, failure=f"broken seal: {broken.short}")
    process = None if done else process
    max_epochs = at(spec, "config", "training", "max_epochs")
    test = at(spec, "test")
    return FoldRunStatus(
        digest=folder.name,
        state="done" if done else "failed" if broken else _state(process, progress, present.has_spec(spec)),
        asked_by=asked_by,
        seed=at(spec, "seed"),
        fold=at(spec, "fold"),
        process=process,
        max_epochs=max_epochs,
        num_test_cases=len(test) if isinstance(test, list) else None,
        eta_s=None if process is None else progress.left_s(max_epochs, time.time()),
        progress=progress,
    )


def _state(process: str | None, progress: TrainingProgress, of_this_source: bool) -> State:
    if process is not None:
        return "running"
    if not of_this_source:
        return "older"
    if progress.failed:
        return "failed"
    return "stopped" if progress.begun else "waiting"


def read_progress(events: Sequence[Mapping[str, Any]]) -> TrainingProgress:
    """Fold a journal's events into a progress. A missing field counts as unknown."""
    epoch = 0
    tested: set[str] = set()  # By case: a process that was killed may have scored one that the next one scores again.
    begun = trained = failed = False
    failure: str | None = None
    latest: Mapping[str, Any] = {}
    paces: list[float] = []
    for event in events:
        match event["event"]:
            case "started":
                begun, trained, failed = True, False, False
            case "resumed":
                epoch = event.get("epoch", epoch)
            case "epoch":
                epoch, latest = event.get("epoch", epoch), event
                tested.clear()  # They were of other weights.
                if "seconds" in event:
                    paces.append(event["seconds"])
            case "stopped":
                trained = True
            case "tested":
                tested.add(event.get("case_id", ""))
            case "failed":
                failed, failure = True, f"{event.get('kind', 'unknown')}: {event.get('message', '')}"
    paces = paces[-_NUM_PACE_EPOCHS:]
    return TrainingProgress(
        begun=begun,
        epoch=epoch,
        train_loss=latest.get("train_loss"),
        val_loss=latest.get("val_loss"),
        val_dsc=latest.get("val_dsc"),
        epoch_s=sum(paces) / len(paces) if paces else None,
        trained=trained,
        num_tested=len(tested),
        failed=failed,
        failure=failure,
        event_time=events[-1].get("time", 0.0) if events else 0.0,
    )


def _events(journal: Path) -> list[dict[str, Any]]:
    try:
        return read_journal(journal)
    except FileNotFoundError:
        return []


def read_spec(folder: Path) -> Any:
    """A fold run's spec as plain JSON, also of an older version; None where it is missing or half-written."""
    try:
        return json.loads((folder / SPEC_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def at(values: Any, *names: str) -> Any:
    """Value at a path of names in nested dictionaries; None where there is no such path."""
    for name in names:
        values = values.get(name) if isinstance(values, dict) else None
    return values
