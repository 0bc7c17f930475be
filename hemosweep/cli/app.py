"""The command line: its commands in their sections.

A command parses, calls one function and prints; heavy imports happen inside the command.
"""

from typing import Annotated

import typer

from hemosweep.cli.bench import bench
from hemosweep.cli.compare import compare, compare_all, power, report
from hemosweep.cli.data import data_app
from hemosweep.cli.docs import docs
from hemosweep.cli.doctor import doctor
from hemosweep.cli.ending import Commands
from hemosweep.cli.external import import_results
from hemosweep.cli.help import COMPARE, CONTEXT_SETTINGS, DATA, KEEP, LOOK, TRAIN, USE, block, shown
from hemosweep.cli.init import init
from hemosweep.cli.keep import clean, cluster_certs, verify
from hemosweep.cli.look import runs, status
from hemosweep.cli.options import DATA_VARIABLE, OUT_VARIABLE
from hemosweep.cli.pages import dashboard, ui
from hemosweep.cli.prediction import predict, promote
from hemosweep.cli.preprocess import preprocess
from hemosweep.cli.quickstart import quickstart
from hemosweep.cli.sweep import plan, score, sweep, sweeps
from hemosweep.cli.sync import sync

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


app.command(**shown(DATA, "hemosweep quickstart scans", "hemosweep quickstart"))(quickstart)
app.command(**shown(DATA, "hemosweep init scans", "hemosweep init scans --yes"))(init)
app.add_typer(data_app, rich_help_panel=DATA)
app.command(**shown(DATA, "hemosweep preprocess scans --preview", "hemosweep preprocess scans --profile demo"))(
    preprocess
)
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
app.command(**shown(LOOK, "hemosweep status --watch"))(status)
app.command(**shown(LOOK, "hemosweep runs --sweep patchsize", "hemosweep runs mlflow:http://HOST:5000 --json"))(runs)
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
app.command(**shown(COMPARE, "hemosweep report", "hemosweep report patchsize loss --to paper --data scans"))(report)
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
app.command(**shown(KEEP, "hemosweep verify runs"))(verify)
app.command(**shown(KEEP, "hemosweep clean", "hemosweep clean --data scans --yes"))(clean)
app.command(**shown(KEEP, "hemosweep bench --quick", "hemosweep bench gpu --to results"))(bench)
app.command(name="cluster-certs", **shown(KEEP, "hemosweep cluster-certs --out results"))(cluster_certs)
app.command(**shown(KEEP, "hemosweep docs", "hemosweep docs statistics"))(docs)
