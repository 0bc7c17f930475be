"""`hemosweep plan`: the fold runs of a sweep, which of them are done or shared, and how long the rest would train."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from hemosweep.cli.request import Request
from hemosweep.data.case import Case
from hemosweep.data.folds import Fold
from hemosweep.data.manifest import TABLE_NAME, read_manifest
from hemosweep.engine.forecast import fold_run_bytes, forecast_fold
from hemosweep.engine.plan import Inputs, Replicate, is_done, plan_replicates
from hemosweep.engine.prepare import draw_split
from hemosweep.engine.sweep import Arm
from hemosweep.model.device import choose_device
from hemosweep.preprocessing.cache import derivative_path, derivatives_folder
from hemosweep.report.progress import duration
from hemosweep.training.source import source_digest
from sweeps import SWEEP_NAMES, find_sweep


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmForecast:
    """One arm: its fold runs, those done already, the arms of other sweeps that are the same, and what the rest costs
    on this machine. Inference comes on top of the training seconds."""

    arm: str
    num_fold_runs: int
    num_done: int
    shared_with: tuple[str, ...]
    seconds: float
    disk_bytes: int

    @property
    def num_missing(self) -> int:
        return self.num_fold_runs - self.num_done


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What a sweep would train."""

    sweep: str
    profile: str
    device: str
    num_cases: int
    arms: tuple[ArmForecast, ...]
    num_trials: int = 1

    @property
    def num_fold_runs(self) -> int:
        return sum(arm.num_fold_runs for arm in self.arms)

    @property
    def num_done(self) -> int:
        return sum(arm.num_done for arm in self.arms)

    @property
    def seconds(self) -> float:
        return sum(arm.seconds for arm in self.arms)

    @property
    def disk_bytes(self) -> int:
        return sum(arm.disk_bytes for arm in self.arms)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {
            "arms": [asdict(arm) for arm in self.arms],
            "num_fold_runs": self.num_fold_runs,
            "num_done": self.num_done,
            "seconds": self.seconds,
            "disk_bytes": self.disk_bytes,
        }

    def as_text(self) -> str:
        done = f", {self.num_done} done" if self.num_done else ""
        trials = f"{self.num_trials} trials of " if self.num_trials > 1 else ""
        return (
            f"forecast for {self.sweep} ({self.profile} profile) on {self.device}, {self.num_cases} cases, "
            f"{trials}{self.num_fold_runs} fold runs{done}: about {duration(self.num_trials * self.seconds)} of "
            f"training, {self.num_trials * self.disk_bytes / 1e6:.0f} MB of checkpoints"
        )


def plan_table(forecast: Forecast) -> Table:
    """One line an arm."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("arm", no_wrap=True)
    for header in ("fold runs", "done", "to train", "about"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("same as")
    for arm in forecast.arms:
        numbers = (str(number) for number in (arm.num_fold_runs, arm.num_done, arm.num_missing))
        table.add_row(arm.arm, *numbers, duration(arm.seconds), ", ".join(arm.shared_with))
    return table


def forecast_study(request: Request) -> Forecast:
    """Time a few training steps of every arm on this machine and reckon the sweep from them; make nothing.

    Raises:
        BadInput: the data set cannot be listed, or has too few patients for the folds.
    """
    num_cases, done = request.profile.phantom_cases, dict.fromkeys((arm.name for arm in request.arms), 0)
    data = request.data if request.data is not None else request.phantom_folder
    if request.data is not None or (data / TABLE_NAME).is_file():
        cases, folds = draw_split(read_manifest(data), request.base, with_cta_only=request.sweep.with_cta_only)
        num_cases = len(cases)
        for replicate in _planned(request, cases, folds, data):
            done[replicate.arm.name] += sum(is_done(request.out, spec) for spec in replicate.fold_runs)
    device = choose_device()
    num_fold_runs = request.base.cross_validation.num_folds * len(request.seeds)
    arms = []
    for arm in request.arms:
        num_missing = num_fold_runs - done[arm.name]
        arms.append(
            ArmForecast(
                arm=arm.name,
                num_fold_runs=num_fold_runs,
                num_done=done[arm.name],
                shared_with=_same_arms(arm, request),
                seconds=num_missing * forecast_fold(arm.config, num_cases, device) if num_missing else 0.0,
                disk_bytes=num_missing * fold_run_bytes(arm.config),
            )
        )
    return Forecast(
        sweep=request.sweep.name,
        profile=request.profile.name,
        device=device.name,
        num_cases=num_cases,
        arms=tuple(arms),
        num_trials=request.num_trials,
    )


def _planned(request: Request, cases: Sequence[Case], folds: Sequence[Fold], data: Path) -> tuple[Replicate, ...]:
    """The fold runs of every arm whose cases are preprocessed: their content is in a fold run's name."""
    inputs = {}
    for config in dict.fromkeys(arm.config.preprocessing for arm in request.arms):
        folder = derivatives_folder(data, request.out, config)
        paths = {case.case_id: derivative_path(case, config, folder) for case in cases}
        if all(path.is_file() for path in paths.values()):
            inputs[config] = Inputs.read(paths)
    arms = [arm for arm in request.arms if arm.config.preprocessing in inputs]
    return plan_replicates(arms, request.seeds, cases, folds, inputs=inputs, source=source_digest())


def _same_arms(arm: Arm, request: Request) -> tuple[str, ...]:
    """Arms of other sweeps that resolve to the same configuration over the same cases: their fold runs are one."""
    return tuple(
        f"{name}/{other.name}"
        for name in SWEEP_NAMES
        if name != request.sweep.name and find_sweep(name).with_cta_only == request.sweep.with_cta_only
        for other in find_sweep(name).arms(request.base)
        if other.config == arm.config
    )
