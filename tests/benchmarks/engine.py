"""Measure what a sweep costs beside its training, and how long `hemosweep plan` reckons; print it as JSON.

    python tests/benchmarks/engine.py plan stubs figures demo

`plan` is `hemosweep plan patchsize` from the shell with so many seeds that there are a thousand fold runs, on 76
phantoms: with steps to time; with steps that are kept, before and after preprocessing; and when all is done.

`stubs` runs a sweep of 200 arms in 5 folds on 18 phantoms whose trainings take no time, through everything that
`hemosweep sweep` does after preprocessing: the plan's file, a forked process a fold run with its journal on disk,
Optuna's ledger, MLflow's records, the display; all but the figures. `figures` is a tenth of it with them. `demo` trains
the demo sweep of patch sizes for real, and tells how much of its loop the children's own clocks leave.

`overhead_ms` is what of a fold run's time no child trained, by the children's own clocks, as in `demo`.
`wall` is what the clock said, `cpu` what this process used of a processor, however busy the machine was with other
work. `yardstick_s` is what three million additions in Python took of one, before or among the work: 0.13 s on an idle
machine, several times that where others use its processors; `cpu_if_idle` is reckoned from it. The driver works while
children do, so the parts may add up to more than the whole.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

# As the command does, before torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")

import pandas as pd
from rich.console import Console
from stub import finish_at_once

from hemosweep.ablation.sweep import Sweep
from hemosweep.engine.driver import run_sweep
from hemosweep.engine.ledger import Ledger
from hemosweep.engine.plan import Replicate, fold_run_folder, write_plan
from hemosweep.engine.results import ReplicateResult
from hemosweep.engine.tracker import describe
from hemosweep.environment import describe_environment, num_processors
from hemosweep.executors.local import LocalExecutor
from hemosweep.forecast.calibration import FILE_NAME as CALIBRATIONS_NAME
from hemosweep.forecast.step_cost import BUSY
from hemosweep.model.optimisers.adadelta import Adadelta
from hemosweep.phantom.writer import write_phantom
from hemosweep.report.study_figures import SweepFigures
from hemosweep.report.terminal.progress import SweepDisplay
from hemosweep.workflows.options import SweepOptions
from hemosweep.workflows.sweeping.ablation import open_tracker, open_workplace, train_arms
from hemosweep.workflows.sweeping.preparation import prepare_request
from hemosweep.workflows.sweeping.request import Request, resolve

NUM_FOLDS = 5
YARDSTICK, SAMPLE, IDLE_YARDSTICK_S = 3_000_000, 100_000, 0.13


class Times:
    """Seconds by the clock and of this process's processors, by what they went into."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - wall
            self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - cpu

    def pop(self, name: str) -> tuple[float, float]:
        return self.wall.pop(name), self.cpu.pop(name)

    def each(self, num: int) -> dict[str, dict[str, float]]:
        """Milliseconds of each part, for one of `num`."""
        return {
            name: {"wall": round(1000 * wall / num, 2), "cpu": round(1000 * self.cpu[name] / num, 2)}
            for name, wall in self.wall.items()
        }


class Timed:
    """Any object, with the time that its methods take told to `times` under its name, or its own and the method's."""

    def __init__(self, inner: Any, name: str, times: Times, *, by_method: bool = False) -> None:
        self._inner = inner
        self._name = name
        self._times = times
        self._by_method = by_method

    def __getattr__(self, method: str) -> Any:
        value = getattr(self._inner, method)
        if not callable(value):
            return value

        def timed(*arguments: Any, **keywords: Any) -> Any:
            with self._times.of(f"{self._name}.{method}" if self._by_method else self._name):
                return value(*arguments, **keywords)

        return timed


def add(num: int) -> float:
    """Processor time of so many additions."""
    begun, total = time.process_time(), 0
    for number in range(num):
        total += number
    return time.process_time() - begun


def request_of(sweep: Sweep | None, out: Path, *, num_cases: int = 18) -> Request:
    """A sweep in five folds on demo phantoms below `out`; where none is given, the demo's of the patch sizes."""
    folds = None if sweep is None else NUM_FOLDS
    request = resolve(SweepOptions(name="patchsize", profile="demo", out=out, folds=folds))
    request = replace(request, profile=replace(request.profile, phantom_cases=num_cases))
    return request if sweep is None else replace(request, sweep=sweep, arms=sweep.arms(request.base))


