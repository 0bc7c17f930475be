"""The one process that owns a sweep: it feeds the Optuna ledger, the child processes and the tracker."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import pandas as pd

from hemosweep.config import config_as_dict
from hemosweep.engine.executor import Ended, Executor
from hemosweep.engine.plan import Replicate, fold_run_folder, is_done
from hemosweep.engine.tracker import ReplicateInfo, Tracker
from hemosweep.training.journal import last_process, micro_batch_size, read_journal
from hemosweep.training.spec import DONE_NAME, JOURNAL_NAME, SCORES_NAME, FoldRunSpec

POLL_S = 0.2
TRACK_EVERY_S = 5.0
MAX_ATTEMPTS = 3
"""How often a fold run is begun, where it fails in ways that may pass by themselves."""


class Display(Protocol):
    """What the driver tells whoever watches."""

    def fold_started(self, replicate: Replicate, spec: FoldRunSpec) -> None: ...

    def epoch_ended(self, replicate: Replicate, spec: FoldRunSpec, event: Mapping[str, Any]) -> None: ...

    def fold_ended(
        self, replicate: Replicate, spec: FoldRunSpec, scores: Sequence[Mapping[str, Any]], reused: bool
    ) -> None: ...

    def fold_failed(self, replicate: Replicate, spec: FoldRunSpec, message: str) -> None: ...

    def warn(self, message: str) -> None: ...


class TrialBook(Protocol):
    """Where the driver enters what became of each replicate."""

    def begin(self, replicate: Replicate) -> int: ...

    def complete(self, number: int, dsc_mean: float) -> None: ...

    def fail(self, number: int) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicateResult:
    """What became of one replicate. `cases` has one row a test case of every fold that is done.

    `run_id` is None where the tracker could not record it.
    """

    replicate: Replicate
    run_id: str | None
    cases: pd.DataFrame
    seconds: float
    failures: tuple[str, ...]

    @property
    def dsc_mean(self) -> float | None:
        mean = float(self.cases["dsc"].mean())
        return None if math.isnan(mean) else mean


Illustrate = Callable[[Replicate, pd.DataFrame], Mapping[str, Path]]
Record = Callable[[Tracker], str]
Status = Literal["FINISHED", "FAILED"]


class _GuardedTracker:
    """Keeps a tracking outage away from training, and says each new reason once."""

    def __init__(self, tracker: Tracker, display: Display) -> None:
        self._tracker = tracker
        self._display = display
        self._reasons: set[str] = set()

    def call(self, use: Callable[[Tracker], Any]) -> Any:
        """What `use` returns, or None where it failed."""
        try:
            return use(self._tracker)
        except Exception as error:
            reason = _one_line(error)
            if reason not in self._reasons:
                self._display.warn(f"tracking failed ({reason}); training goes on, and is recorded later")
            self._reasons.add(reason)
            return None


def run_sweep(
    replicates: Sequence[Replicate],
    infos: Sequence[ReplicateInfo],
    out: Path,
    *,
    executor: Executor,
    ledger: TrialBook,
    tracker: Tracker,
    illustrate: Illustrate,
    display: Display,
) -> list[ReplicateResult]:
    """Bring every replicate to its end: train what is missing, reuse what is done, record all of it.

    Fold runs begin in the order of the arms, as many at once as the executor has slots. One that fails in a way that
    may pass is tried again; one that fails for good leaves its replicate incomplete, and the sweep goes on. An
    interrupt ends what runs, marks what is open, and is raised on.

    Args:
        infos: for each replicate, what the tracker records of it.
        illustrate: draws a finished replicate's figures; name to file.
    """
    guarded = _GuardedTracker(tracker, display)
    jobs = [
        _Job(replicate=replicate, info=info, left=len(replicate.fold_runs))
        for replicate, info in zip(replicates, infos, strict=True)
    ]
    driver = _Driver(out, executor, ledger, guarded, illustrate, display)
    try:
        driver.run(jobs)
    except BaseException:
        executor.kill()
        guarded.call(lambda tracker: tracker.interrupt())
        raise
    # What a tracking outage left out is tried once more.
    return [
        replace(job.result, run_id=guarded.call(job.record)) if job.result.run_id is None else job.result
        for job in jobs
        if job.result is not None and job.record is not None
    ]


@dataclass(kw_only=True, slots=True)
class _Job:
    """A replicate on its way: how many of its fold runs are still to end, and what has come of it."""

    replicate: Replicate
    info: ReplicateInfo
    left: int
    trial: int | None = None
    run_id: str | None = None
    failures: dict[int, str] = field(default_factory=dict)
    result: ReplicateResult | None = None
    record: Record | None = None


@dataclass(kw_only=True, slots=True)
class _InFlight:
    """A fold run that is being trained, and how much of its journal has been seen."""

    job: _Job
    spec: FoldRunSpec
    folder: Path
    attempt: int
    size: int = -1
    num_epochs: int = 0
    recorded: float = field(default_factory=time.monotonic)
    empty: dict[str, list[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.job.replicate.run_name} fold {self.spec.fold}"


class _Driver:
    def __init__(
        self,
        out: Path,
        executor: Executor,
        ledger: TrialBook,
        tracker: _GuardedTracker,
        illustrate: Illustrate,
        display: Display,
    ) -> None:
        self._out = out
        self._executor = executor
        self._ledger = ledger
        self._tracker = tracker
        self._illustrate = illustrate
        self._display = display
        self._in_flight: dict[Path, _InFlight] = {}

    def run(self, jobs: Sequence[_Job]) -> None:
        queue = [(job, spec) for job in jobs for spec in job.replicate.fold_runs]
        while queue or self._in_flight:
            self._fill(queue)
            if self._in_flight:
                ended = self._executor.wait(POLL_S)
                for fold in self._in_flight.values():
                    self._hand_over(fold)
                for end in ended:
                    self._end(end)

    def _fill(self, queue: list[tuple[_Job, FoldRunSpec]]) -> None:
        """Put a fold run on every free slot, and pass over those that are done."""
        while queue and len(self._in_flight) < self._executor.num_slots:
            # Two arms may share a fold run: the second one waits until the first has trained it.
            folders = [fold_run_folder(self._out, spec) for _, spec in queue]
            index = next((i for i, folder in enumerate(folders) if folder not in self._in_flight), None)
            if index is None:
                return
            job, spec = queue.pop(index)
            self._open(job)
            if is_done(self._out, spec):
                self._fold_done(job, spec, reused=True)
                continue
            spec.write(folders[index])
            self._display.fold_started(job.replicate, spec)
            self._start(_InFlight(job=job, spec=spec, folder=folders[index], attempt=1))

    def _start(self, fold: _InFlight) -> None:
        self._in_flight[fold.folder] = fold
        self._executor.start(fold.folder)

    def _open(self, job: _Job) -> None:
        if job.trial is None:
            job.trial = self._ledger.begin(job.replicate)
            job.run_id = self._tracker.call(lambda tracker: tracker.begin_replicate(job.info))

    def _hand_over(self, fold: _InFlight) -> None:
        """Tell what is new in a fold run's journal."""
        journal = fold.folder / JOURNAL_NAME
        size = journal.stat().st_size if journal.is_file() else 0
        if size == fold.size:
            return
        fold.size = size
        events = read_journal(journal)
        epochs = {event["epoch"]: event for event in events if event["event"] == "epoch"}
        for number in sorted(epochs)[fold.num_epochs :]:
            self._display.epoch_ended(fold.job.replicate, fold.spec, epochs[number])
        fold.num_epochs = len(epochs)
        fold.empty.update({e["case_id"]: e["regions"] for e in events if e["event"] == "empty_region"})
        if time.monotonic() - fold.recorded > TRACK_EVERY_S:
            self._record_fold(fold.job, fold.spec)
            fold.recorded = time.monotonic()

    def _end(self, end: Ended) -> None:
        fold = self._in_flight.pop(end.folder)
        self._warn_of_repairs(fold)
        if end.failure is not None and end.transient and fold.attempt < MAX_ATTEMPTS:
            self._display.warn(f"{fold.name}: {end.failure}; trying again ({fold.attempt + 1} of {MAX_ATTEMPTS})")
            self._start(replace(fold, attempt=fold.attempt + 1, size=-1))
            return
        if fold.empty:
            case_id, regions = next(iter(fold.empty.items()))
            self._display.warn(
                f"{fold.name}: {len(fold.empty)} cases ({case_id}, ...) have no voxel to draw from in "
                f"{', '.join(regions)}; their other regions took its share"
            )
        if end.failure is None:
            self._fold_done(fold.job, fold.spec, reused=False)
            return
        fold.job.failures[fold.spec.fold] = f"{fold.name}: {end.failure}"
        self._display.fold_failed(fold.job.replicate, fold.spec, end.failure)
        self._record_fold(fold.job, fold.spec)
        self._fold_over(fold.job)

    def _warn_of_repairs(self, fold: _InFlight) -> None:
        """Tell what the process that has just ended had to do to go on at all."""
        events = last_process(read_journal(fold.folder / JOURNAL_NAME))
        for event in events:
            if event["event"] == "checkpoint_unreadable":
                self._display.warn(
                    f"{fold.name}: {event['reason']}; it is kept as {event['kept_as']}, and training began anew"
                )
        size = micro_batch_size(events)
        if size is not None:
            self._display.warn(
                f"{fold.name}: memory ran out, so gradients were added up over {size} patches at a time instead of "
                f"{fold.spec.config.training.batch_size}; batch normalisation and soft Dice are those of {size}"
            )

    def _fold_done(self, job: _Job, spec: FoldRunSpec, *, reused: bool) -> None:
        self._record_fold(job, spec)
        self._display.fold_ended(job.replicate, spec, read_scores(self._out, spec), reused)
        self._fold_over(job)

    def _record_fold(self, job: _Job, spec: FoldRunSpec) -> None:
        run_id = job.run_id
        if run_id is not None:
            folder = fold_run_folder(self._out, spec)
            self._tracker.call(lambda t: t.record_fold(run_id, fold=spec.fold, digest=spec.digest, folder=folder))

    def _fold_over(self, job: _Job) -> None:
        """Conclude a replicate when the last of its fold runs has ended."""
        job.left -= 1
        if job.left:
            return
        replicate = job.replicate
        done = [spec for spec in replicate.fold_runs if is_done(self._out, spec)]
        cases = case_table([row for spec in done for row in read_scores(self._out, spec)])
        markers = [
            json.loads((fold_run_folder(self._out, spec) / DONE_NAME).read_text(encoding="utf-8")) for spec in done
        ]
        failures = tuple(job.failures[fold] for fold in sorted(job.failures))
        figures = {} if failures else _draw(self._illustrate, replicate, cases, self._display)

        def record(tracker: Tracker) -> str:
            run_id = tracker.begin_replicate(job.info)
            for spec in replicate.fold_runs:
                folder = fold_run_folder(self._out, spec)
                tracker.record_fold(run_id, fold=spec.fold, digest=spec.digest, folder=folder)
            status: Status = "FAILED" if failures else "FINISHED"
            tracker.finish_replicate(run_id, cases=cases, figures=figures, status=status)
            return run_id

        job.record = record
        job.result = ReplicateResult(
            replicate=replicate,
            run_id=self._tracker.call(record),
            cases=cases,
            seconds=math.fsum(marker["seconds"] for marker in markers),
            failures=failures,
        )
        assert job.trial is not None
        if failures or job.result.dsc_mean is None:
            self._ledger.fail(job.trial)
        else:
            self._ledger.complete(job.trial, job.result.dsc_mean)


