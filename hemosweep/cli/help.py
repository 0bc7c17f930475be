"""Help of the commands: the list of them in sections, and an example of each."""

import sys
from typing import Any

from typer.core import TyperGroup

DATA, TRAIN, COMPARE, LOOK, USE, KEEP = (
    "Data",
    "Train",
    "Compare",
    "Look at runs",
    "Use a trained arm",
    "House-keeping",
)
"""Sections of the list of commands."""
OTHER = "Further commands"
CONTEXT_SETTINGS = {"max_content_width": 120}
"""A wide terminal is used up to this number of columns: longer lines are hard to read."""


def shown(section: str, *examples: str) -> dict[str, Any]:
    """Settings of a command: the section that it is listed in, and the examples that end its help."""
    return {"rich_help_panel": section, "epilog": block("Example:" if len(examples) == 1 else "Examples:", *examples)}


def block(title: str, *lines: str) -> str:
    """Lines of a help that stay as they are, below a title."""
    return "\n".join(["\b", title, *(f"  {line}" for line in lines)])


class Sections(TyperGroup):
    """Group whose help lists the commands in sections, each command with its whole first sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            if not command.hidden:
                text = command.get_short_help_str(sys.maxsize)
                rows.setdefault(getattr(command, "rich_help_panel", None) or OTHER, []).append((name, text))
        width = max((len(name) for named in rows.values() for name, _ in named), default=0)
        sections = [title for title in (DATA, TRAIN, COMPARE, LOOK, USE, KEEP) if title in rows]
        for title in [*sections, *(title for title in rows if title not in sections)]:
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows[title]])
