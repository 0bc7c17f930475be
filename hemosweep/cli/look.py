"""`hemosweep status` and `runs`: the state of the fold runs, and the runs of the arms."""

from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli import completion
from hemosweep.cli.options import Json, Out, print_json, print_result
from hemosweep.errors import BadInput


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
