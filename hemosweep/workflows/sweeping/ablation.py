"""`hemosweep sweep`: data set, profile, engine, tracker and report, joined."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from hemosweep.activity import doing
from hemosweep.engine.driver import run_sweep
from hemosweep.engine.ledger import Ledger
from hemosweep.engine.lock import driver_lock
from hemosweep.engine.observers import TrialLedger
from hemosweep.engine.plan import is_settled, write_plan
from hemosweep.engine.prepare import Prepared
from hemosweep.engine.request import Request
from hemosweep.engine.results import DrawReplicate, ReplicateResult
from hemosweep.engine.tracker import LateTracker, Tracker, describe, one_line
from hemosweep.environment import describe_environment
from hemosweep.errors import TimeIsUp
from hemosweep.executors.execution import open_executor
from hemosweep.executors.machine import gpu_memory
from hemosweep.executors.protocol import Executor
from hemosweep.report.study_figures import SweepFigures
from hemosweep.report.terminal.lines import say
from hemosweep.report.terminal.progress import SweepDisplay
from hemosweep.runs import LOOKS_FACT
from hemosweep.stats.looks import LOOKS, LOOKS_TEXT
from hemosweep.tracking.reader import MlflowStore
from hemosweep.upkeep.leftovers import remove_leftovers
from hemosweep.upkeep.restart import delete_fold_runs
from hemosweep.workflows.declared import with_external_arms
from hemosweep.workflows.external_arms import record_external_arms
from hemosweep.workflows.score import score_replicates
from hemosweep.workflows.sweeping.case_page import case_page_note
from hemosweep.workflows.sweeping.looks import train_by_looks
from hemosweep.workflows.sweeping.notes import study_notes
from hemosweep.workflows.sweeping.preparation import prepare_request
from hemosweep.workflows.sweeping.result import StudyResult, summarise_study
from hemosweep.workflows.sweeping.verdict import record_verdict


def run_study(request: Request, *, confirmed: bool = False) -> StudyResult:
    """Run a sweep from its data set to its tables. The same call goes on from the fold runs that are done.

    Args:
        confirmed: also train a sweep of the paper profile without a GPU.

    Raises:
        BadInput: as `prepare_request`; nothing was trained then.
    """
    progress = Console(stderr=True)
    prepared = prepare_request(request, progress, confirmed=confirmed)
    with driving(request.out):
        with open_workplace(request, prepared) as workplace:
            tracker = open_tracker(request.out)
            with _started_over(request, prepared, progress) if request.fresh else nullcontext():

                def train_part(part: Request) -> list[ReplicateResult]:
                    return train_arms(part, prepared, workplace, tracker, progress)

                results, ends = (
                    train_by_looks(request, train_part, progress) if request.by_looks else (train_part(request), ())
                )
        # Other machines are given back before the pictures are drawn.
        with doing("comparing the arms"):
            record_lost_arms(request, progress)
            result = summarise_study(request, results, ends)
        case_page = ""
        # Some folds are for trying, and their result replaces no verdict of the study. After an outage, which was told
        # of, the same command makes up for it.
        if None not in result.run_ids.values() and request.subset is None:
            declared = with_external_arms(request.sweep.declaration, MlflowStore(request.out))
            with doing("drawing and recording the comparisons"):
                family = record_verdict(result.family, declared, request.out, progress)
            case_page = case_page_note(request, declared, family, progress)
        with doing("drawing the boxplot"):
            return replace(result, notes=study_notes(request, results, result, case_page))


def record_lost_arms(request: Request, console: Console) -> None:
    """Record the external arms of a sweep that the store has lost, from their fold runs. An outage stops nothing."""
    try:
        record_external_arms(request.out, request.sweep.name)
    except Exception as error:
        say(
            console,
            f"[yellow]warning[/yellow]: external arms are not recorded yet ({escape(one_line(error))})",
        )


@contextmanager
def driving(out: Path) -> Iterator[None]:
    """Context in which the output folder is this process's; what killed ones left half-written there is deleted.

    Raises:
        BadInput: as `driver_lock`.
    """
    with driver_lock(out):
        remove_leftovers(out)
        yield


@contextmanager
def _started_over(request: Request, prepared: Prepared, console: Console) -> Iterator[None]:
    """Context in which fold runs start over. After an interruption the same command goes on without --fresh.

    Raises:
        BadInput: a process works on one of the fold runs.
    """

    delete_fold_runs(
        prepared.plan(request.arms, range(max(LOOKS)) if request.by_looks else request.seeds),
        request.out,
        gone=lambda num: say(
            console, f"--fresh: {num} fold runs were taken away; to go on from here later, leave --fresh out"
        ),
        warn=lambda text: say(console, f"[yellow]warning[/yellow]: {escape(text)}"),
    )
    try:
        yield
    except (KeyboardInterrupt, TimeIsUp) as stopped:
        raise type(stopped)("the same command without --fresh goes on from here") from None


def open_tracker(out: Path) -> Tracker:
    """The connection to the MLflow store of an output folder, which opens with the first record: a store that cannot be
    used stops no training."""

    def connect() -> Tracker:
        from hemosweep.tracking.recorder import Recorder

        return Recorder(out)

    return LateTracker(connect)


@dataclass(frozen=True, kw_only=True, slots=True)
class Workplace:
    """Executor of fold runs, and its deadline, on the clock `time.monotonic`."""

    executor: Executor
    deadline: float


@contextmanager
def open_workplace(request: Request, prepared: Prepared) -> Iterator[Workplace]:
    """Executor of a request.

    Raises:
        BadInput: as `open_executor`.
    """
    deadline = time.monotonic() + request.execution.time_limit_s
    with open_executor(request.execution, request.out, num_folds=len(prepared.folds)) as executor:
        yield Workplace(executor=executor, deadline=deadline)


def train_arms(
    request: Request, prepared: Prepared, workplace: Workplace, tracker: Tracker, console: Console
) -> list[ReplicateResult]:
    """Train every replicate of a request's arms, with their figures."""
    illustrate = SweepFigures(
        request.sweep.name,
        request.sweep.comparisons,
        prepared.cases,
        request.out,
        lesion_label=request.base.preprocessing.lesion_label,
    )
    ledger = Ledger(request.out, request.sweep)
    return train(request, prepared, workplace, ledger=ledger, tracker=tracker, illustrate=illustrate, console=console)