def replicated(num_fold_runs: int, out: Path) -> Request:
    """The demo's sweep of three patch sizes, with as many seeds as it takes, on 76 phantoms."""
    request = request_of(None, out, num_cases=76)
    base = replace(request.base, cross_validation=replace(request.base.cross_validation, num_folds=NUM_FOLDS))
    num_seeds = math.ceil(num_fold_runs / NUM_FOLDS / len(request.arms))
    return replace(request, base=base, arms=request.sweep.arms(base), seeds=tuple(range(num_seeds)))


def many_arms(num_arms: int) -> Sweep:
    """An ablation of as many arms as one likes, which differ in the learning rate."""
    return Sweep(
        name="many",
        question="What does an arm cost that trains nothing?",
        space={"learning_rate": tuple((number + 1) / num_arms for number in range(num_arms))},
        arm_name=lambda params: f"{params['learning_rate']:.4f}",
        configure=lambda base, params: replace(
            base, training=replace(base.training, optimiser=Adadelta(learning_rate=params["learning_rate"]))
        ),
        baseline=f"{1 / num_arms:.4f}",
        comparisons=(),
    )


def run_plan(request: Request, console: Console) -> dict[str, Any]:
    """`hemosweep plan` from the shell: as often as it takes until nothing disturbs what it times, then in every state
    that a data set and an output folder can be in."""
    data, out = request.phantom_folder, request.out
    command = ["hemosweep", "plan", "patchsize", "--data", data, "--profile", "demo", "--out", out, "--json"]
    command += ["--folds", NUM_FOLDS, "--seeds", len(request.seeds)]

    def plan(told: str) -> dict[str, Any]:
        begun = time.perf_counter()
        ended = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True)
        seconds = time.perf_counter() - begun
        forecast = json.loads(ended.stdout)
        facts = {name: forecast[name] for name in ("num_fold_runs", "num_done", "num_to_preprocess", "load")}
        console.print(f"{told}: {seconds:.2f} s")
        return facts | {"kept": forecast["kept"] is not None, "seconds": round(seconds, 2)}

    def best(told: str) -> dict[str, Any]:
        """Of three: whatever else the machine does only adds to them."""
        return min((plan(told) for _ in range(3)), key=lambda facts: facts["seconds"])

    write_phantom(data, num_cases=request.profile.phantom_cases, size="small", seed=0, jobs=num_processors())
    plan("compiles what it imports")
    (out / CALIBRATIONS_NAME).unlink()
    told: dict[str, Any] = {"steps_to_time": plan("steps to time")}
    for _ in range(10):
        if (raw := best("scans as they came"))["load"] < BUSY:
            break
    told["steps_kept"] = raw
    prepared = prepare_request(replace(request, data=data), console, confirmed=False)
    told["preprocessed"] = best("preprocessed")
    for replicate in prepared.plan(request.arms, request.seeds):
        for spec in replicate.fold_runs:
            folder = fold_run_folder(out, spec)
            spec.write(folder)
            finish_at_once(folder)
    return told | {"all_done": best("all done")}


