"""The command line. A command parses, calls one function and prints; heavy imports happen inside the command."""

from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli.bench import bench
from hemosweep.cli.compare import Margin, compare, compare_all, power
from hemosweep.cli.data import data_app
from hemosweep.cli.ending import Commands
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
            metavar="[mlflow:URI]", help="Another MLflow store, or a sweep of it: mlflow:URI/hemosweep/SWEEP."
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
    store, sweep = (MlflowStore(out), sweep) if place is None else find_place(place, sweep)
    print_result(list_runs(store, sweep, with_cases=cases), as_json=as_json)


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


@app.command()
def predict(
    scan: Annotated[
        Path, typer.Argument(metavar="CT", help="CT as NIfTI, or a folder of them, or a data set.", callback=expanded)
    ],
    run: Annotated[str | None, typer.Option(help="Run id, run name, or SWEEP/ARM[@SEED].")] = None,
    model: Annotated[
        str | None, typer.Option(help="In place of a run, a model: NAME@ALIAS or NAME/VERSION (hemosweep promote).")
    ] = None,
    tracking: Annotated[
        str | None, typer.Option(metavar="URI", help="MLflow server that has the model. Default: the store of --out.")
    ] = None,
    cta: Annotated[
        Path | None, typer.Option(help="The scan's CT angiography, for an arm that takes one.", callback=expanded)
    ] = None,
    folder: Annotated[bool, typer.Option("--folder", help="CT must be a folder: predict every scan in it.")] = False,
    out: Out = Path("runs"),
    to: Annotated[
        Path | None, typer.Option(help="Folder to write into. Default: predictions under --out.", callback=expanded)
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option(help="Where the project of the arm's own components went, if it was moved.", callback=expanded),
    ] = None,
    as_json: Json = False,
) -> None:
    """Segment scans with the fold ensemble of a run or model: mask, volume in mL beside ABC/2, picture."""
    from hemosweep.workflows.predict import predict_scans

    try:
        result = predict_scans(
            out,
            scan,
            run=run,
            model=model,
            tracking=tracking,
            cta=cta,
            as_folder=folder,
            to=to,
            project=project,
        )
    except KeyboardInterrupt:
        print_error("stopped; finished scans are kept, and the same command goes on from here")
        raise typer.Exit(1) from None
    tell(result, as_json=as_json)


@app.command()
def promote(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, run name, or SWEEP/ARM[@SEED].")],
    name: Annotated[str | None, typer.Option(help="Name of the model. Default: hemosweep-SWEEP-ARM.")] = None,
    alias: Annotated[str, typer.Option(help="Alias that means this version from now on.")] = "current",
    to: Annotated[
        str | None, typer.Option(metavar="URI", help="MLflow server that gets it. Default: the store of --out.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--force", help="Make a new version even where the same networks have one.")
    ] = False,
    out: Out = Path("runs"),
    project: Annotated[
        Path | None,
        typer.Option(help="Where the project of the arm's own components went, if it was moved.", callback=expanded),
    ] = None,
    as_json: Json = False,
) -> None:
    """Register the fold ensemble of a run as a model in MLflow: weights, configuration, digests and a model card."""
    from hemosweep.workflows.promote import promote as register

    result = register(out, run, name=name, alias=alias, to=to, again=again, project=project)
    for warning in result.warnings:
        print_warning(warning)
    print_result(result, as_json=as_json)


@app.command()
def ui(
    sweep: Annotated[str | None, typer.Option(help="Open at this sweep.")] = None,
    out: Out = Path("runs"),
    port: Annotated[int, typer.Option(help="First port to try.")] = 5000,
    in_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser, too.")] = False,
) -> None:
    """Show the runs in MLflow's pages, on this machine only, and print the addresses of a sweep's pages."""
    from hemosweep.tracking.server import serve

    serve(out, port=port, experiment=sweep, in_browser=in_browser)


@app.command()
def dashboard(
    out: Out = Path("runs"),
    port: Annotated[int, typer.Option(help="First port to try.")] = 8080,
    mlflow: Annotated[
        str, typer.Option(help="Address that hemosweep ui prints, for the links in the notes.")
    ] = "http://127.0.0.1:5000",
    in_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser, too.")] = False,
) -> None:
    """Show the trials in optuna-dashboard, on this machine only (needs hemosweep[dashboard])."""
    from hemosweep.workflows.dashboard import show_dashboard

    show_dashboard(out, port=port, mlflow=mlflow, in_browser=in_browser)


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
