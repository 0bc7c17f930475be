"""`hemosweep plan`: the fold runs of a sweep, done, shared and missing, and the cost of the missing ones."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from hemosweep.config import ArmConfig
from hemosweep.engine.request import Request
from hemosweep.executors.execution import count_slots
from hemosweep.executors.machine import num_places
from hemosweep.forecast.calibration import FILE_NAME, Calibrations, calibrate
from hemosweep.forecast.duration import forecast_fold, makespan
from hemosweep.forecast.inventory import FoldRunKey, Inventory, take_inventory
from hemosweep.report.terminal.lines import lines_of
from hemosweep.report.terminal.progress import duration
from hemosweep.sweeps import SWEEP_NAMES, find_sweep
from hemosweep.workflows.options import SweepOptions
from hemosweep.workflows.sweeping.request import resolve


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
    is True if that load made the forecast too long. `gpu_bytes` is the memory of the GPU, None without one.
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
        return f"{start}about {wall} of training, {at_a_time} at a time{memory}, {disk} of checkpoints and predictions"

    def _notes(self) -> list[str]:
        notes = []
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
        if self.kept is not None:
            notes.append(self.kept)
        if self.not_kept is not None:
            notes.append(f"the timed steps are not kept for the next forecast: {self.not_kept}")
        return notes


def plan_table(forecast: Forecast) -> Table:
    """One line an arm."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("arm", no_wrap=True)
    shared = ("shared",) if forecast.num_shared else ()
    for header in ("fold\nruns", "done", *shared, "to\ntrain", "about", "memory"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("same as")
    for arm in forecast.arms:
        before = (arm.num_fold_runs, arm.num_done, *((arm.num_shared,) if shared else ()))
        numbers = (str(number) for number in (*before, arm.num_missing))
        memory = "" if arm.memory_bytes is None else _size(arm.memory_bytes)
        table.add_row(arm.arm, *numbers, duration(arm.seconds), memory, "\n".join(arm.shared_with))
    return table


def plan_sweep(options: SweepOptions) -> Forecast:
    """List a sweep's fold runs, done, shared and missing, and forecast hours, memory and disk; train nothing.

    Raises:
        BadInput: as `resolve` and `forecast_study`.
    """
    return forecast_study(resolve(options))


def forecast_study(request: Request) -> Forecast:
    """Time a few training steps of every network on this machine, or read the kept ones, and compute the forecast of
    the sweep.

    Only the file that keeps the steps is written.

    Raises:
        BadInput: the data set cannot be listed, has too few patients for the folds, or a CT that cannot be read; or the
            machine or the cluster cannot be used as asked for.
    """
    execution = request.execution
    num_folds = len(request.only_folds) or request.base.cross_validation.num_folds
    num_slots = None if execution.on_this_machine else count_slots(execution, request.out, num_folds=num_folds)
    inventory = take_inventory(request)
    counts = _count(request, inventory)
    with_work = {arm.config: None for arm, count in zip(request.arms, counts, strict=True) if count.num_missing}
    calibrations = calibrate(with_work, request.out)
    steps, on_gpu = calibrations.steps, calibrations.num_gpus > 0
    if num_slots is None:
        num_slots = num_places(calibrations.num_gpus, execution.per_gpu)
    fold_s = {config: forecast_fold(config, inventory.num_cases, step.patch_s) for config, step in steps.items()}
    same_arms = _same_arms(request)
    arms = []
    for arm, count in zip(request.arms, counts, strict=True):
        step = steps[arm.config] if count.num_missing else None
        fold_bytes = 0 if step is None else step.checkpoint_bytes + inventory.fold_prediction_bytes
        arms.append(
            ArmForecast(
                arm=arm.name,
                num_fold_runs=len(inventory.folds) * len(request.seeds),
                num_done=count.num_done,
                num_shared=count.num_shared,
                num_missing=count.num_missing,
                shared_with=tuple(name for name in same_arms[arm.config] if name != f"{request.sweep.name}/{arm.name}"),
                seconds=count.num_missing * fold_s.get(arm.config, 0.0),
                disk_bytes=count.num_missing * fold_bytes,
                memory_bytes=None if step is None else step.memory_bytes + inventory.resident_bytes(arm.config),
                batch_size=arm.config.training.batch_size,
                batch_at_once=None if step is None else step.batch_at_once,
            )
        )
    in_order = (arm.seconds / arm.num_missing for arm in arms for _ in range(arm.num_missing))
    return Forecast(
        sweep=request.sweep.name,
        profile=request.profile.name,
        device=calibrations.device,
        on_gpu=on_gpu,
        num_cases=inventory.num_cases,
        arms=tuple(arms),
        num_slots=num_slots,
        wall_seconds=makespan(in_order, min(num_slots, max(1, sum(arm.num_missing for arm in arms)))),
        num_to_preprocess=inventory.num_to_preprocess,
        preprocessed_bytes=inventory.preprocessed_bytes,
        gpu_bytes=calibrations.gpu_bytes,
        num_trials=request.num_trials,
        subset=request.subset,
        elsewhere=not execution.on_this_machine,
        kept=_kept(calibrations, request.out),
        not_kept=calibrations.not_kept,
        load=max((step.num_busy for step in steps.values() if step.num_busy is not None), default=None),
        disturbed=any(step.disturbed for step in steps.values()),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Count:
    num_done: int
    num_shared: int
    num_missing: int


def _count(request: Request, inventory: Inventory) -> list[_Count]:
    """Count the fold runs of each arm. One that several arms share is missing only from the first of them."""
    counts = []
    counted: set[FoldRunKey] = set()
    for arm in request.arms:
        fold_runs = {(arm.config, seed, fold) for seed in request.seeds for fold in inventory.folds}
        undone = fold_runs - inventory.done
        missing = undone - counted
        counted |= missing
        counts.append(
            _Count(
                num_done=len(fold_runs) - len(undone),
                num_shared=len(undone) - len(missing),
                num_missing=len(missing),
            )
        )
    return counts


def _kept(calibrations: Calibrations, out: Path) -> str | None:
    """Remark on steps that were not timed for this forecast; None where all were timed."""
    if not calibrations.num_kept:
        return None
    oldest = min(step.timed_on for step in calibrations.steps.values())
    return f"steps timed on this machine, {oldest}, kept in {out / FILE_NAME}: remove it to have them timed again"


def _same_arms(request: Request) -> Mapping[ArmConfig, Sequence[str]]:
    """The arms of each configuration, over the same cases: their fold runs are one. This sweep's arms come first."""
    others = [find_sweep(name) for name in SWEEP_NAMES if name != request.sweep.name]
    arms = {request.sweep.name: request.arms} | {
        sweep.name: sweep.arms(request.base) for sweep in others if sweep.with_cta_only == request.sweep.with_cta_only
    }
    same: dict[ArmConfig, list[str]] = {}
    for sweep_name, members in arms.items():
        for arm in members:
            same.setdefault(arm.config, []).append(f"{sweep_name}/{arm.name}")
    return same


def _size(num_bytes: int) -> str:
    """Bytes as readable text: 35 MB, 1.2 GB."""
    return f"{num_bytes / 1e6:.0f} MB" if num_bytes < 0.9995e9 else f"{num_bytes / 1e9:.1f} GB"
