"""The one process that owns a sweep: it feeds the Optuna ledger, the child processes and the tracker."""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from hemosweep.engine.attempts import FoldRunAttempts, read_attempts
from hemosweep.engine.jobs import InFlight, Job
from hemosweep.engine.observers import Display, TrialLedger
from hemosweep.engine.plan import Replicate, fold_run_folder, is_done
from hemosweep.engine.results import (
    DrawReplicate,
    ReplicateResult,
    conclude,
    device_kind,
    draw_figures,
    dsc_mean,
    empty_regions,
    read_scores,
    remarks,
)
from hemosweep.engine.tracker import GuardedTracker, ReplicateInfo, Tracker
from hemosweep.errors import TimeIsUp
from hemosweep.executors.protocol import Ended, Executor
from hemosweep.foldrun.journal import last_epochs, read_journal
from hemosweep.foldrun.seal import BrokenSeal
from hemosweep.foldrun.spec import JOURNAL_NAME, FoldRunSpec
from hemosweep.runs import EMPTY_REGIONS_FACT
from hemosweep.scores.recorded import metric_facts
from hemosweep.scores.table import case_table

POLL_S = 0.2
TRACK_EVERY_S = 5.0
MAX_ATTEMPTS = 3
"""Number of attempts without a new epoch, for a fold run that fails in a way that may pass by itself."""


RunStatus = Literal["FINISHED", "FAILED"]


def run_sweep(
    replicates: Sequence[Replicate],
    infos: Sequence[ReplicateInfo],
    out: Path,
    *,
    executor: Executor,
    ledger: TrialLedger,
    tracker: Tracker,
    illustrate: DrawReplicate,
    display: Display,
    deadline: float = math.inf,
) -> list[ReplicateResult]:
    """Bring every replicate to its end: train what is missing, reuse what is done, record all of it.

    Fold runs begin in the order of the arms, as many at once as the executor has slots. A fold run that fails in a way
    that may pass is tried again. One that fails for good leaves its replicate incomplete, and the sweep goes on. An
    interrupt ends the running fold runs, marks the open replicates, and is raised again.

    Args:
        infos: for each replicate, the facts that the tracker records.
        illustrate: draws a finished replicate's figures and returns their names and files.
        deadline: time to stop, on the clock `time.monotonic`. Running epochs end first.

    Raises:
        TimeIsUp: the time limit is over, and fold runs are left to train.
    """
    guarded = GuardedTracker(tracker, display.warn)
    jobs = [
        Job(replicate=replicate, info=info, left=len(replicate.fold_runs))
        for replicate, info in zip(replicates, infos, strict=True)
    ]
    driver = _Driver(out, executor, ledger, guarded, illustrate, display, deadline)
    try:
        driver.run(jobs)
    except BaseException:
        try:
            executor.kill()
        finally:
            guarded.call(lambda tracker: tracker.interrupt())
        raise
    # Replicates that a tracking outage left out are recorded once more.
    return [
        replace(job.result, run_id=guarded.call(job.record)) if job.result.run_id is None else job.result
        for job in jobs
        if job.result is not None and job.record is not None
    ]


