"""The command line. A command parses, calls one function and prints; heavy imports happen inside the command."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli.data import data_app
from hemosweep.cli.options import (
    DataSet,
    Jobs,
    Json,
    LesionLabel,
    Out,
    expanded,
    num_jobs,
    print_error,
    print_json,
    print_table,
    print_warning,
    tell,
)
from hemosweep.errors import BadInput, HemosweepError, TimeIsUp
from hemosweep.files import system_message

app = typer.Typer(
    name="hemosweep",
    help="Ablation studies of hemorrhagic-stroke segmentation on head CT.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich alone would take most of the time that --help may take
)
app.add_typer(data_app)

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
MetricName = Annotated[str, typer.Option(help="Which score, such as nsd or hd95_mm; one that is not there lists them.")]
Margin = Annotated[float | None, typer.Option(help="Largest difference that does not matter: tests equivalence, too.")]
AllowIncomparable = Annotated[
    bool, typer.Option("--allow-incomparable", help="Compare even where the data or folds differ; says so.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Run the paper profile on a machine without a GPU.")]


@app.command()
def preprocess(
    data: DataSet,
    profile: Annotated[str, typer.Option(help="Whose grid: paper (the scanner's) or demo.")] = "paper",
    symmetric: Annotated[
        str, typer.Option(help="Symmetric image by plane, register or flirt (needs FSL), or none.")
    ] = "plane",
    cta: Annotated[bool, typer.Option("--cta/--no-cta", help="Prepare the angiography of the cases with one.")] = True,
    preview: Annotated[bool, typer.Option("--preview", help="Draw every case as in the paper's Fig. 1.")] = False,
    jobs: Jobs = None,
    lesion_label: LesionLabel = None,
    out: Out = Path("runs"),
    as_json: Json = False,
) -> None:
    """Prepare every case: head holder and skull off, symmetric image, angiography. What is done already is kept."""
    from dataclasses import replace

    from hemosweep.cli.preparation import prepare_data_set
    from sweeps.base import profile as find_profile

    config = replace(find_profile(profile).config.preprocessing, symmetric=symmetric, lesion_label=lesion_label)
    try:
        result = prepare_data_set(data, config, out=out, with_cta=cta, preview=preview, jobs=num_jobs(jobs))
    except KeyboardInterrupt:
        print_error("stopped; finished cases are kept, and the same command goes on from here")
        raise typer.Exit(1) from None
    tell(result, as_json=as_json)


@app.command()
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
    from hemosweep.cli.execution import read_execution
    from hemosweep.cli.request import resolve

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
    from hemosweep.cli.searching import run_search
    from hemosweep.cli.study import run_study

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


@app.command()
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
    from hemosweep.cli.execution import read_execution
    from hemosweep.cli.request import resolve

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
    from hemosweep.cli.forecast import forecast_study, plan_table

    forecast = forecast_study(request)
    if as_json:
        print_json(forecast.as_json())
    else:
        print_table(plan_table(forecast))
        typer.echo(forecast.as_text())


@app.command()
def runs(
    sweep: Annotated[str | None, typer.Option(help="Only this sweep.")] = None,
    out: Out = Path("runs"),
    cases: Annotated[bool, typer.Option("--cases", help="With every case's DSC (needs --json).")] = False,
    as_json: Json = False,
) -> None:
    """List the arm runs."""
    from hemosweep.cli.listing import list_rows, runs_table

    if cases and not as_json:
        raise BadInput("--cases is printed as JSON only; add --json")
    rows = list_rows(out, sweep, with_cases=cases)
    if as_json:
        print_json(rows)
    else:
        print_table(runs_table(rows))


@app.command()
def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="Run id or name, SWEEP/ARM[@SEED], or a file: CSV, TSV, nnU-Net's summary.json, MIST's results.csv.",
        ),
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="What is compared with it: the difference is B - A.")],
    metric: MetricName = "dsc",
    margin: Margin = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Which label of nnU-Net's or MIST's file; twice for A's and B's.")
    ] = None,
    out: Out = Path("runs"),
    allow_incomparable: AllowIncomparable = False,
    as_json: Json = False,
) -> None:
    """Paired t-test case by case, and beside it what it leaves unsaid; one sentence says what holds."""
    from hemosweep.cli.comparison import compare as compare_sides

    comparison = compare_sides(
        out, a, b, metric=metric, labels=label or (), margin=margin, allow_incomparable=allow_incomparable
    )
    if as_json:
        print_json(comparison.as_json())
    else:
        typer.echo("\n".join(comparison.as_lines()))


@app.command(name="compare-all")
def compare_all(
    name: Annotated[str, typer.Argument(metavar="SWEEP", help="Ablation, such as patchsize.")],
    metric: MetricName = "dsc",
    margin: Margin = None,
    out: Out = Path("runs"),
    allow_incomparable: AllowIncomparable = False,
    as_json: Json = False,
) -> None:
    """Every comparison that an ablation declares as one family: Holm, Benjamini-Hochberg, and a forest plot."""
    from hemosweep.cli.family import compare_all as compare_family
    from hemosweep.report.table import family_table

    family = compare_family(out, name, metric=metric, margin=margin, allow_incomparable=allow_incomparable)
    if as_json:
        print_json(family.as_json())
    else:
        print_table(family_table(family.rows))
        typer.echo("\n".join(family.as_lines()))


@app.command()
def report(
    sweeps: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SWEEP]...", help="Ablations. Default: every one that has a finished run."),
    ] = None,
    out: Out = Path("runs"),
    to: Annotated[
        Path | None, typer.Option(help="Folder to write. Default: report under --out.", callback=expanded)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="The runs' data set, to draw cases on. Default: phantoms under --out.", callback=expanded),
    ] = None,
    as_json: Json = False,
) -> None:
    """The study beside the paper, table by table: one page, Markdown and LaTeX, with figures and provenance."""
    from hemosweep.cli.reporting import make_report

    result = make_report(out, tuple(sweeps or ()), to=to, data=data)
    for warning in result.warnings:
        print_warning(warning)
    if as_json:
        print_json(result.as_json())
    else:
        typer.echo("\n".join(result.as_lines()))


@app.command()
def predict(
    scan: Annotated[
        Path, typer.Argument(metavar="CT", help="CT as NIfTI, or a folder of them, or a data set.", callback=expanded)
    ],
    run: Annotated[str, typer.Option(help="Run id, run name, or SWEEP/ARM[@SEED].")],
    cta: Annotated[
        Path | None, typer.Option(help="The scan's CT angiography, for an arm that takes one.", callback=expanded)
    ] = None,
    folder: Annotated[bool, typer.Option("--folder", help="CT must be a folder: predict every scan in it.")] = False,
    out: Out = Path("runs"),
    to: Annotated[
        Path | None, typer.Option(help="Folder to write into. Default: predictions under --out.", callback=expanded)
    ] = None,
    as_json: Json = False,
) -> None:
    """Segment scans with the fold ensemble of a run: mask, volume in mL beside ABC/2, picture."""
    from hemosweep.cli.prediction import predict_scans

    try:
        result = predict_scans(scan, run, cta=cta, as_folder=folder, out=out, to=to)
    except KeyboardInterrupt:
        print_error("stopped; finished scans are kept, and the same command goes on from here")
        raise typer.Exit(1) from None
    tell(result, as_json=as_json)


@app.command()
def ui(
    sweep: Annotated[str | None, typer.Option(help="Open at this sweep.")] = None,
    out: Out = Path("runs"),
    port: Annotated[int, typer.Option(help="First port to try.")] = 5000,
) -> None:
    """Show the runs in MLflow's pages, on this machine only."""
    from tracking.server import serve

    serve(out, port=port, experiment=sweep)


