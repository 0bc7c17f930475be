"""`hemosweep sweep` and `hemosweep plan`: data set, profile, engine, tracker and report, joined."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape

from hemosweep.config import ArmConfig
from hemosweep.data.case import Case
from hemosweep.data.folds import draw_folds
from hemosweep.data.manifest import read_manifest
from hemosweep.data.phantom import write_phantom
from hemosweep.engine.driver import ReplicateResult, describe, run_sweep
from hemosweep.engine.environment import describe_environment, num_processors
from hemosweep.engine.ledger import Ledger
from hemosweep.engine.plan import Replicate, fold_run_folder
from hemosweep.engine.prepare import Prepared, prepare_sweep
from hemosweep.engine.sweep import Arm, Sweep
from hemosweep.errors import BadInput
from hemosweep.report.figures import boxplot
from hemosweep.report.paper import paper_arm
from hemosweep.report.progress import SweepDisplay, duration, progress_bar
from hemosweep.report.replicate import draw_replicate
from hemosweep.report.summary import arm_row, comparison_json, comparison_rows, family_verdict
from hemosweep.report.table import ArmRow, ComparisonRow, arm_table, comparison_table
from sweeps import find_sweep
from sweeps.base import Profile, profile

PHANTOM_SEED = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What a user asked for: names not yet looked up, None where the default depends on the rest."""

    sweep: str
    data: Path | None
    profile: str | None
    out: Path
    num_seeds: int
    arms: tuple[str, ...]
    num_folds: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """A request with every name looked up."""

    sweep: Sweep
    profile: Profile
    base: ArmConfig
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]


