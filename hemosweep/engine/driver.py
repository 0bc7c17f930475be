"""The one process that owns a sweep: it feeds the Optuna ledger, the child processes and the tracker."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import pandas as pd

from hemosweep.config import config_as_dict
from hemosweep.engine.local import run_in_child
from hemosweep.engine.plan import Replicate, fold_run_folder, is_done
from hemosweep.engine.tracker import ReplicateInfo, Tracker
from hemosweep.errors import FoldRunFailed
from hemosweep.training.spec import DONE_NAME, SCORES_NAME, FoldRunSpec

TRACK_EVERY_S = 5.0


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
    ledger: TrialBook,
    tracker: Tracker,
    illustrate: Illustrate,
    display: Display,
) -> list[ReplicateResult]:
    """Bring every replicate to its end: train what is missing, reuse what is done, record all of it.

    A failed fold leaves its replicate incomplete and the sweep goes on. An interrupt ends the running child, marks
    what is open, and is raised on.

    Args:
        infos: for each replicate, what the tracker records of it.
        illustrate: draws a finished replicate's figures; name to file.
    """
    guarded = _GuardedTracker(tracker, display)
    results: list[ReplicateResult] = []
    records: list[Record] = []
    try:
        for replicate, info in zip(replicates, infos, strict=True):
            result, record = _run_replicate(replicate, info, out, ledger, guarded, illustrate, display)
            results.append(result)
            records.append(record)
    except BaseException:
        guarded.call(lambda tracker: tracker.interrupt())
        raise
    # What a tracking outage left out is tried once more.
    return [
        replace(result, run_id=guarded.call(record)) if result.run_id is None else result
        for result, record in zip(results, records, strict=True)
    ]


def _run_replicate(
    replicate: Replicate,
    info: ReplicateInfo,
    out: Path,
    ledger: TrialBook,
    tracker: _GuardedTracker,
    illustrate: Illustrate,
    display: Display,
) -> tuple[ReplicateResult, Record]:
    trial = ledger.begin(replicate)
    run_id: str | None = tracker.call(lambda tracker: tracker.begin_replicate(info))
    failures = []

    def record_fold(spec: FoldRunSpec) -> None:
        folder = fold_run_folder(out, spec)
        if run_id is not None:
            tracker.call(lambda tracker: tracker.record_fold(run_id, fold=spec.fold, digest=spec.digest, folder=folder))

    for spec in replicate.fold_runs:
        reused = is_done(out, spec)
        if not reused:
            try:
                _train(replicate, spec, fold_run_folder(out, spec), display, record_fold)
            except FoldRunFailed as error:
                failures.append(f"{replicate.run_name} fold {spec.fold}: {error}")
                display.fold_failed(replicate, spec, str(error))
                record_fold(spec)
                continue
        record_fold(spec)
        display.fold_ended(replicate, spec, read_scores(out, spec), reused)

    done = [spec for spec in replicate.fold_runs if is_done(out, spec)]
    cases = case_table([row for spec in done for row in read_scores(out, spec)])
    markers = [json.loads((fold_run_folder(out, spec) / DONE_NAME).read_text(encoding="utf-8")) for spec in done]
    figures = {} if failures else _draw(illustrate, replicate, cases, display)

    def record(tracker: Tracker) -> str:
        run_id = tracker.begin_replicate(info)
        for spec in replicate.fold_runs:
            tracker.record_fold(run_id, fold=spec.fold, digest=spec.digest, folder=fold_run_folder(out, spec))
        status: Status = "FAILED" if failures else "FINISHED"
        tracker.finish_replicate(run_id, cases=cases, figures=figures, status=status)
        return run_id

    result = ReplicateResult(
        replicate=replicate,
        run_id=tracker.call(record),
        cases=cases,
        seconds=math.fsum(marker["seconds"] for marker in markers),
        failures=tuple(failures),
    )
    if failures or result.dsc_mean is None:
        ledger.fail(trial)
    else:
        ledger.complete(trial, result.dsc_mean)
    return result, record


def _draw(illustrate: Illustrate, replicate: Replicate, cases: pd.DataFrame, display: Display) -> Mapping[str, Path]:
    """A replicate's figures, or none where they cannot be drawn: a picture never costs a result."""
    try:
        return illustrate(replicate, cases)
    except Exception as error:
        display.warn(f"no figures of {replicate.run_name} ({_one_line(error)})")
        return {}


def _one_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _train(
    replicate: Replicate, spec: FoldRunSpec, folder: Path, display: Display, record_fold: Callable[[FoldRunSpec], None]
) -> None:
    spec.write(folder)
    display.fold_started(replicate, spec)
    epochs_seen = 0
    recorded = time.monotonic()
    empty: dict[str, list[str]] = {}

    def on_events(events: list[dict[str, Any]]) -> None:
        nonlocal epochs_seen, recorded
        epochs = {event["epoch"]: event for event in events if event["event"] == "epoch"}
        for number in sorted(epochs)[epochs_seen:]:
            display.epoch_ended(replicate, spec, epochs[number])
        epochs_seen = len(epochs)
        empty.update({event["case_id"]: event["regions"] for event in events if event["event"] == "empty_region"})
        if time.monotonic() - recorded > TRACK_EVERY_S:
            record_fold(spec)
            recorded = time.monotonic()

    run_in_child(folder, on_events)
    if empty:
        case_id, regions = next(iter(empty.items()))
        display.warn(
            f"{replicate.run_name} fold {spec.fold}: {len(empty)} cases ({case_id}, ...) have no voxel to draw from in "
            f"{', '.join(regions)}; their other regions took its share"
        )


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
