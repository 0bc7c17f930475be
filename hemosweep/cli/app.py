"""The command line. A command parses, calls one function and prints; heavy imports happen inside the command."""

from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli.bench import bench
from hemosweep.cli.compare import Margin, compare, compare_all, power
from hemosweep.cli.data import data_app
from hemosweep.cli.ending import Commands
from hemosweep.cli.external import import_results
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
    print_result,
    print_warning,
    tell,
)
from hemosweep.cli.pages import dashboard, ui
from hemosweep.cli.prediction import predict, promote
from hemosweep.cli.sweep import plan, score, sweep, sweeps
from hemosweep.cli.sync import sync
from hemosweep.errors import BadInput

app = typer.Typer(
    name="hemosweep",
    cls=Commands,
    help="Ablation studies of hemorrhagic-stroke segmentation on head CT.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich alone would take most of the time that --help may take
)
app.add_typer(data_app)


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
    """Prepare every case: head holder and skull off, symmetric image, angiography; one page shows all of them.

    What is done already is kept.
    """
    from dataclasses import replace

    from hemosweep.sweeps.base import profile as find_profile
    from hemosweep.workflows.preprocess import prepare_data_set

    config = replace(find_profile(profile).config.preprocessing, symmetric=symmetric, lesion_label=lesion_label)
    try:
        result = prepare_data_set(data, config, out=out, with_cta=cta, preview=preview, jobs=num_jobs(jobs))
    except KeyboardInterrupt:
        print_error("stopped; finished cases are kept, and the same command goes on from here")
        raise typer.Exit(1) from None
    try:
        tell(result, as_json=as_json)
    finally:
        if result.page is not None and not as_json:
            typer.echo(f"look at the cases, the most suspicious first: {result.page}")


app.command()(sweep)
app.command()(plan)
app.command()(sweeps)
app.command()(score)


@app.command()
def runs(
    place: Annotated[
        str | None,
        typer.Argument(
            metavar="[mlflow:URI]",
            help="Another MLflow store, or a sweep or arm of it: mlflow:URI/hemosweep/SWEEP[/RUN].",
        ),
    ] = None,
    sweep: Annotated[str | None, typer.Option(help="Only this sweep.")] = None,
    out: Out = Path("runs"),
    cases: Annotated[bool, typer.Option("--cases", help="With every case's DSC (needs --json).")] = False,
    as_json: Json = False,
) -> None:
    """List the arm runs."""
    from hemosweep.tracking.reader import MlflowStore
    from hemosweep.tracking.references import find_place
    from hemosweep.workflows.runs import list_runs

    if cases and not as_json:
        raise BadInput("--cases is printed as JSON only; add --json")
    store, sweep, run = (MlflowStore(out), sweep, None) if place is None else find_place(place, sweep)
    print_result(list_runs(store, sweep, run, with_cases=cases), as_json=as_json)


app.command(name="import-results")(import_results)
app.command()(compare)
app.command(name="compare-all")(compare_all)
app.command()(power)


@app.command()
def report(
    sweeps: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SWEEP]...",
            help="Ablations, or those of another store: mlflow:URI/hemosweep/SWEEP, or mlflow:URI. Default: every one "
            "that has a finished run.",
        ),
    ] = None,
    out: Out = Path("runs"),
    to: Annotated[
        Path | None, typer.Option(help="Folder to write. Default: report under --out.", callback=expanded)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="The runs' data set, to draw cases on. Default: phantoms under --out.", callback=expanded),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="The score that it is about. Default: the declared primary metric, mostly dsc.")
    ] = None,
    margin: Margin = None,
    with_paths: Annotated[
        bool, typer.Option("--with-paths", help="Also name folders, machine and user, which others need not know.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The study beside the paper, table by table: one page, Markdown and LaTeX, with figures and provenance."""
    from hemosweep.workflows.report import make_report

    result = make_report(
        out,
        tuple(sweeps or ()),
        to=to,
        data=data,
        metric=metric,
        margin=margin,
        with_paths=with_paths,
    )
    for warning in result.warnings:
        print_warning(warning)
    print_result(result, as_json=as_json)


app.command()(predict)
app.command()(promote)
app.command()(ui)
app.command()(dashboard)
app.command()(sync)


@app.command()
def status(
    out: Out = Path("runs"),
    with_done: Annotated[bool, typer.Option("--all", help="List those that are done or outdated, too.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Redraw it every 2 s until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show which fold runs are running, failed, waiting and done, from their files alone."""
    if as_json and watch:
        raise BadInput("--watch redraws a table; leave --json or --watch out")
    if as_json:
        from hemosweep.upkeep.status import read_status

        print_json(read_status(out, with_done=with_done).as_json(with_done=with_done))
        return
    from hemosweep.workflows.status import show_status

    show_status(out, with_done=with_done, watch=watch)


@app.command()
def verify(
    out: Annotated[Path, typer.Argument(metavar="[OUT]", help="Folder of results.", callback=expanded)] = Path("runs"),
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Compare every file of the fold runs with its seal, and the record with them; exit code 1 where one differs."""
    from hemosweep.workflows.verify import verify as verify_folder

    result = verify_folder(out, jobs=num_jobs(jobs))
    print_result(result, as_json=as_json)
    if result.faults:
        raise typer.Exit(1)


@app.command()
def clean(
    out: Out = Path("runs"),
    data: Annotated[
        Path | None, typer.Option(help="Data set whose preprocessed cases count, too.", callback=expanded)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; without this it is only listed.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With the fold runs of runs: their weights and predictions.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List or delete what nothing needs any more, such as fold runs of older source code."""
    from hemosweep.workflows.clean import clean as clean_up

    try:
        cleaning = clean_up(out, data, confirmed=yes, force=force)
    except KeyboardInterrupt:
        print_error("stopped; the same command goes on from here")
        raise typer.Exit(1) from None
    print_result(cleaning, as_json=as_json)


app.command()(bench)


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
    from hemosweep.workflows.certificates import make_cluster_certificates

    for line in make_cluster_certificates(folder, out):
        typer.echo(line)
