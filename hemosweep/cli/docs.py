"""`hemosweep docs`: the documentation, which comes with the package."""

import os
import shutil
import sys
from typing import Annotated

import typer


def docs(
    topic: Annotated[str | None, typer.Argument(metavar="[TOPIC]", help="Default: list the topics.")] = None,
) -> None:
    """Read the documentation: rendered on a terminal, as Markdown in a pipe. Without a topic, list them."""
    from hemosweep.docs.topics import find_topic, topics

    if topic is None:
        found = topics()
        width = max(len(one.name) for one in found)
        typer.echo("\n".join(f"{one.name:<{width}}  {one.title}" for one in found))
        return
    text = find_topic(topic).text
    if not sys.stdout.isatty():
        typer.echo(text, nl=False)
        return
    shown = _rendered(text)
    if shown.count("\n") < shutil.get_terminal_size().lines:
        typer.echo(shown, nl=False)
    else:
        import pydoc

        os.environ.setdefault("LESS", "-R")  # shows colours
        pydoc.pager(shown)


def _rendered(text: str) -> str:
    """Markdown as a terminal shows it."""
    import re

    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(width=min(shutil.get_terminal_size().columns, 120), force_terminal=True)
    with console.capture() as captured:
        # Marks of what a script prints, which Markdown hides.
        console.print(Markdown(re.sub(r"<!--.*?-->\n", "", text), hyperlinks=False))
    return captured.get()
