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
    """Markdown as a terminal shows it. Lines of code stay whole, so that they can be copied."""
    import re

    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.markdown import CodeBlock, Markdown, TableElement
    from rich.table import Table as Grid
    from rich.text import Text

    class Code(CodeBlock):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            yield Text(str(self.text).rstrip(), style="markdown.code_block", no_wrap=True, overflow="ignore")

    class Table(TableElement):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            for table in super().__rich_console__(console, options):
                if isinstance(table, Grid):
                    for column in table.columns:
                        column.overflow = "fold"  # A name that is cut cannot be typed.
                yield table

    class Page(Markdown):
        elements = Markdown.elements | {"fence": Code, "code_block": Code, "table_open": Table}

    console = Console(width=min(shutil.get_terminal_size().columns, 120), force_terminal=True)
    with console.capture() as captured:
        # Marks of what a script prints, which Markdown hides.
        console.print(Page(re.sub(r"<!--.*?-->\n", "", text), hyperlinks=False), crop=False)
    return captured.get()
