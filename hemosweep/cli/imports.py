"""`hemosweep data import-NAME`: one command for each importer, made when it is first asked for."""

from collections.abc import Callable
from functools import partial
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hemosweep.cli.help import Sections, shown
from hemosweep.cli.options import expanded, print_error, print_warning
from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from hemosweep.importers.protocol import Importer, ImportOption
    from hemosweep.importers.writer import ImportSummary

IMPORT = "Import"
"""Section of these commands."""

ImportSource = Annotated[Path, typer.Argument(help="Folder to import from.", callback=expanded)]
NewDataSet = Annotated[Path, typer.Argument(metavar="DATA", help="Data set folder to make.", callback=expanded)]


class DataGroup(Sections):
    """Group of commands that looks for the importers only if a command is not among those that are always there."""

    _has_imports = False

    def list_commands(self, ctx: Any) -> list[str]:
        self._add_imports()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands:
            self._add_imports()
        return super().get_command(ctx, cmd_name)

    def _add_imports(self) -> None:
        if not self._has_imports:
            self._has_imports = True
            self.commands = {**self.commands, **_import_commands()}


def _import_commands() -> dict[str, Any]:
    from hemosweep.importers.catalogue import find_importers

    catalogue = find_importers()
    for warning in catalogue.warnings:
        print_warning(warning)
    app = typer.Typer(rich_markup_mode=None)
    for name, importer in catalogue.importers.items():
        app.command(f"import-{name}", **shown(IMPORT, f"hemosweep data import-{name} FOLDER scans"))(_command(importer))
    return dict(typer.main.get_group(app).commands)


def _command(importer: "Importer") -> Callable[..., None]:
    """Function of a command that takes the options of an importer."""

    def command(source: Path, data: Path, **options: Any) -> None:
        _import(partial(importer.run, source, data, **options), data)

    parameters = {
        "source": Parameter("source", Parameter.POSITIONAL_OR_KEYWORD, annotation=ImportSource),
        "data": Parameter("data", Parameter.POSITIONAL_OR_KEYWORD, annotation=NewDataSet),
    } | {option.name: _parameter(option) for option in importer.options}
    command.__doc__ = importer.help
    command.__signature__ = Signature(list(parameters.values()))  # type: ignore[attr-defined]
    command.__annotations__ = {name: parameter.annotation for name, parameter in parameters.items()}
    return command


def _parameter(option: "ImportOption") -> Parameter:
    def checked(value: Any) -> Any:
        if value is not None:
            option.check(value)
        return expanded(value) if option.kind is Path else value

    kind: Any = option.kind | None if option.default is None else option.kind
    return Parameter(
        option.name,
        Parameter.KEYWORD_ONLY,
        default=option.default,
        annotation=Annotated[kind, typer.Option(help=option.help, callback=checked)],
    )


def _import(run: Callable[..., "ImportSummary"], data: Path) -> None:
    """Run an importer with a progress bar, and say what became of the cases. Exit code as `print_summary`."""
    from hemosweep.report.terminal.progress import progress_bar

    try:
        with progress_bar("importing cases") as progress:
            summary = run(progress=progress)
    except KeyboardInterrupt:
        print_error(f"stopped; {data} holds no data set yet: delete it and start again")
        raise typer.Exit(1) from None
    print_summary(summary, f"imported {len(summary.written)} cases to {data}", data)


def print_summary(summary: "ImportSummary", done: str, data: Path) -> None:
    """Print what became of the cases: `done` first on standard output.

    Exit code 2 if one failed: a case that cannot be read is bad input, however many others are imported.
    """
    from hemosweep.data.remarks import grouped

    for note in summary.notes:
        typer.echo(f"note: {note}", err=True)
    for line in grouped(summary.warnings, len(summary.written) or None):
        print_warning(line)
    for message in summary.failures.values():
        print_error(message)
    if summary.dry_run:
        typer.echo("\n".join(summary.dry_run))
        return
    num_failed = len(summary.failures)
    typer.echo(done + (f"; {num_failed} failed" if num_failed else ""))
    if summary.written:
        typer.echo(f"next: hemosweep data check {data}")
    if num_failed:
        raise typer.Exit(BadInput.exit_code)
