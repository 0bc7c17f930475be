"""`hemosweep doctor`."""

from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli.options import Json, Out, data_option, print_result
from hemosweep.errors import BadInput


def doctor(
    out: Out = Path("runs"),
    data: Annotated[Path | None, data_option("A data set to look at, too.", must_exist=False)] = None,
    as_json: Json = False,
) -> None:
    """Check what hemosweep needs of this machine.

    Each line is ok, a note on what is slow or cannot be used, or a problem. Exit code 2 where no sweep can run.
    """
    from hemosweep.workflows.doctor import diagnose

    diagnosis = diagnose(out, data, say=lambda what: typer.echo(f"checking {what}", err=True))
    print_result(diagnosis, as_json=as_json)
    if diagnosis.num_problems:
        raise typer.Exit(BadInput.exit_code)