class _Driver:
    def __init__(
        self,
        out: Path,
        executor: Executor,
        ledger: TrialLedger,
        tracker: GuardedTracker,
        illustrate: DrawReplicate,
        display: Display,
        deadline: float,
    ) -> None:
        self._out = out
        self._executor = executor
        self._ledger = ledger
        self._tracker = tracker
        self._illustrate = illustrate
        self._display = display
        self._deadline = deadline
        self._in_flight: dict[Path, InFlight] = {}
        # Entries, records and drawings that are due: one at a time, in this order, while fold runs train.
        self._to_record: deque[Callable[[], None]] = deque()
        self._entered = False
        self._stopping = False

    def run(self, jobs: Sequence[Job]) -> None:
        queue = [(job, spec) for job in jobs for spec in job.replicate.fold_runs]
        while queue or self._in_flight or self._to_record:
            if not self._stopping and self._in_flight and time.monotonic() > self._deadline:
                self._stop()
            if not self._stopping:
                self._fill(queue)
            elif not self._in_flight and not self._to_record:
                break
            if self._in_flight:
                ended = self._executor.wait(0.0 if self._to_record else POLL_S)
                for fold in self._in_flight.values():
                    self._hand_over(fold)
                for end in ended:
                    self._end(end)
                if ended and not self._stopping:
                    self._fill(queue)
            if self._to_record:
                self._to_record.popleft()()
        if any(job.left for job in jobs):
            raise TimeIsUp

    def _stop(self) -> None:
        self._stopping = True
        self._display.warn("the time limit is over; running fold runs stop at the end of their epoch")
        self._executor.pause()

    def _fill(self, queue: list[tuple[Job, FoldRunSpec]]) -> None:
        """Put a fold run on every free slot, and pass over those that are done."""
        while queue and len(self._in_flight) < self._executor.num_open:
            # Two arms may share a fold run: the second one waits until the first has trained it.
            free = (i for i, (_, spec) in enumerate(queue) if fold_run_folder(self._out, spec) not in self._in_flight)
            index = next(free, None)
            if index is None:
                return
            job, spec = queue.pop(index)
            folder = fold_run_folder(self._out, spec)
            self._begin(job)
            try:
                done = is_done(self._out, spec)
            except BrokenSeal as broken:
                self._to_record.append(partial(self._fold_failed, job, spec, str(broken)))
                continue
            if done:
                self._to_record.append(partial(self._fold_done, job, spec, reused=True))
                continue
            if time.monotonic() > self._deadline:
                self._stopping = True
                return
            spec.write(folder)
            self._display.fold_started(job.replicate, spec)
            num_epochs = len(last_epochs(read_journal(folder / JOURNAL_NAME)))
            self._start(InFlight(job=job, spec=spec, folder=folder, attempt=1, begun_with=num_epochs))

    def _start(self, fold: InFlight) -> None:
        self._in_flight[fold.folder] = fold
        self._executor.start(fold.folder)

    def _begin(self, job: Job) -> None:
        """Enter a replicate in the ledger and the tracker before any of its results.

        The first replicate is entered at once, so that a ledger that cannot be written stops the sweep before anything
        is trained.
        """
        if job.begun:
            return
        job.begun = True
        self._to_record.append(partial(self._enter, job, read_attempts(self._out, job.replicate)))
        if not self._entered:
            self._to_record.pop()()

    def _enter(self, job: Job, attempts: Sequence[FoldRunAttempts]) -> None:
        self._entered = True
        job.trial = self._ledger.begin(job.replicate, attempts)
        job.run_id = self._tracker.call(lambda tracker: tracker.begin_replicate(job.info, self._folders(job)))
        self._ledger.run_known(job.trial, job.run_id)

    def _folders(self, job: Job) -> Mapping[str, Path]:
        return {spec.digest: fold_run_folder(self._out, spec) for spec in job.replicate.fold_runs}

    def _hand_over(self, fold: InFlight) -> None:
        """Pass the new epochs of a fold run's journal on to the display and the tracker."""
        journal = fold.folder / JOURNAL_NAME
        size = journal.stat().st_size if journal.is_file() else 0
        if size == fold.size:
            return
        fold.size = size
        events = read_journal(journal)
        epochs = last_epochs(events)
        for number in sorted(epochs)[fold.num_epochs :]:
            self._display.epoch_ended(fold.job.replicate, fold.spec, epochs[number])
        fold.num_epochs = len(epochs)
        self._display.progressed(fold.job.replicate, fold.spec, events)
        if time.monotonic() - fold.recorded > TRACK_EVERY_S:
            self._record_fold(fold.job, fold.spec)
            fold.recorded = time.monotonic()

    def _end(self, end: Ended) -> None:
        fold = self._in_flight.pop(end.folder)
        for remark in remarks(read_journal(fold.folder / JOURNAL_NAME), fold.spec.config.training.batch_size):
            self._display.warn(f"{fold.name}: {remark}")
        if self._stopping and (end.paused or end.transient):
            self._record_fold(fold.job, fold.spec)
            return
        attempt = 1 if fold.num_epochs > fold.begun_with else fold.attempt
        if end.failure is not None and end.transient and attempt < MAX_ATTEMPTS:
            self._display.warn(f"{fold.name}: {end.failure}; trying again ({attempt + 1} of {MAX_ATTEMPTS})")
            self._start(replace(fold, attempt=attempt + 1, begun_with=fold.num_epochs, size=-1))
            return
        if end.failure is None:
            self._to_record.append(partial(self._fold_done, fold.job, fold.spec, reused=False))
        else:
            self._to_record.append(partial(self._fold_failed, fold.job, fold.spec, end.failure))

    def _fold_failed(self, job: Job, spec: FoldRunSpec, failure: str) -> None:
        job.failures[spec.fold] = f"{job.name_of(spec)}: {failure}"
        self._display.fold_failed(job.replicate, spec, failure)
        self._record_fold(job, spec)
        self._fold_over(job)

    def _fold_done(self, job: Job, spec: FoldRunSpec, *, reused: bool) -> None:
        try:
            scores = read_scores(self._out, spec)
        except BrokenSeal as broken:  # Since it was found to be whole.
            self._fold_failed(job, spec, str(broken))
            return
        self._record_fold(job, spec)
        assert job.trial is not None
        self._ledger.fold_done(job.trial, spec.fold, dsc_mean(case_table(scores)))
        self._display.fold_ended(job.replicate, spec, scores, reused)
        self._fold_over(job)

    def _record_fold(self, job: Job, spec: FoldRunSpec) -> None:
        run_id = job.run_id
        if run_id is not None:
            folder = fold_run_folder(self._out, spec)
            self._tracker.call(lambda t: t.record_fold(run_id, fold=spec.fold, digest=spec.digest, folder=folder))

    def _fold_over(self, job: Job) -> None:
        """Conclude a replicate when the last of its fold runs has ended."""
        job.left -= 1
        if job.left:
            return
        replicate = job.replicate
        failures = [job.failures[fold] for fold in sorted(job.failures)]
        result = conclude(self._out, replicate, failures)
        figures: Mapping[str, Path] = {}
        try:
            if not failures:
                figures = draw_figures(self._illustrate, replicate, result.cases, self._display)
        finally:  # Also where Ctrl-C meets the drawing: every fold run is done.
            self._record(job, result, figures)

    def _record(self, job: Job, result: ReplicateResult, figures: Mapping[str, Path]) -> None:
        """Enter a replicate's result in the tracker and in the ledger."""
        replicate = job.replicate
        folders = self._folders(job)
        # Known only now: the driver's machine need not be one that trains.
        tags = {"device_kind": device_kind(self._out, replicate), **metric_facts(result.metrics)}
        empty = empty_regions(self._out, replicate)
        tags |= {EMPTY_REGIONS_FACT: empty} if empty else {}

        def record(tracker: Tracker) -> str:
            # A second try looks for the run again: the first may have failed because the run was deleted.
            begun, job.run_id = job.run_id, None
            run_id = begun or tracker.begin_replicate(job.info, folders)
            for spec in replicate.fold_runs:
                tracker.record_fold(run_id, fold=spec.fold, digest=spec.digest, folder=folders[spec.digest])
            status: RunStatus = "FAILED" if result.failures else "FINISHED"
            tracker.finish_replicate(run_id, cases=result.cases, figures=figures, tags=tags, status=status)
            return run_id

        job.record = record
        info = replace(job.info, tags={**job.info.tags, **tags})
        job.result = replace(result, run_id=self._tracker.call(record), info=info)
        assert job.trial is not None
        self._ledger.run_known(job.trial, job.result.run_id)
        attempts = read_attempts(self._out, replicate)
        if result.failures or result.dsc_mean is None:
            self._ledger.fail(job.trial, attempts)
        else:
            self._ledger.complete(job.trial, result.dsc_mean, attempts)
