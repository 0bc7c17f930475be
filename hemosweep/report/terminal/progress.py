"""The live display of a sweep: arms, folds and epochs with their ETA on a terminal, and one line a fold everywhere."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hemosweep.activity import doing
from hemosweep.durations import duration
from hemosweep.engine.plan import Replicate, work
from hemosweep.executors.machine import GpuMemory
from hemosweep.foldrun.spec import FoldRunSpec
from hemosweep.report.terminal.lines import laid_out, say
from hemosweep.scores.summary import summarise
from hemosweep.upkeep.status import TrainingProgress, read_progress

BAR_WIDTH = 20
REFRESHED_PER_S = 2
GPU_EVERY_S = 10.0
"""Least time between two looks at the memory of the GPUs, which take a process each."""


@contextmanager
def progress_bar(what: str, console: Console | None = None) -> Iterator[Callable[[int, int], None]]:
    """A bar with an ETA on standard error, if that is a terminal; yields the function that moves it: (done, total)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = console or Console(stderr=True)
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with doing(what) as tell, bar as progress:
        task = progress.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            tell(f"{done} of {total}")
            progress.update(task, completed=done, total=total)

        yield advance


@dataclass(kw_only=True, slots=True)
class _Shown:
    """A fold run in flight: when it began, how long it has trained, and its progress. It is an activity of its own."""

    name: str
    spec: FoldRunSpec
    begun: float
    end_activity: Callable[[], object]
    tell: Callable[[str], None]
    training_s: float = 0.0
    progress: TrainingProgress = field(default_factory=TrainingProgress)

    def parts(self) -> list[str]:
        """Its progress, in parts that stay whole on a line."""
        progress, max_epochs = self.progress, self.spec.config.training.max_epochs
        parts = [f"epoch {progress.epoch}/{max_epochs}"] if progress.epoch else ["starting"]
        for label, value in (
            ("loss", progress.train_loss),
            ("validation loss", progress.val_loss),
            ("patch DSC", progress.val_dsc),
        ):
            parts += [] if value is None else [f"{label} {value:.3f}"]
        if progress.trained:
            parts.append(f"testing {progress.num_tested} of {len(self.spec.test)} cases")
        elif (left_s := progress.left_s(max_epochs, time.time())) is not None:
            parts.append(f"ETA {duration(left_s)}")
        return parts


