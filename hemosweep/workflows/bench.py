"""The parts of `hemosweep bench`, and the time of the whole study at the rate that was measured."""

from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path

from hemosweep.ablation.catalogue import find_sweep, sweep_names
from hemosweep.bench.rows import BenchResult, BenchRow, Say
from hemosweep.errors import BadInput
from hemosweep.forecast.duration import training_patches, validation_patches
from hemosweep.sweeps.base import PAPER_PATCH_HWD, profile

PARTS = ("cpu", "gpu")
STUDY_CASES = 76
"""The paper's."""


def run_bench(part: str, *, quick: bool, say: Say) -> tuple[BenchResult, ...]:
    """Measure one part, or with "all" both parts.

    Raises:
        BadInput: there is no such part.
    """
    if part not in (*PARTS, "all"):
        raise BadInput(f"bench {part}: choose one of {', '.join(PARTS)} or all")
    return tuple(_RUN[name](quick, say) for name in PARTS if part in (name, "all"))


def write_results(results: tuple[BenchResult, ...], folder: Path, *, quick: bool) -> list[Path]:
    """Write each part to `bench_PART.json`, or `quick_PART.json`, in a folder. A part that found no device is not
    written.

    Raises:
        OSError: the folder cannot be written to.
    """
    paths = []
    for result in results:
        if any(row.value is not None for row in result.rows):
            paths.append(folder / f"{'quick' if quick else 'bench'}_{result.part}.json")
            result.write(paths[-1])
    return paths


def study_hours(training_patch_s: float, validation_patch_s: float, num_cases: int = STUDY_CASES) -> float:
    """Hours of the paper's whole study on one GPU: each different fold run of `make study` once, with its own patches.

    Time is proportional to voxels, also for a patch of another size. Tests and preparation come on top.

    Args:
        training_patch_s: seconds of a training patch of 32 x 32 x 16 voxels.
        validation_patch_s: the same of a validation patch.
    """
    base = profile("paper").config
    configs = {
        (sweep.with_cta_only, arm.config, seed)
        for sweep in map(find_sweep, sweep_names())
        for arm in sweep.arms(base)
        for seed in range(sweep.num_seeds)
    }
    seconds = 0.0
    for _, config, _ in configs:
        size = prod(config.sampling.patch_HWD) / prod(PAPER_PATCH_HWD)
        trained = training_patches(num_cases, config) * training_patch_s
        validated = validation_patches(num_cases, config) * validation_patch_s
        seconds += config.cross_validation.num_folds * size * (trained + validated)
    return seconds / 3600


def _cpu(quick: bool, say: Say) -> BenchResult:
    from hemosweep.bench import cpu

    return cpu.run(profile("demo").config, quick=quick, say=say)


def _gpu(quick: bool, say: Say) -> BenchResult:
    from hemosweep.bench import gpu

    return with_study(gpu.run(quick=quick, say=say))


def with_study(result: BenchResult) -> BenchResult:
    """The GPU's result with the row of the whole study, where an epoch was measured."""
    what, patch_s = "the paper's whole study, training alone", result.details.get("patch_s")
    if patch_s is None:
        row = BenchRow(what=what, value=None, unit="h", note="skipped: no epoch was measured")
    else:
        hours = study_hours(patch_s["training"], patch_s["validation"])
        row = BenchRow(what=what, value=hours, unit="h", goal=12, at_least=False, note="forecast from the epoch")
    return replace(result, rows=(*(old for old in result.rows if old.what != what), row))


_RUN: dict[str, Callable[[bool, Say], BenchResult]] = {"cpu": _cpu, "gpu": _gpu}
