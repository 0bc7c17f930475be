"""The command line. A command parses, calls one function and prints; heavy imports happen inside the command."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from hemosweep.errors import BadInput, HemosweepError

app = typer.Typer(
    name="hemosweep",
    help="Ablation studies of hemorrhagic-stroke segmentation on head CT.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich alone would take most of the time that --help may take
)
data_app = typer.Typer(name="data", help="Make and look at data sets.", no_args_is_help=True)
app.add_typer(data_app)


def _expanded(path: Path | None) -> Path | None:
    """`~` as a shell would read it: `make DATA=~/scans` hands it over as it stands."""
    return None if path is None else path.expanduser()


Out = Annotated[Path, typer.Option(help="Folder of all results.", callback=_expanded)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on standard output.")]
Data = Annotated[
    Path | None, typer.Option(help="Data set folder; without it a phantom is made under --out.", callback=_expanded)
]
ProfileName = Annotated[str | None, typer.Option(help="demo or paper. Default: demo, or paper where --data is given.")]
Seeds = Annotated[int, typer.Option(help="Train every arm with this many seeds.")]
Arms = Annotated[str, typer.Option(help="Only these arms, separated by commas.")]
Folds = Annotated[int | None, typer.Option(help="Number of folds. Default: the profile's.")]


@data_app.command()
def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to make.", callback=_expanded)],
    cases: Annotated[int, typer.Option(help="Number of cases.")] = 18,
    size: Annotated[str, typer.Option(help="demo (96 x 96 x 24) or paper (512 x 512).")] = "demo",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    ivh_share: Annotated[float, typer.Option(help="Share of cases with intraventricular hemorrhage.")] = 0.15,
) -> None:
    """Make a data set of procedural head CTs with hemorrhages."""
    from hemosweep.data.phantom import write_phantom
    from hemosweep.engine.environment import num_processors
    from hemosweep.report.progress import progress_bar

    jobs = num_processors()
    with progress_bar("phantom cases") as progress:
        write_phantom(out, num_cases=cases, size=size, seed=seed, ivh_share=ivh_share, jobs=jobs, progress=progress)
    typer.echo(f"{cases} cases in {out}; look at them: hemosweep data preview {out}")


@data_app.command()
def preview(
    data: Annotated[Path, typer.Argument(help="Data set folder.", callback=_expanded)],
    png: Annotated[Path, typer.Option(help="Picture to write.", callback=_expanded)] = Path("preview.png"),
    cases: Annotated[int, typer.Option(help="At most this many cases.")] = 12,
) -> None:
    """Draw a contact sheet of a data set."""
    from hemosweep.data.preview import contact_sheet

    typer.echo(f"drew {contact_sheet(data, png, max_cases=cases)}")


@app.command()
def sweep(
    name: Annotated[str, typer.Argument(help="Name of the ablation, such as patchsize.")],
    data: Data = None,
    profile: ProfileName = None,
    out: Out = Path("runs"),
    seeds: Seeds = 1,
    arms: Arms = "",
    folds: Folds = None,
    executor: Annotated[str, typer.Option(help="Where fold runs are trained: local.")] = "local",
    yes: Annotated[bool, typer.Option("--yes", help="Run a paper-profile sweep on a machine without a GPU.")] = False,
    as_json: Json = False,
) -> None:
    """Train every arm of an ablation and compare them."""
    from hemosweep.cli.request import resolve

    if executor != "local":
        raise BadInput(f"unknown executor {executor!r}; there is local")
    request = resolve(
        name,
        data=data,
        profile_name=profile,
        out=out,
        num_seeds=seeds,
        arm_names=_names(arms),
        num_folds=folds,
    )
    # A name that does not exist is told before the seconds that the next import takes.
    from hemosweep.cli.study import run_study

    try:
        result = run_study(request, confirmed=yes, quiet=as_json)
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on from here", err=True)
        raise typer.Exit(1) from None
    if as_json:
        _print_json(result.as_json())
    if result.failures:
        raise typer.Exit(1)


@app.command()
def plan(
    name: Annotated[str, typer.Argument(help="Name of the ablation, such as patchsize.")],
    data: Data = None,
    profile: ProfileName = None,
    out: Out = Path("runs"),
    seeds: Seeds = 1,
    arms: Arms = "",
    folds: Folds = None,
    as_json: Json = False,
) -> None:
    """Forecast a sweep's hours; train nothing."""
    from hemosweep.cli.request import resolve

    request = resolve(
        name,
        data=data,
        profile_name=profile,
        out=out,
        num_seeds=seeds,
        arm_names=_names(arms),
        num_folds=folds,
    )
    from hemosweep.cli.forecast import forecast_study

    forecast = forecast_study(request)
    if as_json:
        _print_json(forecast.as_json())
    else:
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
        _print_json(rows)
    else:
        _print_table(runs_table(rows))


@app.command()
def compare(
    run_a: Annotated[str, typer.Argument(help="Run id, run name, or SWEEP/ARM[@SEED].")],
    run_b: Annotated[str, typer.Argument(help="The run that is compared with it: the difference is B - A.")],
    out: Out = Path("runs"),
    allow_incomparable: Annotated[
        bool, typer.Option("--allow-incomparable", help="Compare even where the data or folds differ; says so.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Paired t-test between two runs, case by case."""
    from hemosweep.cli.comparison import compare_runs

    comparison = compare_runs(out, run_a, run_b, allow_incomparable=allow_incomparable)
    if as_json:
        _print_json(comparison.as_json())
    else:
        for line in comparison.as_lines():
            typer.echo(line)


@app.command()
def ui(
    sweep: Annotated[str | None, typer.Option(help="Open at this sweep.")] = None,
    out: Out = Path("runs"),
    port: Annotated[int, typer.Option(help="First port to try.")] = 5000,
) -> None:
    """Show the runs in MLflow's pages, on this machine only."""
    from tracking.server import serve

    serve(out, port=port, experiment=sweep)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def _print_table(table: Any) -> None:
    from rich.console import Console

    Console().print(table)


def main() -> None:
    """Entry point: deliberate errors become one line and an exit code."""
    try:
        app()
    except HemosweepError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        # The user's file system, not a defect of ours: no space, no permission, a share that went away.
        typer.echo(f"error: {error.filename or 'system'}: {error.strerror or error}; mend it and start again", err=True)
        sys.exit(BadInput.exit_code)
