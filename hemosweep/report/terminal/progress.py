"""The live display of a sweep: arms, folds and epochs with an ETA on a terminal, and one line a fold everywhere."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from hemosweep.durations import duration
from hemosweep.engine.plan import Replicate, work
from hemosweep.foldrun.spec import FoldRunSpec
from hemosweep.scores.summary import summarise


@contextmanager
def progress_bar(what: str, console: Console | None = None) -> Iterator[Callable[[int, int], None]]:
    """A bar with an ETA on standard error; yields the function that moves it: (done, total)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console or Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@dataclass(kw_only=True, slots=True)
class _Shown:
    """A fold run in flight: its bar, when it began, and how long it has trained."""

    task: TaskID
    begun: float
    training_s: float = 0.0


class SweepDisplay:
    """Display of a sweep for the user. The ETA is an upper bound: early stopping ends a fold sooner.

    Args:
        num_slots: returns the present number of fold runs that are trained at once.
    """

    def __init__(
        self, replicates: Sequence[Replicate], console: Console, *, num_slots: Callable[[], int] = lambda: 1
    ) -> None:
        self._console = console
        self._num_slots = num_slots
        self._cost = {
            (replicate.digest, spec.digest): cost
            for replicate in replicates
            for spec, cost in zip(replicate.fold_runs, work(replicate), strict=True)
        }
        self._left = dict(self._cost)
        self._trained = 0.0
        self._training_s = 0.0
        self._rest_s = 0.0
        self._num_trained = 0
        self._num_folds_ended = 0
        self._in_flight: dict[tuple[str, str], _Shown] = {}
        self._progress = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
        )
        self._folds = self._progress.add_task("fold runs", total=len(self._cost), note="")

    def __enter__(self) -> "SweepDisplay":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def fold_started(self, replicate: Replicate, spec: FoldRunSpec) -> None:
        name = f"{replicate.run_name} fold {spec.fold}"
        task = self._progress.add_task(name, total=spec.config.training.max_epochs, note="waiting")
        self._in_flight[replicate.digest, spec.digest] = _Shown(task=task, begun=time.monotonic())

    def epoch_ended(self, replicate: Replicate, spec: FoldRunSpec, event: Mapping[str, Any]) -> None:
        key = (replicate.digest, spec.digest)
        left = self._cost[key] * (1 - event["epoch"] / spec.config.training.max_epochs)
        self._trained += self._left[key] - left
        self._left[key] = left
        self._training_s += event["seconds"]
        shown = self._in_flight[key]
        shown.training_s += event["seconds"]
        note = f"validation loss {event['val_loss']:.3f}  DSC {event['val_dsc']:.3f}"
        self._progress.update(shown.task, completed=event["epoch"], note=note)
        self._progress.update(self._folds, note=f"ETA {self._eta()}")

    def fold_ended(
        self, replicate: Replicate, spec: FoldRunSpec, scores: Sequence[Mapping[str, Any]], reused: bool
    ) -> None:
        if not reused:
            shown = self._in_flight[replicate.digest, spec.digest]
            self._rest_s += max(0.0, time.monotonic() - shown.begun - shown.training_s)
            self._num_trained += 1
        dsc = [float("nan") if row["dsc"] is None else float(row["dsc"]) for row in scores]
        summary = summarise(dsc, [str(row["ivh"]) for row in scores])
        mean = "undefined" if summary.mean is None else f"{summary.mean:.3f}"
        self._end(replicate, spec, f"DSC {mean} over {len(dsc)} cases" + (", done before" if reused else ""))

    def fold_failed(self, replicate: Replicate, spec: FoldRunSpec, message: str) -> None:
        self._end(replicate, spec, f"[red]failed[/red]: {escape(message)}")

    def warn(self, message: str) -> None:
        self._console.print(f"[yellow]warning[/yellow]: {escape(message)}", highlight=False, soft_wrap=True)

    def _end(self, replicate: Replicate, spec: FoldRunSpec, outcome: str) -> None:
        key = (replicate.digest, spec.digest)
        self._left[key] = 0.0
        self._num_folds_ended += 1
        self._progress.update(self._folds, completed=self._num_folds_ended)
        if key in self._in_flight:
            self._progress.remove_task(self._in_flight.pop(key).task)
        count = f"{self._num_folds_ended}/{len(self._cost)}"
        rest = f"  ETA {self._eta()}" if self._num_folds_ended < len(self._cost) else ""
        name = escape(f"{replicate.run_name} fold {spec.fold}")
        self._console.print(f"{count} {name}: {outcome}{rest}", highlight=False, soft_wrap=True)

    def _eta(self) -> str:
        """Remaining training at the pace so far, plus the mean time of start, test and record for each fold run."""
        if not self._trained:
            return "unknown yet"
        training_s = self._training_s / self._trained * sum(self._left.values())
        num_left = len(self._cost) - self._num_folds_ended
        return duration((training_s + self._rest_s / max(1, self._num_trained) * num_left) / self._num_slots())
