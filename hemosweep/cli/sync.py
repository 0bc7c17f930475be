"""`hemosweep sync`: the record on another MLflow server."""

from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli.options import Json, Out, print_error, print_result


def sync(
    to: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="The server, such as http://HOST:5000. Default: MLFLOW_TRACKING_URI, or the one of the last time.",
        ),
    ] = None,
    out: Out = Path("runs"),
    with_host: Annotated[bool, typer.Option("--with-host", help="Name this machine in each new record.")] = False,
    as_json: Json = False,
) -> None:
    """Copy the record to another MLflow server.

    What is there already is not written again.
    """
    from hemosweep.workflows.sync import sync as copy_record

    try:
        result = copy_record(out, to, with_host=with_host)
    except KeyboardInterrupt:
        print_error("stopped; what is recorded there stays, and the same command goes on from here")
        raise typer.Exit(1) from None
    if result.problem is not None:
        print_error(f"{result.problem}; the same command records the rest")
    print_result(result, as_json=as_json)
    if result.problem is not None:
        raise typer.Exit(1)
