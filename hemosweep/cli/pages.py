"""`hemosweep ui` and `dashboard`: runs and trials in a browser."""

from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli import completion
from hemosweep.cli.options import Out


def ui(
    sweep: Annotated[
        str | None, typer.Option(help="Open at this sweep.", autocompletion=completion.recorded_sweeps)
    ] = None,
    out: Out = Path("runs"),
    port: Annotated[int, typer.Option(help="First port to try.")] = 5000,
    in_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser, too.")] = False,
) -> None:
    """Show the runs in MLflow's pages, on this machine only.

    The addresses of a sweep's pages are printed.
    """
    from hemosweep.tracking.server import serve

    serve(out, port=port, experiment=sweep, in_browser=in_browser)


def dashboard(
    out: Out = Path("runs"),
    port: Annotated[int, typer.Option(help="First port to try.")] = 8080,
    mlflow: Annotated[
        str, typer.Option(help="Address that hemosweep ui prints, for the links in the notes.")
    ] = "http://127.0.0.1:5000",
    in_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser, too.")] = False,
) -> None:
    """Show the trials in optuna-dashboard, on this machine only.

    It needs hemosweep[dashboard].
    """
    from hemosweep.workflows.dashboard import show_dashboard

    show_dashboard(out, port=port, mlflow=mlflow, in_browser=in_browser)
