"""The command line. A command parses, calls one function and prints; heavy imports happen inside the command."""

from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli import completion
from hemosweep.cli.bench import bench
from hemosweep.cli.compare import Margin, compare, compare_all, power
from hemosweep.cli.data import data_app
from hemosweep.cli.docs import docs
from hemosweep.cli.doctor import doctor
from hemosweep.cli.ending import Commands
from hemosweep.cli.external import import_results
from hemosweep.cli.help import COMPARE, CONTEXT_SETTINGS, DATA, KEEP, LOOK, TRAIN, USE, block, shown
from hemosweep.cli.init import init
from hemosweep.cli.options import (
    DATA_VARIABLE,
    OUT_VARIABLE,
    DataSet,
    Jobs,
    Json,
    LesionLabel,
    Out,
    OutArgument,
    data_option,
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
from hemosweep.cli.quickstart import quickstart
from hemosweep.cli.sweep import plan, score, sweep, sweeps
from hemosweep.cli.sync import sync
from hemosweep.errors import BadInput

ENVIRONMENT = block(
    "Environment:",
    f"{OUT_VARIABLE}        default of --out, the folder of all results",
    f"{DATA_VARIABLE}       default of --data and DATA, the data set",
    "HEMOSWEEP_USER       name of the user in the record, in place of a pseudonym",
    "MLFLOW_TRACKING_URI  MLflow server that sweeps record at, too (MLflow's own",
    "                     variables for user, password and token count as well)",
)
EXIT_CODES = block(
    "Exit codes:",
    "0 done   1 part of the work failed   2 bad input   3 not comparable",
)
EXAMPLES = block(
    "Examples:",
    "hemosweep sweep patchsize",
    "hemosweep compare patchsize/24x24x8 patchsize/32x32x16",
    "hemosweep sweep --help",
)

app = typer.Typer(
    name="hemosweep",
    cls=Commands,
    help="Ablation studies of hemorrhagic-stroke segmentation on head CT.",
    epilog="\n\n".join((EXAMPLES, ENVIRONMENT, EXIT_CODES)),
    context_settings=CONTEXT_SETTINGS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich alone would take most of the time that --help may take
)
app.command(**shown(DATA, "hemosweep quickstart scans", "hemosweep quickstart"))(quickstart)
app.command(**shown(DATA, "hemosweep init scans", "hemosweep init scans --yes"))(init)
app.add_typer(data_app, rich_help_panel=DATA)


def _print_version(asked: bool) -> None:
    if asked:
        from hemosweep.environment import version_line

        typer.echo(version_line())
        raise typer.Exit


@app.callback()
def hemosweep(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the versions of hemosweep, Python and PyTorch.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Options of the command without a name."""


@app.command(**shown(DATA, "hemosweep preprocess scans --preview", "hemosweep preprocess scans --profile demo"))
def preprocess(
    data: DataSet,
    profile: Annotated[
        str, typer.Option(help="Whose grid: paper (the scanner's) or demo.", autocompletion=completion.profiles)
    ] = "paper",
    symmetric: Annotated[
        str,
        typer.Option(
            help="Symmetric image by plane, register or flirt (needs FSL), or none.",
            autocompletion=completion.symmetric,
        ),
    ] = "plane",
    cta: Annotated[bool, typer.Option("--cta/--no-cta", help="Prepare the angiography of the cases with one.")] = True,
    preview: Annotated[bool, typer.Option("--preview", help="Draw every case as in the paper's Fig. 1.")] = False,
    jobs: Jobs = None,
    lesion_label: LesionLabel = None,
    out: Out = Path("runs"),
    as_json: Json = False,
) -> None:
    """Prepare every case of a data set for training.

    Head holder and skull are taken off, and the symmetric image and the angiography are made. One page shows all cases.
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


app.command(**shown(TRAIN, "hemosweep sweeps"))(sweeps)
app.command(**shown(TRAIN, "hemosweep plan patchsize --data scans", "hemosweep plan noise --seeds 5"))(plan)
app.command(
    **shown(
        TRAIN,
        "hemosweep sweep patchsize",
        "hemosweep sweep patchsize --data scans --seeds 3 --out results",
        "hemosweep sweep lab/tversky.py --arms dice_ce,tversky",
    )
)(sweep)
app.command(**shown(TRAIN, "hemosweep score --all", "hemosweep score patchsize loss"))(score)
app.command(name="import-results", **shown(TRAIN, "hemosweep import-results FOLDER --name nnunet --sweep published"))(
    import_results
)


@app.command(**shown(LOOK, "hemosweep status --watch"))
def status(
    out: Out = Path("runs"),
    with_done: Annotated[bool, typer.Option("--all", help="List those that are done or outdated, too.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Redraw it every 2 s until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show which fold runs are running, failed, waiting and done.

    They are read from their files alone.
    """
    if as_json and watch:
        raise BadInput("--watch redraws a table; leave --json or --watch out")
    if as_json:
        from hemosweep.upkeep.status import read_status

        print_json(read_status(out, with_done=with_done).as_json(with_done=with_done))
        return
    from hemosweep.workflows.status import show_status

    show_status(out, with_done=with_done, watch=watch)


@app.command(**shown(LOOK, "hemosweep runs --sweep patchsize", "hemosweep runs mlflow:http://HOST:5000 --json"))
def runs(
    place: Annotated[
        str | None,
        typer.Argument(
            metavar="[mlflow:URI]",
            help="Another MLflow store, or a sweep or arm of it: mlflow:URI/hemosweep/SWEEP[/RUN].",
        ),
    ] = None,
    sweep: Annotated[
        str | None, typer.Option(help="Only this sweep.", autocompletion=completion.recorded_sweeps)
    ] = None,
    out: Out = Path("runs"),
    cases: Annotated[bool, typer.Option("--cases", help="With every case's DSC (needs --json).")] = False,
    as_json: Json = False,
) -> None:
    """List the runs of the arms, with their scores."""
    from hemosweep.tracking.reader import MlflowStore
    from hemosweep.tracking.references import find_place
    from hemosweep.workflows.runs import list_runs

    if cases and not as_json:
        raise BadInput("--cases is printed as JSON only; add --json")
    store, sweep, run = (MlflowStore(out), sweep, None) if place is None else find_place(place, sweep)
    print_result(list_runs(store, sweep, run, with_cases=cases), as_json=as_json)


app.command(
    **shown(
        COMPARE,
        "hemosweep compare patchsize/24x24x8 patchsize/32x32x16",
        "hemosweep compare loss/focal@0 loss/dice_ce@0 --metric nsd",
        "hemosweep compare ours.csv summary.json --json",
    )
)(compare)
app.command(name="compare-all", **shown(COMPARE, "hemosweep compare-all patchsize --margin 0.01"))(compare_all)
app.command(**shown(COMPARE, "hemosweep power patchsize --difference 0.02"))(power)


@app.command(**shown(COMPARE, "hemosweep report", "hemosweep report patchsize loss --to paper --data scans"))
def report(
    sweeps: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SWEEP]...",
            help="Ablations, or those of another store: mlflow:URI/hemosweep/SWEEP, or mlflow:URI. Default: every one "
            "that has a finished run.",
            autocompletion=completion.recorded_sweeps,
        ),
    ] = None,
    out: Out = Path("runs"),
    to: Annotated[
        Path | None, typer.Option(help="Folder to write. Default: report under --out.", callback=expanded)
    ] = None,
    data: Annotated[
        Path | None, data_option("The runs' data set, to draw cases on. Default: phantoms under --out.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help="The score that it is about. Default: the declared primary metric, mostly dsc.",
            autocompletion=completion.metrics,
        ),
    ] = None,
    margin: Margin = None,
    with_paths: Annotated[
        bool, typer.Option("--with-paths", help="Also name folders, machine and user, which others need not know.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the report of the study: one page, Markdown and LaTeX.

    The study stands beside the paper, table by table, with figures and provenance.
    """
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


app.command(**shown(LOOK, "hemosweep ui --open", "hemosweep ui --sweep patchsize --port 5050"))(ui)
app.command(**shown(LOOK, "hemosweep dashboard --open"))(dashboard)
app.command(
    **shown(
        USE,
        "hemosweep predict scan.nii.gz --run patchsize/32x32x16",
        "hemosweep predict scans --model hemosweep-final-all@current --to masks",
    )
)(predict)
app.command(**shown(USE, "hemosweep promote patchsize/32x32x16 --alias current"))(promote)
app.command(**shown(KEEP, "hemosweep doctor", "hemosweep doctor --out results --data scans"))(doctor)
app.command(**shown(KEEP, "hemosweep sync --to http://HOST:5000"))(sync)


@app.command(**shown(KEEP, "hemosweep verify runs"))
def verify(
    out: OutArgument = Path("runs"),
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Compare every file of the fold runs with its seal.

    The record is compared with the fold runs, too. Exit code 1 where something differs.
    """
    from hemosweep.workflows.verify import verify as verify_folder

    result = verify_folder(out, jobs=num_jobs(jobs))
    print_result(result, as_json=as_json)
    if result.faults:
        raise typer.Exit(1)


@app.command(**shown(KEEP, "hemosweep clean", "hemosweep clean --data scans --yes"))
def clean(
    out: Out = Path("runs"),
    # The environment decides nothing about what is deleted.
    data: Annotated[
        Path | None, typer.Option(help="Data set whose preprocessed cases count, too.", callback=expanded)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; without this it is only listed.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With the fold runs of runs: their weights and predictions.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List or delete what nothing needs any more.

    Such are fold runs of older source code, and preprocessed cases of earlier settings.
    """
    from hemosweep.workflows.clean import clean as clean_up

    try:
        cleaning = clean_up(out, data, confirmed=yes, force=force)
    except KeyboardInterrupt:
        print_error("stopped; the same command goes on from here")
        raise typer.Exit(1) from None
    print_result(cleaning, as_json=as_json)


app.command(**shown(KEEP, "hemosweep bench --quick", "hemosweep bench gpu --to results"))(bench)


@app.command(name="cluster-certs", **shown(KEEP, "hemosweep cluster-certs --out results"))
def cluster_certs(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER", help="Where to put them. Default: cluster-certs under --out.", callback=expanded
        ),
    ] = None,
    out: Out = Path("runs"),
) -> None:
    """Make the certificate that keeps strangers off a cluster.

    The cluster is Dask's. The commands that use the certificate and its key are printed.
    """
    from hemosweep.workflows.certificates import make_cluster_certificates

    for line in make_cluster_certificates(folder, out):
        typer.echo(line)


app.command(**shown(KEEP, "hemosweep docs", "hemosweep docs statistics"))(docs)
