"""Options that several commands share, and how results are printed."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def expanded(path: Path | None) -> Path | None:
    """`~` as a shell would read it: `make DATA=~/scans` hands it over as it stands."""
    return None if path is None else path.expanduser()


Out = Annotated[Path, typer.Option(help="Folder of all results.", callback=expanded)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on standard output.")]
DataSet = Annotated[Path, typer.Argument(metavar="DATA", help="Data set folder.", callback=expanded)]
LesionLabel = Annotated[
    int | None, typer.Option(help="Value of the lesion in masks that hold several. Default: masks of 0 and 1.")
]
Jobs = Annotated[int | None, typer.Option(help="Cases worked on at once. Default: one a processor.")]


def num_jobs(jobs: int | None) -> int:
    """The given number of jobs, or one a processor.

    Raises:
        BadInput: it is below 1.
    """
    from hemosweep.engine.environment import num_processors
    from hemosweep.errors import BadInput

    if jobs is None:
        return num_processors()
    if jobs < 1:
        raise BadInput(f"--jobs {jobs}: give at least 1")
    return jobs


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def print_table(table: Any) -> None:
    from rich.console import Console

    Console().print(table)


def print_warning(text: str) -> None:
    typer.echo(f"warning: {text}", err=True)


def print_error(text: str) -> None:
    typer.echo(f"error: {text}", err=True)
