"""Preparation of a sweep: its request is checked, its phantoms are made, and its cases preprocessed."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from hemosweep.data.folds import further_repeats
from hemosweep.data.manifest import read_manifest
from hemosweep.engine.lock import driver_lock, refuse_driven
from hemosweep.engine.prepare import Prepared, prepare_sweep
from hemosweep.engine.request import Request
from hemosweep.environment import num_processors
from hemosweep.errors import BadInput
from hemosweep.files import check_writable
from hemosweep.model.device import choose_device
from hemosweep.phantom.writer import write_phantom
from hemosweep.report.terminal.lines import say
from hemosweep.report.terminal.progress import progress_bar
from hemosweep.stats.looks import LOOKS_TEXT
from hemosweep.workflows.study_forecast import forecast_study
from hemosweep.workflows.sweeping.component_check import check_components
from hemosweep.workflows.sweeping.looks import check_budget

PHANTOM_SEED = 0


def prepare_request(request: Request, console: Console, *, confirmed: bool) -> Prepared:
    """Prepare the data set of a request for training, and print what will be trained.

    Raises:
        BadInput: as `refuse_driven`, `read_manifest` and `prepare_sweep`.
    """
    check_writable("--out", request.out)
    refuse_driven(request.out)
    if request.project is not None:
        check_components(request.arms, request.sweep.metrics, request.project)
    if request.profile.name == "paper" and request.execution.on_this_machine and not confirmed:
        _ask_for_confirmation(request, console)
    check_budget(request)
    data = request.data if request.data is not None else _phantom(request, console)
    cases = read_manifest(data)
    # Numbers of folds and of repeats that cannot work are refused before any work.
    further_repeats(cases, request.base.cross_validation, request.repeats)
    with progress_bar("preprocessing", console) as advance:
        prepared = prepare_sweep(
            request.arms,
            request.base,
            cases,
            data,
            request.out,
            code=request.code,
            metrics=request.sweep.metrics,
            with_cta_only=request.sweep.with_cta_only,
            num_repeats=request.repeats,
            jobs=num_processors(),
            progress=advance,
        )
    if request.only_folds:
        prepared = prepared.only(request.only_folds, request.out)
    _announce(request, prepared, data, console)
    return prepared


def _ask_for_confirmation(request: Request, console: Console) -> None:
    if choose_device().torch_device.type == "cuda":
        return
    for line in forecast_study(request).text_lines():
        say(console, escape(line))
    raise BadInput(
        "this machine has no GPU; add --yes to train here all the same, or --profile demo for a scaled-down run"
    )


def _phantom(request: Request, console: Console) -> Path:
    """The phantom data set of an output folder, made by one process at a time."""
    data, chosen = request.phantom_folder, request.profile
    request.out.mkdir(parents=True, exist_ok=True)
    with driver_lock(request.out), progress_bar(f"phantom data set {data}", console) as advance:
        write_phantom(
            data,
            num_cases=chosen.phantom_cases,
            size=chosen.name,
            seed=PHANTOM_SEED,
            jobs=num_processors(),
            progress=advance,
        )
    return data


def _announce(request: Request, prepared: Prepared, data: Path, console: Console) -> None:
    num_patients = len({case.patient_id for case in prepared.cases})
    num_ivh = sum(case.ivh is True for case in prepared.cases)
    trainings = f"seeds {len(request.seeds)}" if request.repeats == 1 else f"repeats {request.repeats}"
    if request.by_looks:
        trainings = f"seeds by looks at {LOOKS_TEXT}"
    for line in (
        f"[bold]{request.sweep.name}[/bold]: {request.sweep.question}",
        f"data {escape(str(data))}: {len(prepared.cases)} cases of {num_patients} patients, {num_ivh} with IVH",
        f"profile {request.profile.name}: {request.scaling}",
        f"arms {len(request.arms)}, {trainings}, {request.subset or f'folds {len(prepared.folds)}'}",
    ):
        say(console, line)
    for warning in prepared.warnings:
        say(console, f"[yellow]warning[/yellow]: {escape(warning)}")
