"""A sweep's status on a terminal: a summary in one line, and a table of the fold runs that are not done."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hemosweep.report.terminal.lines import Fitted, Name
from hemosweep.report.terminal.table import UNDEFINED
from hemosweep.upkeep.status import FoldRunStatus, State, SweepStatus

STYLES: dict[State, str] = {"running": "green", "failed": "red", "stopped": "yellow", "waiting": "dim", "older": "dim"}


def status_view(status: SweepStatus, *, with_done: bool) -> RenderableType:
    """The line and, if fold runs are left to list, the table.

    Args:
        with_done: also list the fold runs that are done, and those of older source code.
    """
    shown = [fold_run for fold_run in status.fold_runs if with_done or fold_run.state not in ("done", "older")]
    line = Text(summary(status))
    return Group(line, "", Fitted(status_table(shown))) if shown else line


def summary(status: SweepStatus) -> str:
    """One line with the driver and the number of fold runs in each state."""
    driver = f"driver running ({status.driver})" if status.driver else "no driver running"
    waiting = status.count("stopped", "waiting")
    counts = [f"{status.count('done')} done", f"{status.count('running')} running", f"{status.count('failed')} failed"]
    counts.append(f"{waiting} waiting to go on")
    if status.count("older"):
        counts.append(f"{status.count('older')} of older source code")
    return f"{driver}: {', '.join(counts)}"


def status_table(fold_runs: Iterable[FoldRunStatus]) -> Table:
    """One line a fold run. The fold runs of an arm that have not begun share one line."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("\nfold run")
    table.add_column("\nstate", no_wrap=True)
    for header in ("\nepoch", "val.\nloss", "patch\nDSC", "s an\nepoch", "ETA at\nmost"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("")
    for row in _grouped(fold_runs):
        table.add_row(*(_cells(row[0]) if len(row) == 1 else _shared_cells(row)))
    return table


def _grouped(fold_runs: Iterable[FoldRunStatus]) -> Iterator[list[FoldRunStatus]]:
    """Groups of fold runs: neighbours of the same replicate that have not begun together, every other one alone."""

    def key(fold_run: FoldRunStatus) -> str:
        together = fold_run.state == "waiting" and fold_run.asked_by
        return fold_run.asked_by[0].replicate if together else fold_run.digest

    for _, group in groupby(fold_runs, key):
        yield list(group)


def _shared_cells(fold_runs: list[FoldRunStatus]) -> list[RenderableType]:
    folds = ", ".join(str(fold_run.asked_by[0].fold) for fold_run in fold_runs)
    return [Name(f"{fold_runs[0].asked_by[0].replicate} folds {folds}"), _state(fold_runs[0])]


def _cells(fold_run: FoldRunStatus) -> list[RenderableType]:
    progress = fold_run.progress
    others = len(fold_run.asked_by) - 1
    begun = progress.begun or progress.epoch > 0
    return [
        Name(fold_run.name + (f" (+{others})" if others > 0 else "")),
        _state(fold_run),
        f"{progress.epoch}/{fold_run.max_epochs or '?'}" if begun else UNDEFINED,
        _number(progress.val_loss, ".3f"),
        _number(progress.val_dsc, ".3f"),
        _number(progress.epoch_s, ".1f"),
        UNDEFINED if fold_run.eta_s is None else str(timedelta(seconds=round(fold_run.eta_s))),
        Text("; ".join(_notes(fold_run))),
    ]


def _state(fold_run: FoldRunStatus) -> Text:
    return Text(fold_run.state, style=STYLES.get(fold_run.state, ""))


def _notes(fold_run: FoldRunStatus) -> Iterator[str]:
    progress = fold_run.progress
    if fold_run.process is not None:
        yield fold_run.process
    if progress.trained and fold_run.state != "done":
        yield f"testing, {progress.num_tested} of {fold_run.num_test_cases or '?'} cases done"
    if progress.failure is not None and fold_run.state != "done":
        kind, sign, message = progress.failure.partition(": ")
        failure = f"{kind.replace('_', ' ')}{sign}{message}"
        yield failure if progress.failed else f"failed before ({failure})"


def _number(value: float | None, spec: str) -> str:
    return UNDEFINED if value is None else format(value, spec)
