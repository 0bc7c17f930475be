"""Forecast of a sweep: its fold runs are counted, and the cost of the missing ones is forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hemosweep.ablation.catalogue import known_sweeps
from hemosweep.activity import doing
from hemosweep.config import ArmConfig
from hemosweep.engine.index import FOLD_RUNS_NAME, live_plans, read_plans
from hemosweep.engine.request import Request
from hemosweep.executors.execution import count_slots
from hemosweep.foldrun.seal import BrokenSeal, is_finished
from hemosweep.forecast.calibration import FILE_NAME, Calibrations, calibrate
from hemosweep.forecast.duration import forecast_fold, makespan
from hemosweep.forecast.inventory import FoldRunKey, Inventory, take_inventory
from hemosweep.workflows.forecast import ArmForecast, Forecast


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
    with doing("listing the fold runs"):
        inventory = take_inventory(request)
    counts = _count(request, inventory)
    with_work = {arm.config: None for arm, count in zip(request.arms, counts, strict=True) if count.num_missing}
    calibrations = calibrate(with_work, request.out, request.project, num_threads=execution.num_threads)
    steps, on_gpu = calibrations.steps, calibrations.num_gpus > 0
    if num_slots is None:
        num_slots = execution.num_places(calibrations.num_gpus)
    fold_s = {config: forecast_fold(config, inventory.num_cases, step.patch_s) for config, step in steps.items()}
    same_arms = _same_arms(request)
    arms = []
    for arm, count in zip(request.arms, counts, strict=True):
        step = steps[arm.config] if count.num_missing else None
        fold_bytes = 0 if step is None else step.weight_bytes + inventory.fold_prediction_bytes
        arms.append(
            ArmForecast(
                arm=arm.name,
                num_fold_runs=len(inventory.folds) * request.num_replicates,
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
        by_looks=request.by_looks,
        elsewhere=not execution.on_this_machine,
        kept=_kept(calibrations, request.out),
        not_kept=calibrations.not_kept,
        num_older=_num_older(request),
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
        # A further repeat has the seed of its number, and is trained once.
        seeds = (*request.seeds, *range(1, request.repeats))
        fold_runs = {(arm.config, seed, fold) for seed in seeds for fold in inventory.folds}
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


def _num_older(request: Request) -> int:
    """Number of fold runs that an earlier plan of the sweep has, and that are done with other code than the present."""
    plans = [plan for plan in read_plans(request.out) if plan.sweep == request.sweep.name]
    digests, live = (
        {fold_run.digest for plan in some for replicate in plan.replicates for fold_run in replicate.fold_runs}
        for some in (plans, live_plans(request.out, plans))
    )
    return sum(_is_finished(request.out / FOLD_RUNS_NAME / digest) for digest in digests - live)


def _is_finished(folder: Path) -> bool:
    try:
        return is_finished(folder)
    except BrokenSeal:
        return False  # Nothing reads it: it is named when something does.


def _kept(calibrations: Calibrations, out: Path) -> str | None:
    """Remark on steps that were not timed for this forecast; None where all were timed."""
    if not calibrations.num_kept:
        return None
    oldest = min(step.timed_on for step in calibrations.steps.values())
    return f"steps timed on this machine, {oldest}, kept in {out / FILE_NAME}: remove it to have them timed again"


def _same_arms(request: Request) -> Mapping[ArmConfig, Sequence[str]]:
    """The arms of each configuration, over the same cases: their fold runs are one. This sweep's arms come first."""
    listed = [other for other in known_sweeps().values() if other.search is None]
    others = [other.sweep for other in listed if other.name != request.sweep.name]
    arms = {request.sweep.name: request.arms} | {
        sweep.name: sweep.arms(request.base) for sweep in others if sweep.with_cta_only == request.sweep.with_cta_only
    }
    same: dict[ArmConfig, list[str]] = {}
    for sweep_name, members in arms.items():
        for arm in members:
            same.setdefault(arm.config, []).append(f"{sweep_name}/{arm.name}")
    return same