def resolve(request: Request) -> Resolved:
    """Look up every name of a request.

    Raises:
        BadInput: an unknown sweep, profile or arm, or a number out of range.
    """
    sweep = find_sweep(request.sweep)
    chosen = profile(request.profile or ("demo" if request.data is None else "paper"))
    if request.num_seeds < 1:
        raise BadInput(f"--seeds {request.num_seeds}: give at least 1")
    base = chosen.config
    if request.num_folds is not None:
        base = replace(base, cross_validation=replace(base.cross_validation, num_folds=request.num_folds))
    arms = sweep.select(base, request.arms)
    return Resolved(sweep=sweep, profile=chosen, base=base, arms=arms, seeds=tuple(range(request.num_seeds)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """Training time of each arm on this machine; inference comes on top."""

    sweep: str
    profile: str
    device: str
    num_cases: int
    num_fold_runs: int
    arm_seconds: Mapping[str, float]

    @property
    def seconds(self) -> float:
        return sum(self.arm_seconds.values())

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"seconds": self.seconds}

    def as_text(self) -> str:
        arms = ", ".join(f"{arm} {duration(seconds)}" for arm, seconds in self.arm_seconds.items())
        return (
            f"forecast for {self.sweep} ({self.profile} profile) on {self.device}, {self.num_cases} cases, "
            f"{self.num_fold_runs} fold runs: about {duration(self.seconds)} of training ({arms})"
        )


def forecast_study(request: Request) -> Forecast:
    """Time a few training steps of every arm on this machine and reckon the sweep from them.

    Raises:
        BadInput: as `resolve`, or the data set cannot be listed.
    """
    from hemosweep.engine.forecast import forecast_seconds
    from hemosweep.model.device import choose_device

    resolved = resolve(request)
    num_cases = resolved.profile.phantom_cases if request.data is None else len(read_manifest(request.data))
    device = choose_device()
    seconds = forecast_seconds([arm.config for arm in resolved.arms], len(resolved.seeds), num_cases, device)
    num_folds = resolved.base.cross_validation.num_folds
    return Forecast(
        sweep=resolved.sweep.name,
        profile=resolved.profile.name,
        device=device.name,
        num_cases=num_cases,
        num_fold_runs=len(resolved.arms) * len(resolved.seeds) * num_folds,
        arm_seconds=dict(zip((arm.name for arm in resolved.arms), seconds, strict=True)),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyResult:
    """A finished sweep: its tables' rows, the run of each row, and what failed."""

    sweep: str
    profile: str
    run_ids: Mapping[str, str | None]
    arms: tuple[ArmRow, ...]
    comparisons: tuple[ComparisonRow, ...]
    failures: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "sweep": self.sweep,
            "profile": self.profile,
            "arms": [asdict(row) | {"run_id": self.run_ids[row.arm]} for row in self.arms],
            "comparisons": [comparison_json(row) for row in self.comparisons],
            "failures": list(self.failures),
        }


def run_study(request: Request, *, confirmed: bool, quiet: bool) -> StudyResult:
    """Run a sweep from its data set to its tables; the same call goes on from whatever is already done.

    Args:
        confirmed: train a paper-profile sweep without a GPU, too.
        quiet: print no tables (progress goes to standard error in any case).

    Raises:
        BadInput: as `resolve` and `prepare_sweep`; nothing was trained then.
    """
    resolved = resolve(request)
    progress, output = Console(stderr=True), Console(quiet=quiet)
    if resolved.profile.name == "paper" and not confirmed:
        _ask_for_confirmation(request, progress)
    data = request.data if request.data is not None else _phantom(request.out, resolved.profile, progress)
    cases = read_manifest(data)
    draw_folds(cases, resolved.base.cross_validation)  # A fold count that cannot work is told before any work.
    _make_folder(request.out)
    with progress_bar("preprocessing", progress) as advance:
        prepared = prepare_sweep(
            resolved.arms,
            resolved.base,
            resolved.seeds,
            cases,
            data,
            request.out,
            jobs=num_processors(),
            progress=advance,
        )
    _announce(resolved, prepared, data, progress)
    results = _train(resolved, prepared, request.out, progress)
    result = _summarise(resolved, results)
    _print_result(resolved, prepared, results, result, request, output)
    return result


def _ask_for_confirmation(request: Request, console: Console) -> None:
    from hemosweep.model.device import choose_device

    if choose_device().torch_device.type == "cuda":
        return
    console.print(forecast_study(request).as_text(), highlight=False, soft_wrap=True)
    raise BadInput(
        "this machine has no GPU; add --yes to train here all the same, or --profile demo for a scaled-down run"
    )


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".tmp-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BadInput(f"--out {out}: cannot write there ({error.strerror}); give another folder") from error


def _phantom(out: Path, chosen: Profile, console: Console) -> Path:
    _make_folder(out)
    data = out / f"phantom-{chosen.name}"
    with progress_bar(f"phantom data set {data}", console) as advance:
        write_phantom(
            data,
            num_cases=chosen.phantom_cases,
            size=chosen.name,
            seed=PHANTOM_SEED,
            jobs=num_processors(),
            progress=advance,
        )
    return data


def _announce(resolved: Resolved, prepared: Prepared, data: Path, console: Console) -> None:
    num_patients = len({case.patient_id for case in prepared.cases})
    num_ivh = sum(case.ivh is True for case in prepared.cases)
    for line in (
        f"[bold]{resolved.sweep.name}[/bold]: {resolved.sweep.question}",
        f"data {escape(str(data))}: {len(prepared.cases)} cases of {num_patients} patients, {num_ivh} with IVH",
        f"profile {resolved.profile.name}: {resolved.profile.scaling}",
        f"{len(resolved.arms)} arms x {len(resolved.seeds)} seeds x {len(prepared.folds)} folds",
    ):
        console.print(line, highlight=False, soft_wrap=True)
    for warning in prepared.warnings:
        console.print(f"[yellow]warning[/yellow]: {escape(warning)}", highlight=False, soft_wrap=True)


def _train(resolved: Resolved, prepared: Prepared, out: Path, console: Console) -> list[ReplicateResult]:
    from hemosweep.model.device import choose_device
    from tracking.recorder import Recorder

    environment = describe_environment()
    tags = dict(prepared.facts) | {"profile": resolved.profile.name, "device_kind": choose_device().torch_device.type}

    def illustrate(replicate: Replicate, cases: pd.DataFrame) -> Mapping[str, Path]:
        folders = {spec.fold: fold_run_folder(out, spec) for spec in replicate.fold_runs}
        figures = out / "figures" / resolved.sweep.name / replicate.run_name
        return draw_replicate(replicate.run_name, cases, prepared.cases, folders, figures)

    with SweepDisplay(prepared.replicates, console) as display:
        return run_sweep(
            prepared.replicates,
            [describe(replicate, resolved.sweep.name, tags, environment) for replicate in prepared.replicates],
            out,
            ledger=Ledger(out, resolved.sweep),
            tracker=Recorder(out),
            illustrate=illustrate,
            display=display,
        )


def _summarise(resolved: Resolved, results: Sequence[ReplicateResult]) -> StudyResult:
    name = resolved.sweep.name
    whole = [result for result in results if not result.failures]
    tables = {arm.name: [r.cases for r in whole if r.replicate.arm.name == arm.name] for arm in resolved.arms}
    complete = {arm: frames for arm, frames in tables.items() if len(frames) == len(resolved.seeds)}
    return StudyResult(
        sweep=name,
        profile=resolved.profile.name,
        run_ids={result.replicate.run_name: result.run_id for result in results},
        arms=tuple(arm_row(name, r.replicate.arm.name, r.replicate.run_name, r.cases, r.seconds) for r in results),
        comparisons=tuple(comparison_rows(name, resolved.sweep.comparisons, complete)),
        failures=tuple(failure for result in results for failure in result.failures),
    )


def _print_result(
    resolved: Resolved,
    prepared: Prepared,
    results: Sequence[ReplicateResult],
    result: StudyResult,
    request: Request,
    console: Console,
) -> None:
    out, name = request.out, result.sweep
    figure = _draw_boxplot(resolved, results, prepared.cases, out)
    console.print(arm_table(result.arms))
    if result.comparisons:
        console.print(comparison_table(result.comparisons))
        for row in result.comparisons:
            console.print(f"{row.a} to {row.b}: {family_verdict(row)}", highlight=False, soft_wrap=True)
    notes = [f"DSC on the scanner's grid, each case tested once. Boxplot: {figure}"]
    if len(resolved.seeds) > 1:
        notes.append("Comparisons take each case's mean DSC over the seeds.")
    if result.profile == "demo":
        notes.append(f"Demo profile ({resolved.profile.scaling}): the paper's figures stand beside it for orientation.")
    for failure in result.failures:
        notes.append(f"Missing: {failure}. The same command trains it again.")
    out_option = "" if out == Path("runs") else f" OUT={out}"
    cli_option = "" if out == Path("runs") else f" --out {out}"
    notes.append("Next:")
    notes.append(f"  make ui{out_option}")
    for a, b in resolved.sweep.comparisons:
        if {a, b} <= {row.a for row in result.comparisons} | {row.b for row in result.comparisons}:
            suffix = f"@{resolved.seeds[0]}" if len(resolved.seeds) > 1 else ""
            notes.append(f"  hemosweep compare {name}/{a}{suffix} {name}/{b}{suffix}{cli_option}")
    for note in notes:
        console.print(note, highlight=False, soft_wrap=True, markup=False)


def _draw_boxplot(resolved: Resolved, results: Sequence[ReplicateResult], cases: Sequence[Case], out: Path) -> Path:
    """The sweep's own figure: DSC by arm beside the paper's (its Fig. 6)."""
    name = resolved.sweep.name
    path = out / "figures" / name / "boxplot.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    printed = {r.replicate.run_name: paper_arm(name, r.replicate.arm.name) for r in results}
    boxplot(
        {r.replicate.run_name: r.cases["dsc"].tolist() for r in results},
        path,
        title=f"{name} ({resolved.profile.name} profile, {len(cases)} cases)",
        paper={run_name: arm.dsc for run_name, arm in printed.items() if arm is not None},
        ivh={r.replicate.run_name: r.cases["ivh"].tolist() for r in results},
    )
    return path
