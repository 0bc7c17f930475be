"""`hemosweep init`: the table of a data set, with questions on a terminal."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli.options import expanded, print_result


def init(
    data: Annotated[
        Path, typer.Argument(metavar="DATASET", help="Folder of CTs and masks (NIfTI).", callback=expanded)
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; take the defaults, and say each.")] = False,
) -> None:
    """Make participants.tsv for a folder of CTs and masks, from the names of the files."""
    from hemosweep.workflows.init import init_data_set

    print_result(init_data_set(data, ask=None if yes or not sys.stdin.isatty() else _ask), as_json=False)


def _ask(question: str, default: bool) -> bool:
    """Answer from the terminal; an empty or unknown one is the default."""
    print(f"{question} [{'Y/n' if default else 'y/N'}] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip().lower()
    return default if answer[:1] not in ("y", "n") else answer[0] == "y"