@app.command()
def status(
    out: Out = Path("runs"),
    with_done: Annotated[bool, typer.Option("--all", help="List those that are done or outdated, too.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Redraw it every 2 s until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show which fold runs are running, failed, waiting and done, from their files alone."""
    from hemosweep.cli.status import show_status

    show_status(out, with_done=with_done, watch=watch, as_json=as_json)


@app.command()
def clean(
    out: Out = Path("runs"),
    data: Annotated[
        Path | None, typer.Option(help="Data set whose preprocessed cases count, too.", callback=expanded)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; without this it is only listed.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With the fold runs of runs: their checkpoints and predictions.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List or delete what nothing needs any more, such as fold runs of older source code."""
    from hemosweep.cli.cleaning import clean_up

    try:
        cleaning = clean_up(out, data, confirmed=yes, force=force, quiet=as_json)
    except KeyboardInterrupt:
        print_error("stopped; the same command goes on from here")
        raise typer.Exit(1) from None
    if as_json:
        print_json(cleaning.as_json())


@app.command(name="cluster-certs")
def cluster_certs(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER", help="Where to put them. Default: cluster-certs under --out.", callback=expanded
        ),
    ] = None,
    out: Out = Path("runs"),
) -> None:
    """Make the certificate and key that keep strangers off a Dask cluster, and show the commands that use them."""
    from hemosweep.cli.certificates import make_cluster_certificates

    for line in make_cluster_certificates(folder, out):
        typer.echo(line)


def _set_up_threads() -> None:
    """Let a forecast's timed steps wait as a fold run's threads do; torch reads it as it is imported."""
    from hemosweep.engine.executor import THREADING

    for name, value in THREADING.items():
        os.environ.setdefault(name, value)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def main() -> None:
    """Entry point: deliberate errors become one line and an exit code."""
    try:
        app()
    except HemosweepError as error:
        print_error(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        # The user's file system, not a defect of ours: no space, no permission, a share that went away.
        print_error(f"{system_message(error)} and start the same command again")
        sys.exit(BadInput.exit_code)
