"""`hemosweep score`: the scores that kept predictions lack, made and recorded; nothing is trained."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from hemosweep.ablation.catalogue import find_listed, known_sweeps
from hemosweep.engine.index import FOLD_RUNS_NAME, read_plans
from hemosweep.engine.plan import Replicate, fold_run_folder
from hemosweep.environment import num_processors
from hemosweep.errors import BadInput
from hemosweep.foldrun.scores import read_scores
from hemosweep.foldrun.seal import RECORDS, is_finished
from hemosweep.report.terminal.lines import say
from hemosweep.report.terminal.progress import progress_bar
from hemosweep.runs import FoldRecord, RunRecord, RunStore, no_such_sweep
from hemosweep.scores.metric import Metric
from hemosweep.scores.recorded import RecordedMetric, in_common, metric_facts, recorded_digests
from hemosweep.scores.table import case_table
from hemosweep.tracking.database import database_path
from hemosweep.tracking.reader import MlflowStore
from hemosweep.upkeep.rescore import Rescored, find_outdated, rescore

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoringResult:
    """Numbers of what was scored and recorded again, and the fold runs that could not be, each with its message."""

    num_cases: int
    num_fold_runs: int
    num_runs: int
    seconds: float
    failures: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "num_cases": self.num_cases,
            "num_fold_runs": self.num_fold_runs,
            "num_runs": self.num_runs,
            "seconds": self.seconds,
            "failures": dict(self.failures),
        }

    def as_lines(self, *, styled: bool = False) -> list[str]:
        lines = []
        if self.num_cases:
            lines.append(_scored_text(self.num_cases, self.num_fold_runs, self.seconds))
        elif not self.failures:
            lines.append("every score is of its metric as it is now; nothing to score")
        if self.num_runs:
            lines.append(f"recorded again: {_count(self.num_runs, 'run')}")
        if self.failures:
            lines.append(f"not scored: {_count(len(self.failures), 'fold run')}; their scores are as they were")
        return lines


def score_runs(out: str | Path = "runs", sweeps: Sequence[str] = (), *, jobs: int | None = None) -> ScoringResult:
    """Score the kept predictions of sweeps by every metric that has changed since, and record the scores.

    Args:
        out: the output folder.
        sweeps: names or files of sweeps; none for all.
        jobs: number of cases at once; one a processor by default.

    Raises:
        BadInput: no such folder or sweep, or a metric that cannot be used.
        KeyboardInterrupt: stopped; the same call goes on.
    """
    out = Path(out)
    if not out.is_dir():
        raise BadInput(f"{out}: no such folder; give the folder of a sweep's results with --out")
    listed = [find_listed(name) for name in sweeps if name.endswith(".py")]
    own_metrics = {name: other.sweep.metrics for name, other in known_sweeps().items()}
    own_metrics |= {other.name: other.sweep.metrics for other in listed}
    by_sweep = _fold_runs(out, [*(other.name for other in listed), *(name for name in sweeps if name[-3:] != ".py")])
    folders = {folder: name for fold_runs in by_sweep.values() for folder, name in fold_runs.items()}
    further: dict[Path, tuple[Metric, ...]] = {}
    for sweep, fold_runs in by_sweep.items():
        for folder in fold_runs:
            further[folder] = tuple(dict.fromkeys((*further.get(folder, ()), *own_metrics.get(sweep, ()))))
    scored = _rescore(folders, further, num_processors() if jobs is None else jobs, mend=True)
    return ScoringResult(
        num_cases=scored.num_cases,
        num_fold_runs=scored.num_fold_runs,
        num_runs=record_scores(out),
        seconds=scored.seconds,
        failures=scored.failures,
    )


def score_replicates(out: Path, replicates: Sequence[Replicate], console: Console) -> None:
    """Score the fold runs of replicates that are done, where metrics have changed since, and say so.

    A fold run that cannot be scored again keeps its scores.
    """
    names = {
        fold_run_folder(out, spec): f"{replicate.run_name} fold {spec.fold}"
        for replicate in replicates
        for spec in replicate.fold_runs
    }
    further = {fold_run_folder(out, spec): spec.metrics for replicate in replicates for spec in replicate.fold_runs}
    scored = _rescore(names, further, num_processors(), console)
    for line in _told(scored):
        say(console, line)
    if not scored.num_fold_runs:
        return
    try:
        record_scores(out)
    except Exception as error:  # An outage of the tracking stops no sweep.
        say(console, f"[yellow]warning[/yellow]: scores are not recorded yet ({escape(str(error))})")


def _rescore(
    folders: Mapping[Path, str],
    further: Mapping[Path, tuple[Metric, ...]],
    jobs: int,
    console: Console | None = None,
    *,
    mend: bool = False,
) -> Rescored:
    outdated = find_outdated(folders, further, mend=mend)
    if not outdated:
        return Rescored()
    with progress_bar("scoring cases", console) as progress:
        return rescore(outdated, further, jobs=jobs, progress=progress)


def _told(scored: Rescored) -> list[str]:
    lines = [f"[yellow]warning[/yellow]: {escape(message)}" for message in scored.failures.values()]
    if scored.num_cases:
        lines.append(
            f"metrics have changed: {_scored_text(scored.num_cases, scored.num_fold_runs, scored.seconds)}; their "
            "training stands"
        )
    return lines


def _fold_runs(out: Path, sweeps: Sequence[str]) -> dict[str, dict[Path, str]]:
    """By sweep: folders of its fold runs, recorded or planned, and their names."""
    names: dict[str, list[tuple[str, str]]] = {}
    if database_path(out).is_file():
        store = MlflowStore(out)
        folds = store.list_folds()
        for run in store.list_runs():
            named = [(fold.digest, f"{run.full_name} fold {fold.fold}") for fold in folds.get(run.run_id, ())]
            names.setdefault(run.sweep, []).extend(named)
    for plan in read_plans(out):
        planned = names.setdefault(plan.sweep, [])
        for replicate in plan.replicates:
            name = f"{plan.sweep}/{replicate.arm}@{replicate.seed}"
            planned += [(fold_run.digest, f"{name} fold {fold_run.fold}") for fold_run in replicate.fold_runs]
    for sweep in sweeps:
        if sweep not in names:
            raise BadInput(no_such_sweep(str(out), sweep, sorted(names)))
    chosen: dict[str, dict[Path, str]] = {}
    for sweep in sweeps or sorted(names):
        for digest, name in names[sweep]:
            chosen.setdefault(sweep, {}).setdefault(out / FOLD_RUNS_NAME / digest, name)
    return chosen


def record_scores(out: Path) -> int:
    """Record the scores of every run that has ended whose fold runs have others by now. Return the number of runs.

    A run some of whose fold runs are scored by one version of a metric and some by another stays as it is.
    """
    if not database_path(out).is_file():
        return 0
    store = MlflowStore(out)
    folds = store.list_folds()
    changed = []
    for run in store.list_runs():
        ended = [fold for fold in folds.get(run.run_id, ()) if fold.status == "FINISHED"]
        metrics = _metrics(out, ended) if run.status in ("FINISHED", "FAILED") else {}
        digests = {name: metric.digest for name, metric in metrics.items()}
        if metrics and None not in digests.values() and digests != recorded_digests(run.tags):
            changed.append((run, ended, metric_facts(metrics)))
    if not changed:
        return 0
    from hemosweep.tracking.recorder import Recorder  # With MLflow, which takes seconds.

    recorder = Recorder(out)
    num_recorded = 0
    for run, ended, facts in changed:
        try:
            rows = _rows(out, store, run, ended)
        except BadInput as error:
            _log.warning("%s; the scores of %s are not recorded again", error, run.full_name)
            continue
        num_recorded += 1
        recorder.record_scores(
            run.run_id,
            cases=case_table(rows),
            folders={fold.digest: out / FOLD_RUNS_NAME / fold.digest for fold in ended},
            tags=facts,
        )
    return num_recorded


def _metrics(out: Path, folds: Sequence[FoldRecord]) -> dict[str, RecordedMetric]:
    """Metrics that the fold runs have in common; none where one is not kept."""
    folders = [out / FOLD_RUNS_NAME / fold.digest for fold in folds]
    try:
        if not all(is_finished(folder, *RECORDS) for folder in folders):
            return {}
        return in_common([read_scores(folder).metrics for folder in folders])
    except BadInput:  # Named by the scoring before; what is recorded stays.
        return {}


def _rows(out: Path, store: RunStore, run: RunRecord, folds: Sequence[FoldRecord]) -> list[dict[str, Any]]:
    """The case table of a run with the scores that its fold runs have now; all else stays as the sweep recorded it."""
    scores = {
        str(row["case_id"]): {name: row.get(name) for name in fold_scores.metrics}
        for fold in folds
        for fold_scores in (read_scores(out / FOLD_RUNS_NAME / fold.digest),)
        for row in fold_scores.rows
    }
    return [row | scores.get(str(row["case_id"]), {}) for row in store.case_rows(run.run_id)]


def _scored_text(num_cases: int, num_fold_runs: int, seconds: float) -> str:
    return f"scored {_count(num_cases, 'case')} of {_count(num_fold_runs, 'fold run')} in {seconds:.1f} s"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