def _draw(illustrate: Illustrate, replicate: Replicate, cases: pd.DataFrame, display: Display) -> Mapping[str, Path]:
    """A replicate's figures, or none where they cannot be drawn: a picture never costs a result."""
    try:
        return illustrate(replicate, cases)
    except Exception as error:
        display.warn(f"no figures of {replicate.run_name} ({_one_line(error)})")
        return {}


def _one_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def read_scores(out: Path, spec: FoldRunSpec) -> list[dict[str, Any]]:
    """The case scores of a fold run that is done, with the fold's number and the IVH labels of this sweep.

    Neither is part of a fold run's identity: it may have had another number, or a label since corrected, before.
    """
    rows = json.loads((fold_run_folder(out, spec) / SCORES_NAME).read_text(encoding="utf-8"))
    ivh = {case.case_id: case.ivh for case in spec.test}
    return [row | {"fold": spec.fold, "ivh": ivh[row["case_id"]]} for row in rows]


def case_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Per-case scores sorted by case id, `case_id` and `dsc` first; an undefined DSC is NaN."""
    columns = ["case_id", "dsc", "fold", "ivh", "reference_ml", "predicted_ml", "false_positive_ml"]
    table = pd.DataFrame([{name: row[name] for name in columns} for row in rows], columns=columns)
    return table.astype({"dsc": float}).sort_values("case_id", ignore_index=True)


def describe(
    replicate: Replicate, sweep: str, tags: Mapping[str, str], environment: Mapping[str, str]
) -> ReplicateInfo:
    """A replicate as the tracker records it."""
    return ReplicateInfo(
        sweep=sweep,
        arm=replicate.arm.name,
        seed=replicate.seed,
        digest=replicate.digest,
        run_name=replicate.run_name,
        config=config_as_dict(replicate.arm.config),
        tags=tags,
        environment=environment,
    )