class SweepDisplay:
    """Display of a sweep for the user. The ETA is an upper bound: early stopping ends a fold sooner.

    Args:
        num_slots: returns the present number of fold runs that are trained at once.
        gpu_memory: returns the memory of each GPU that they are trained on.
        is_settled: tells of a fold run that it was settled before, so that no time is needed for it.
    """

    def __init__(
        self,
        replicates: Sequence[Replicate],
        console: Console,
        *,
        num_slots: Callable[[], int] = lambda: 1,
        gpu_memory: Callable[[], Sequence[GpuMemory]] = lambda: (),
        is_settled: Callable[[FoldRunSpec], bool] = lambda spec: False,
    ) -> None:
        self._console = console
        self._num_slots = num_slots
        self._gpu_memory = gpu_memory
        self._gpu_parts: Sequence[str] = ()
        self._gpu_read_at = -GPU_EVERY_S
        self._cost = {
            (replicate.digest, spec.digest): cost
            for replicate in replicates
            for spec, cost in zip(replicate.fold_runs, work(replicate), strict=True)
        }
        settled = {spec.digest for replicate in replicates for spec in replicate.fold_runs if is_settled(spec)}
        self._left = {key: cost for key, cost in self._cost.items() if key[1] not in settled}
        """Training that is left of each fold run that has not ended."""
        self._trained = 0.0
        self._training_s = 0.0
        self._rest_s = 0.0
        self._num_trained = 0
        self._num_folds_ended = 0
        self._in_flight: dict[tuple[str, str], _Shown] = {}
        self._open, self._recording = ExitStack(), ExitStack()

    def __enter__(self) -> "SweepDisplay":
        self._record()
        if self._console.is_terminal:
            live = Live(self, console=self._console, transient=True, refresh_per_second=REFRESHED_PER_S)
            self._open.enter_context(live)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for key in list(self._in_flight):
            self._land(key)
        self._recording.close()
        self._open.close()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The sweep in one line, and below it each fold run in flight."""
        ended, total = self._num_folds_ended, len(self._cost)
        parts = [f"{ended}/{total} fold runs", f"ETA {self._eta()}", *self._gpu_parts]
        sweep = Table.grid(padding=(0, 2, 0, 0))
        words = laid_out(parts, options.max_width - BAR_WIDTH - 2)
        sweep.add_row(ProgressBar(total=total, completed=ended, width=BAR_WIDTH), Text("\n".join(words)))
        yield sweep
        for shown in list(self._in_flight.values()):
            yield Text("\n".join(laid_out([shown.name, *shown.parts()], options.max_width)))

    def fold_started(self, replicate: Replicate, spec: FoldRunSpec) -> None:
        name = f"{replicate.run_name} fold {spec.fold}"
        activity = ExitStack()
        tell = activity.enter_context(doing(f"training {name}"))
        self._in_flight[replicate.digest, spec.digest] = _Shown(
            name=name, spec=spec, begun=time.monotonic(), end_activity=activity.close, tell=tell
        )

    def progressed(self, replicate: Replicate, spec: FoldRunSpec, events: Sequence[Mapping[str, Any]]) -> None:
        shown = self._in_flight[replicate.digest, spec.digest]
        shown.progress = read_progress(events)
        shown.tell(", ".join(shown.parts()))
        now = time.monotonic()
        if now - self._gpu_read_at > GPU_EVERY_S and self._console.is_terminal:
            self._gpu_read_at = now
            self._gpu_parts = gpu_parts(self._gpu_memory())

    def epoch_ended(self, replicate: Replicate, spec: FoldRunSpec, event: Mapping[str, Any]) -> None:
        key = (replicate.digest, spec.digest)
        left = self._cost[key] * (1 - event["epoch"] / spec.config.training.max_epochs)
        self._trained += self._left.get(key, self._cost[key]) - left
        self._left[key] = left
        self._training_s += event["seconds"]
        self._in_flight[key].training_s += event["seconds"]

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
        say(self._console, f"[yellow]warning[/yellow]: {escape(message)}")

    def _end(self, replicate: Replicate, spec: FoldRunSpec, outcome: str) -> None:
        key = (replicate.digest, spec.digest)
        self._left.pop(key, None)
        self._num_folds_ended += 1
        if key in self._in_flight:
            self._land(key)
        count = f"{self._num_folds_ended}/{len(self._cost)}"
        rest = f"  ETA {self._eta()}" if self._num_folds_ended < len(self._cost) else ""
        name = escape(f"{replicate.run_name} fold {spec.fold}")
        say(self._console, f"{count} {name}: {outcome}{rest}")

    def _land(self, key: tuple[str, str]) -> None:
        self._in_flight.pop(key).end_activity()
        if not self._in_flight:
            self._record()

    def _record(self) -> None:
        """Tell whoever waits that results are recorded, from now on: no fold run is at work."""
        self._recording.close()
        self._recording.enter_context(doing("recording results"))

    def _eta(self) -> str:
        """Remaining training at the pace so far, plus the mean time of start, test and record for each fold run."""
        if not self._trained:
            return "unknown yet"
        training_s = self._training_s / self._trained * sum(self._left.values())
        rest_s = self._rest_s / max(1, self._num_trained) * len(self._left)
        return duration((training_s + rest_s) / self._num_slots())


def gpu_parts(memories: Sequence[GpuMemory]) -> list[str]:
    """Memory of each GPU that is in use and there, such as "GPU 3.2 of 141 GB"."""
    several = len(memories) > 1
    return [
        f"GPU{f' {place}' if several else ''} {memory.used_bytes / 1e9:.1f} of {memory.total_bytes / 1e9:.0f} GB"
        for place, memory in enumerate(memories)
    ]
