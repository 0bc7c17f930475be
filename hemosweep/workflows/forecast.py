"""Forecast of a sweep, arm by arm, as JSON and as lines."""

from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from hemosweep.durations import duration
from hemosweep.report.terminal.lines import Name, lines_of
from hemosweep.stats.looks import LOOKS


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmForecast:
    """Forecast of one arm: its fold runs, and the cost of the missing ones on this machine.

    `num_done` fold runs are trained, by any sweep. `num_shared` are not trained, but an earlier arm of this sweep
    trains them. `shared_with` are the arms, of any sweep, with the same fold runs. `seconds` is the time of all missing
    fold runs, one after the other, without tests. `memory_bytes` is the peak memory of one of them, on a GPU or else on
    the host. `batch_at_once` is the number of patches of a batch that this memory holds. Both are None where nothing is
    missing.
    """

    arm: str
    num_fold_runs: int
    num_done: int
    num_shared: int
    num_missing: int
    shared_with: tuple[str, ...]
    seconds: float
    disk_bytes: int
    memory_bytes: int | None
    batch_size: int
    batch_at_once: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """Forecast of a sweep. `wall_seconds` is its time with `num_slots` fold runs at once.

    `preprocessed_bytes` is the disk space of the `num_to_preprocess` preprocessed cases that do not exist yet.
    `elsewhere` is True if machines other than this one will train. `kept` is a remark on the steps that an earlier
    forecast timed; `not_kept` is the reason if those of this one could not be kept. `load` is the largest number of
    processors that other programs kept busy while a step was timed, None on a GPU or if no step was timed. `disturbed`
    is True if that load made the forecast too long. `num_older` fold runs of the sweep are done, but with earlier code.
    `gpu_bytes` is the memory of the GPU, None without one. With `by_looks` it is the forecast of the first look.
    """

    sweep: str
    profile: str
    device: str
    on_gpu: bool
    num_cases: int
    arms: tuple[ArmForecast, ...]
    num_slots: int
    wall_seconds: float
    num_to_preprocess: int
    preprocessed_bytes: int
    gpu_bytes: int | None = None
    num_trials: int = 1
    subset: str | None = None
    elsewhere: bool = False
    kept: str | None = None
    not_kept: str | None = None
    load: float | None = None
    disturbed: bool = False
    num_older: int = 0
    by_looks: bool = False

    @property
    def num_fold_runs(self) -> int:
        return sum(arm.num_fold_runs for arm in self.arms)

    @property
    def num_done(self) -> int:
        return sum(arm.num_done for arm in self.arms)

    @property
    def num_shared(self) -> int:
        return sum(arm.num_shared for arm in self.arms)

    @property
    def num_missing(self) -> int:
        return sum(arm.num_missing for arm in self.arms)

    @property
    def seconds(self) -> float:
        return sum(arm.seconds for arm in self.arms)

    @property
    def disk_bytes(self) -> int:
        return sum(arm.disk_bytes for arm in self.arms)

    @property
    def memory_bytes(self) -> int | None:
        """Memory of the fold run that needs the most."""
        return max((arm.memory_bytes for arm in self.arms if arm.memory_bytes is not None), default=None)

    def as_json(self) -> dict[str, Any]:
        totals = ("num_fold_runs", "num_done", "num_shared", "num_missing", "seconds", "disk_bytes", "memory_bytes")
        return asdict(self) | {name: getattr(self, name) for name in totals}

    def as_lines(self, *, styled: bool = False) -> list[str]:
        """The table of the arms, then the forecast in words."""
        return [*lines_of(plan_table(self), styled=styled), *self.text_lines()]

    def text_lines(self) -> list[str]:
        """The forecast in words."""
        return [self._summary(), *self._notes()]

    def _summary(self) -> str:
        subset = f" ({self.subset})" if self.subset else ""
        trials = f"{self.num_trials} trials of " if self.num_trials > 1 else ""
        done = f", {self.num_done} done" if self.num_done else ""
        shared = f", {self.num_shared} shared by several arms" if self.num_shared else ""
        whole = f"{trials}{self.num_fold_runs} fold runs{subset}{done}{shared}"
        start = (
            f"forecast for {self.sweep} ({self.profile} profile) on {self.device}, {self.num_cases} cases, {whole}: "
        )
        if not self.num_missing:
            return f"{start}nothing is left to train"
        at_a_time = "one" if self.num_slots == 1 else str(self.num_slots)
        wall = duration(self.num_trials * self.wall_seconds)
        disk = _size(self.num_trials * self.disk_bytes)
        what = "GPU memory" if self.on_gpu else "memory"
        memory = "" if self.memory_bytes is None else f", up to {_size(self.memory_bytes)} of {what} each"
        return f"{start}about {wall} of training, {at_a_time} at a time{memory}, {disk} of weights and predictions"

    def _notes(self) -> list[str]:
        notes = []
        if self.by_looks:
            first, *further = LOOKS
            notes.append(
                f"the first look, {first} seeds of every arm; looks at {' and '.join(map(str, further))} seeds train "
                "the arms of open comparisons"
            )
        if self.num_to_preprocess:
            files = f"about {_size(self.preprocessed_bytes)} of preprocessed cases"
            notes.append(f"before that {self.num_to_preprocess} cases are to be preprocessed: {files}")
        for arm in self.arms:
            if arm.batch_at_once is not None and arm.batch_at_once < arm.batch_size:
                notes.append(
                    f"{arm.arm}: memory holds {arm.batch_at_once} patches of a batch of {arm.batch_size}; gradients "
                    "would be added up over them"
                )
            if self.gpu_bytes is not None and arm.memory_bytes is not None and arm.memory_bytes > self.gpu_bytes:
                notes.append(
                    f"{arm.arm}: a fold run takes more than the GPU's {_size(self.gpu_bytes)}; its cases would stay in "
                    "the host's memory, and each batch would be moved"
                )
        if self.on_gpu and self.num_missing:
            notes.append(
                "its steps were timed as PyTorch runs them; a long training on a GPU is compiled and takes less"
            )
        if self.elsewhere and self.num_missing:
            notes.append(f"time and memory are those of this machine's {self.device}, not of the cluster's machines")
        if self.disturbed:
            notes.append(
                f"other programs kept {self.load:.1f} processors busy while its steps were timed: without them it "
                "takes less"
            )
        if self.num_older:
            notes.append(
                f"{self.num_older} of its fold runs are done with earlier code: runs, compare, report, predict and "
                "score still read them, and a sweep trains them anew"
            )
        if self.kept is not None:
            notes.append(self.kept)
        if self.not_kept is not None:
            notes.append(f"the timed steps are not kept for the next forecast: {self.not_kept}")
        return notes


def plan_table(forecast: Forecast) -> Table:
    """One line an arm."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("arm")
    shared = ("shared",) if forecast.num_shared else ()
    for header in ("fold\nruns", "done", *shared, "to\ntrain", "about", "memory"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("same as")
    for arm in forecast.arms:
        before = (arm.num_fold_runs, arm.num_done, *((arm.num_shared,) if shared else ()))
        numbers = (str(number) for number in (*before, arm.num_missing))
        memory = "" if arm.memory_bytes is None else _size(arm.memory_bytes)
        table.add_row(Name(arm.arm), *numbers, duration(arm.seconds), memory, Name(", ".join(arm.shared_with)))
    return table


def _size(num_bytes: int) -> str:
    """Bytes as readable text: 35 MB, 1.2 GB."""
    return f"{num_bytes / 1e6:.0f} MB" if num_bytes < 0.9995e9 else f"{num_bytes / 1e9:.1f} GB"