def train(
    request: Request,
    prepared: Prepared,
    workplace: Workplace,
    *,
    ledger: TrialLedger,
    tracker: Tracker,
    illustrate: DrawReplicate,
    console: Console,
) -> list[ReplicateResult]:
    """Train every replicate of a request's arms on prepared data, and show the progress."""
    environment = describe_environment()
    tags = {"profile": request.profile.name}
    if request.subset is not None:
        tags["subset"] = request.subset
    if request.by_looks:
        tags[LOOKS_FACT] = LOOKS_TEXT
    replicates = prepared.plan(request.arms, request.seeds)
    write_plan(request.out, request.sweep.name, request.profile.name, replicates, request.sweep.declaration)
    score_replicates(request.out, replicates, console)
    executor = workplace.executor
    memory = gpu_memory if request.execution.on_this_machine else list
    with SweepDisplay(
        replicates,
        console,
        num_slots=lambda: executor.num_slots,
        gpu_memory=memory,
        is_settled=partial(is_settled, request.out),
    ) as display:
        return run_sweep(
            replicates,
            [
                describe(replicate, request.sweep.name, prepared.facts_of(replicate) | tags, environment)
                for replicate in replicates
            ],
            request.out,
            executor=executor,
            deadline=workplace.deadline,
            ledger=ledger,
            tracker=tracker,
            illustrate=illustrate,
            display=display,
        )
