"""`hemosweep sweep` and `hemosweep plan`: the commands that train, or tell what training would take."""

import os
from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli.options import Json, LesionLabel, Out, expanded, print_json, print_table
from hemosweep.errors import TimeIsUp

SweepName = Annotated[
    str, typer.Argument(metavar="NAME", help="Ablation, such as patchsize, or search, such as search-sampling.")
]
Data = Annotated[
    Path | None, typer.Option(help="Data set folder; without it a phantom is made under --out.", callback=expanded)
]
ProfileName = Annotated[str | None, typer.Option(help="demo or paper. Default: demo, or paper where --data is given.")]
Seeds = Annotated[int | None, typer.Option(help="Train every arm with this many seeds. Default: 1, noise 3.")]
Arms = Annotated[str, typer.Option(help="Only these arms, separated by commas.")]
Folds = Annotated[int | None, typer.Option(help="Number of folds. Default: the profile's.")]
OnlyFolds = Annotated[
    str | None, typer.Option(help="Only these folds of the split, such as 0,2: for trying. Default: all.")
]
Trials = Annotated[int | None, typer.Option(help="Search: how many arms are tried, the start among them (20).")]
Deterministic = Annotated[
    bool,
    typer.Option("--deterministic", help="Ask CUDA for the same bits each time; slower. The CPU gives them anyway."),
]
Executor = Annotated[
    str, typer.Option(help="Where fold runs are trained: local, slurm, dask:SCHEDULER.json or dask:tls://HOST:PORT.")
]
PerGpu = Annotated[int | None, typer.Option(help="local: fold runs at a time on each GPU (1).")]
MaxJobs = Annotated[int | None, typer.Option(help="slurm: jobs at a time. Default: one a fold.")]
Sbatch = Annotated[
    list[str] | None,
    typer.Option(help="slurm: an option of sbatch for every job, such as --sbatch=--partition=gpu; may be repeated."),
]
Certs = Annotated[
    Path | None,
    typer.Option(help="Folder of the cluster's certificates. Default: cluster-certs under --out.", callback=expanded),
]
Insecure = Annotated[bool, typer.Option("--insecure", help="Talk to a cluster without TLS.")]
Yes = Annotated[bool, typer.Option("--yes", help="Run the paper profile on a machine without a GPU.")]


def sweep(
    name: SweepName,
    data: Data = None,
    profile: ProfileName = None,
    out: Out = Path("runs"),
    seeds: Seeds = None,
    arms: Arms = "",
    folds: Folds = None,
    only_folds: OnlyFolds = None,
    trials: Trials = None,
    lesion_label: LesionLabel = None,
    deterministic: Deterministic = False,
    executor: Executor = "local",
    per_gpu: PerGpu = None,
    max_jobs: MaxJobs = None,
    sbatch: Sbatch = None,
    host: Annotated[
        str | None,
        typer.Option(help="slurm: this machine's address as the compute nodes know it, where it has several."),
    ] = None,
    certs: Certs = None,
    insecure: Insecure = False,
    time_limit: Annotated[
        str | None, typer.Option(help="Stop after this time, such as 45m or 1h30m, at the end of an epoch.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over: take away what is there of its fold runs, and train all anew.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Train every arm of an ablation and compare them; or search beyond the paper, and test the best arm found."""
    from hemosweep.executors.execution import read_execution
    from hemosweep.workflows.request import resolve

    execution = read_execution(
        executor,
        per_gpu=per_gpu,
        max_jobs=max_jobs,
        sbatch=tuple(sbatch or ()),
        host=host,
        certs=certs,
        insecure=insecure,
        time_limit=time_limit,
    )
    request = resolve(
        name,
        data=data,
        profile_name=profile,
        out=out,
        num_seeds=seeds,
        arm_names=_names(arms),
        num_folds=folds,
        num_trials=trials,
        lesion_label=lesion_label,
        deterministic=deterministic,
        only_folds=None if only_folds is None else _names(only_folds),
        fresh=fresh,
        execution=execution,
    )
    _set_up_threads()
    # A name that does not exist is told before the seconds that the next import takes.
    from hemosweep.workflows.search import run_search
    from hemosweep.workflows.sweep import run_study

    run = run_study if request.search is None else run_search
    try:
        result = run(request, confirmed=yes, quiet=as_json)
    except (KeyboardInterrupt, TimeIsUp) as stopped:
        when = " at the time limit" if isinstance(stopped, TimeIsUp) else ""
        typer.echo(f"stopped{when}; {' '.join(stopped.args) or 'the same command goes on from here'}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        print_json(result.as_json())
    if result.failures:
        raise typer.Exit(1)


def plan(
    name: SweepName,
    data: Data = None,
    profile: ProfileName = None,
    out: Out = Path("runs"),
    seeds: Seeds = None,
    arms: Arms = "",
    folds: Folds = None,
    only_folds: OnlyFolds = None,
    trials: Trials = None,
    lesion_label: LesionLabel = None,
    deterministic: Deterministic = False,
    executor: Executor = "local",
    per_gpu: PerGpu = None,
    max_jobs: MaxJobs = None,
    certs: Certs = None,
    insecure: Insecure = False,
    as_json: Json = False,
) -> None:
    """List a sweep's fold runs, done, shared and missing, and forecast hours, memory and disk; train nothing."""
    from hemosweep.executors.execution import read_execution
    from hemosweep.workflows.request import resolve

    request = resolve(
        name,
        data=data,
        profile_name=profile,
        out=out,
        num_seeds=seeds,
        arm_names=_names(arms),
        num_folds=folds,
        num_trials=trials,
        lesion_label=lesion_label,
        deterministic=deterministic,
        only_folds=None if only_folds is None else _names(only_folds),
        execution=read_execution(executor, per_gpu=per_gpu, max_jobs=max_jobs, certs=certs, insecure=insecure),
    )
    _set_up_threads()
    from hemosweep.workflows.plan import forecast_study, plan_table

    forecast = forecast_study(request)
    if as_json:
        print_json(forecast.as_json())
    else:
        print_table(plan_table(forecast))
        typer.echo(forecast.as_text())


def _set_up_threads() -> None:
    """Let a forecast's timed steps wait as a fold run's threads do; torch reads it as it is imported."""
    from hemosweep.executors.protocol import THREADING

    for name, value in THREADING.items():
        os.environ.setdefault(name, value)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