def run_stubs(request: Request, console: Console, *, with_figures: bool) -> dict[str, Any]:
    """A sweep of fold runs that train nothing, part by part."""
    prepared = prepare_request(request, console, confirmed=False)
    times = Times()
    executor = LocalExecutor(job=finish_at_once)
    out, sweep = request.out, request.sweep
    figures = SweepFigures(sweep.name, sweep.comparisons, prepared.cases, out)

    def illustrate(replicate: Replicate, cases: pd.DataFrame) -> Mapping[str, Path]:
        with times.of("yardstick"):
            add(SAMPLE)
        with times.of("figures"):
            return figures(replicate, cases) if with_figures else {}

    with times.of("open MLflow's store"):
        tracker = open_tracker(out)
    with times.of("whole"):
        with times.of("plan"):
            replicates = prepared.plan(request.arms, request.seeds)
            environment = describe_environment()
            infos = [describe(replicate, sweep.name, prepared.facts, environment) for replicate in replicates]
        with times.of("plan's file"):
            write_plan(out, sweep.name, request.profile.name, replicates)
        ledger = Ledger(out, sweep)
        quiet = Console(stderr=True, quiet=True)
        with SweepDisplay(replicates, quiet, num_slots=lambda: executor.num_slots) as display:
            results = run_sweep(
                replicates,
                infos,
                out,
                executor=Timed(executor, "executor", times, by_method=True),
                ledger=Timed(ledger, "Optuna", times),
                tracker=Timed(tracker, "MLflow", times, by_method=True),
                illustrate=illustrate,
                display=Timed(display, "display", times),
            )
    num = sum(len(replicate.fold_runs) for replicate in replicates)
    check(results, num)
    opening_s, _ = times.pop("open MLflow's store")
    yardstick_wall_s, yardstick_cpu_s = times.pop("yardstick")
    wall_s, cpu_s = times.pop("whole")
    wall_ms, cpu_ms = 1000 * (wall_s - yardstick_wall_s) / num, 1000 * (cpu_s - yardstick_cpu_s) / num
    child_ms = 1000 * sum(result.seconds for result in results) / num
    yardstick_s = yardstick_cpu_s / len(replicates) * YARDSTICK / SAMPLE
    return {
        "fold_runs": num,
        "arms": len(replicates),
        "yardstick_s": round(yardstick_s, 3),
        "open_store_s": round(opening_s, 2),
        "whole_s": round(wall_s, 2),
        "each_ms": {
            "wall": round(wall_ms, 2),
            "cpu": round(cpu_ms, 2),
            "cpu_if_idle": round(cpu_ms * IDLE_YARDSTICK_S / yardstick_s, 2),
        },
        "child_ms": round(child_ms, 2),
        "overhead_ms": round(wall_ms - child_ms, 2),
        "parts_ms": times.each(num),
    }


def run_demo(request: Request, console: Console) -> dict[str, Any]:
    """The demo sweep of patch sizes: how much of its loop the children did not train, by their own clocks."""
    begun = time.perf_counter()
    prepared = prepare_request(request, console, confirmed=False)
    prepare_s = time.perf_counter() - begun
    with open_workplace(request, prepared) as workplace:
        begun = time.perf_counter()
        tracker = open_tracker(request.out)
        open_s = time.perf_counter() - begun
        begun, cpu = time.perf_counter(), time.process_time()
        results = train_arms(request, prepared, workplace, tracker, console)
        loop_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    num = sum(len(result.replicate.fold_runs) for result in results)
    check(results, num)
    training_s = sum(result.seconds for result in results)
    return {
        "fold_runs": num,
        "prepare_s": round(prepare_s, 1),
        "open_store_s": round(open_s, 1),
        "loop_s": round(loop_s, 2),
        "training_s": round(training_s, 2),
        "driver_cpu_s": round(cpu_s, 2),
        "overhead_percent": round(100 * (1 - training_s / loop_s), 2),
    }


def check(results: Sequence[ReplicateResult], num_fold_runs: int) -> None:
    """Check that what was measured was done."""
    failures = [failure for result in results for failure in result.failures]
    assert not failures, failures[0]
    assert all(result.run_id is not None for result in results), "not recorded in MLflow"
    assert sum(result.cases["fold"].nunique() for result in results) == num_fold_runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="plan, stubs, figures, demo; default: all")
    parser.add_argument("--fold-runs", type=int, default=1000)
    options = parser.parse_args()
    console = Console(stderr=True)
    sweep, fewer = many_arms(options.fold_runs // NUM_FOLDS), many_arms(max(1, options.fold_runs // NUM_FOLDS // 10))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "plan": lambda: run_plan(replicated(options.fold_runs, folder / "plan"), console),
            "stubs": lambda: run_stubs(request_of(sweep, folder / "stubs"), console, with_figures=False),
            "figures": lambda: run_stubs(request_of(fewer, folder / "figures"), console, with_figures=True),
            "demo": lambda: run_demo(request_of(None, folder / "demo"), console),
        }
        report: dict[str, Any] = {"python": platform.python_version(), "processors": num_processors()}
        for part in options.parts or parts:
            before = {"load": round(os.getloadavg()[0], 1), "yardstick_s": round(add(YARDSTICK), 3)}
            report[part] = before | parts[part]()
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
