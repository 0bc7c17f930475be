"""A sweep whose fold runs train in milliseconds: the product's driver, ledger, recorder, job, training and files.

The network alone is a stand-in: one convolution of one voxel.
"""

import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path

import torch
from rich.console import Console

import hemosweep.training.child as child_module
from hemosweep.ablation.sweep import Arm, Sweep
from hemosweep.digest import digest_json
from hemosweep.engine.driver import run_sweep
from hemosweep.engine.ledger import Ledger
from hemosweep.engine.plan import Replicate, write_plan
from hemosweep.engine.tracker import describe
from hemosweep.executors.exit_status import num_events, read_end
from hemosweep.executors.protocol import Ended, Executor
from hemosweep.foldrun.spec import LOG_NAME
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.testing.fold_runs import CASE_IDS, write_fold_run
from hemosweep.training.child import run_job, train_fold
from hemosweep.workflows.score import score_replicates
from hemosweep.workflows.sweeping.ablation import driving, open_tracker

NUM_EPOCHS = 2
SWEEP = Sweep(
    name="faults",
    question="Does a fault change a result?",
    space={"epochs": (NUM_EPOCHS, NUM_EPOCHS + 1)},
    arm_name=lambda point: f"epochs{point['epochs']}",
    configure=lambda base, point: replace(base, training=replace(base.training, max_epochs=point["epochs"])),
    baseline=f"epochs{NUM_EPOCHS}",
    comparisons=(),
)
SEUNet3D.build = lambda self, *, in_channels: torch.nn.Conv3d(in_channels, 2, 1)
_FORK = multiprocessing.get_context("fork")


class ForkExecutor:
    """An executor that forks fold runs from the driver itself, one at a time; otherwise like `LocalExecutor`, whose
    server imports torch for seconds."""

    num_slots = num_open = 1

    def __init__(self) -> None:
        self._children = {}
        child_module._SERVER = os.getpid()

    def start(self, folder: Path) -> None:
        process = _FORK.Process(target=run_job, args=(train_fold, folder, folder / LOG_NAME, {}))
        earlier = num_events(folder)
        process.start()
        self._children[folder] = process, earlier

    def wait(self, timeout_s: float) -> Sequence[Ended]:
        folders = {process.sentinel: folder for folder, (process, _) in self._children.items()}
        return [self._end(folders[sentinel]) for sentinel in wait(folders, timeout_s)]

    def pause(self) -> None:
        for process, _ in self._children.values():
            process.terminate()

    def kill(self) -> None:
        for folder, (process, _) in list(self._children.items()):
            process.kill()
            self._end(folder)

    def _end(self, folder: Path) -> Ended:
        process, earlier = self._children.pop(folder)
        process.join()
        return read_end(folder, process.exitcode, earlier)


class Display:
    """Keeps the warnings and the failures."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def fold_failed(self, replicate, spec, message) -> None:
        self.warnings.append(f"fold {spec.fold} failed: {message}")

    def fold_started(self, *_) -> None: ...

    fold_ended = epoch_ended = progressed = fold_started


def plan(cases: Path) -> list[Replicate]:
    """One arm of two folds; the preprocessed cases are made in `cases`."""
    spec = write_fold_run(cases / "fold_run", max_epochs=NUM_EPOCHS)
    inputs = {case.case_id: case for case in (*spec.train, *spec.validation, *spec.test)}
    arm = Arm(name=SWEEP.baseline, params={"epochs": NUM_EPOCHS}, config=spec.config)
    folds = tuple(
        replace(
            spec,
            digest=digest_json(["faults", fold])[:16],
            fold=fold,
            **{part: tuple(inputs[name] for name in names) for part, names in parts.items()},
        )
        for fold, parts in enumerate(
            (
                {"train": CASE_IDS[0:2], "validation": CASE_IDS[2:3], "test": CASE_IDS[3:5]},
                {"train": CASE_IDS[3:5], "validation": CASE_IDS[2:3], "test": CASE_IDS[0:2]},
            )
        )
    )
    return [Replicate(arm=arm, seed=0, run_name=arm.name, fold_runs=folds)]


def drive(out: Path, replicates: Sequence[Replicate], figure: Path, executor: Executor) -> list[str]:
    """Run the sweep as `hemosweep sweep` does, and return its warnings and failures."""
    display = Display()
    with driving(out), open(os.devnull, "w", encoding="utf-8") as nowhere:
        tracker = open_tracker(out)
        ledger = Ledger(out, SWEEP)
        write_plan(out, SWEEP.name, "demo", replicates, SWEEP.declaration)
        score_replicates(out, replicates, Console(file=nowhere))
        results = run_sweep(
            replicates,
            [describe(replicate, SWEEP.name, {"profile": "demo"}, {"python": "3"}) for replicate in replicates],
            out,
            executor=executor,
            ledger=ledger,
            tracker=tracker,
            illustrate=lambda replicate, cases: {figure.name: figure},
            display=display,
        )
    assert display.warnings or not any(result.failures for result in results)
    return display.warnings
