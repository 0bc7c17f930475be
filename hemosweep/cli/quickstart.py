"""`hemosweep quickstart`: the commands to a first report, each printed before it runs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hemosweep.cli.options import LesionLabel, Out, expanded, print_error
from hemosweep.errors import HemosweepError


def quickstart(
    ctx: typer.Context,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATASET]",
            help="Data set folder. Without it a phantom is made under --out.",
            callback=expanded,
        ),
    ] = None,
    lesion_label: LesionLabel = None,
    out: Out = Path("runs"),
) -> None:
    """Check, draw and prepare a data set, train a small sweep on it, and open its report: ten minutes on two cores.

    Each step is printed as the command that does it alone. One that fails ends it; the same command goes on there.
    """
    from hemosweep.report.document.bundle import PAGE
    from hemosweep.workflows.quickstart import quickstart_steps, show_page

    steps = quickstart_steps(data, out, lesion_label=lesion_label)
    for number, step in enumerate(steps, start=1):
        typer.echo(f"\n{number}/{len(steps)} {step.purpose}\n  {step.command}")
        code = _run(ctx.find_root().command, step.arguments)
        if code:
            typer.echo(f"stopped at step {number} of {len(steps)}; the same command goes on there", err=True)
            raise typer.Exit(code)
    typer.echo(f"\n{show_page(out / 'report' / PAGE)}")


def _run(commands: Any, arguments: tuple[str, ...]) -> int:
    """Run one of the commands, which prints what it prints by itself; return its exit code."""
    try:
        return int(commands.main(args=list(arguments), standalone_mode=False) or 0)
    except HemosweepError as error:
        print_error(str(error))
        return error.exit_code
