"""Options that several commands share, and how results are printed."""

import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from hemosweep.errors import BadInput

OUT_VARIABLE, DATA_VARIABLE = "HEMOSWEEP_OUT", "HEMOSWEEP_DATA"
"""Environment variables with the folders of `--out` and `--data` where they are not typed."""


def expanded(path: Path | None) -> Path | None:
    """Path with `~` expanded, as a shell does: `make DATA=~/scans` passes it unexpanded."""
    return None if path is None else path.expanduser()


def _data_set(ctx: typer.Context, param: typer.CallbackParam, path: Path | None) -> Path | None:
    """As `expanded`. A data set of the environment is printed: it decides the profile, too.

    Raises:
        BadInput: there is no such folder. The check comes before the command's own imports, which take seconds.
    """
    path = _named_data_set(ctx, param, path)
    if path is not None and not ctx.resilient_parsing:
        check_data_folder(path)
    return path


def check_data_folder(path: Path) -> None:
    """Raise BadInput where there is no such folder."""
    if not os.path.isdir(path):
        from hemosweep.data.found import no_folder
        from hemosweep.data.manifest import TABLE_NAME

        raise BadInput(no_folder(path, TABLE_NAME))


def _named_data_set(ctx: typer.Context, param: typer.CallbackParam, path: Path | None) -> Path | None:
    path = expanded(path)
    source = ctx.get_parameter_source(str(param.name))
    if path is not None and source is not None and source.name == "ENVIRONMENT" and not ctx.resilient_parsing:
        other = "--data" if param.param_type_name == "option" else "DATA"
        typer.echo(f"data set {path} of {DATA_VARIABLE}; {other} on the command line takes another", err=True)
    return path


def _foreground(label: int | None) -> int | None:
    if label is not None and label < 1:
        raise BadInput(f"label {label}: 0 is background; give a value of at least 1")
    return label


_OUT: dict[str, Any] = {"help": "Folder of all results.", "envvar": OUT_VARIABLE, "callback": expanded}
Out = Annotated[Path, typer.Option(**_OUT)]
OutArgument = Annotated[Path, typer.Argument(metavar="[OUT]", **_OUT)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on standard output.")]
DataSet = Annotated[
    Path, typer.Argument(metavar="DATA", help="Data set folder.", envvar=DATA_VARIABLE, callback=_data_set)
]
LesionLabel = Annotated[
    int | None,
    typer.Option(
        help="Value of the lesion in masks that hold several. Default: masks of 0 and 1.", callback=_foreground
    ),
]
Jobs = Annotated[int | None, typer.Option(help="Cases worked on at once. Default: one a processor.")]


def data_option(help: str, *, must_exist: bool = True) -> Any:
    """The option `--data` of a command; `help` says what the command takes the data set for."""
    callback = _data_set if must_exist else _named_data_set
    return typer.Option("--data", help=help, envvar=DATA_VARIABLE, callback=callback)


def num_jobs(jobs: int | None) -> int:
    """The given number of jobs, or one a processor.

    Raises:
        BadInput: it is below 1.
    """
    from hemosweep.environment import num_processors

    if jobs is None:
        return num_processors()
    if jobs < 1:
        raise BadInput(f"--jobs {jobs}: give at least 1")
    return jobs


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def print_table(table: Any) -> None:
    from rich.console import Console

    from hemosweep.report.terminal.lines import Fitted

    Console().print(Fitted(table))


class Printable(Protocol):
    """Result of a workflow that can be printed as JSON and as lines."""

    def as_json(self) -> Any: ...

    def as_lines(self, *, styled: bool = False) -> Sequence[str]: ...


def print_result(result: Printable, *, as_json: bool) -> None:
    """Print a result as JSON, or as lines, which have colours on a terminal that shows them."""
    if as_json:
        print_json(result.as_json())
    else:
        print_lines(result.as_lines(styled=sys.stdout.isatty() and "NO_COLOR" not in os.environ))


def print_lines(lines: Sequence[str]) -> None:
    on_terminal = sys.stdout.isatty()
    for line in lines:
        _echo(line, on_terminal=on_terminal)


def print_warning(text: str) -> None:
    _echo(f"warning: {text}", on_terminal=sys.stderr.isatty(), err=True)


class _LogPrinter(logging.Handler):
    """Prints each warning in a log once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text not in self._printed:
            self._printed.add(text)
            print_warning(text)


@contextmanager
def printed_logs() -> Iterator[None]:
    """Context in which the warnings in hemosweep's logs are lines on standard error."""
    log, printer = logging.getLogger("hemosweep"), _LogPrinter()
    log.addHandler(printer)
    try:
        yield
    finally:
        log.removeHandler(printer)


def print_error(text: str) -> None:
    _echo(f"error: {text}", on_terminal=sys.stderr.isatty(), err=True)


def _echo(line: str, *, on_terminal: bool, err: bool = False) -> None:
    """Print a line: on a terminal it goes on in the next one between words, in a file it stays one."""
    if on_terminal:
        from hemosweep.report.terminal.lines import wrapped

        line = "\n".join(wrapped(line, shutil.get_terminal_size().columns))
    typer.echo(line, err=err)


class CaseResults(Printable, Protocol):
    """Results of many cases, some of which may have failed."""

    @property
    def failures(self) -> Mapping[str, str]: ...

    def warning_lines(self) -> Sequence[str]: ...


def tell(result: CaseResults, *, as_json: bool) -> None:
    """Warnings and failures on standard error, the rest on standard output; exit code 2 where a case failed."""
    for line in result.warning_lines():
        print_warning(line)
    for message in result.failures.values():
        print_error(message)
    print_result(result, as_json=as_json)
    if result.failures:
        raise typer.Exit(BadInput.exit_code)
