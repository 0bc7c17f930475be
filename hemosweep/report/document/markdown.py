"""A document as Markdown with pipe tables, as GitHub, GitLab and Pandoc read them."""

import re
from collections.abc import Iterator

from hemosweep.report.document.document import Block, Column, Document, Gallery, Items, Section, Table, Text

# Characters that can begin or end markup anywhere in a line. A hyphen, number or plus sign does so only at its start.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$!])")
_BLANKS = re.compile(r"[ \t\r\n]+")
_LINE_START = re.compile(r"^(\s*)([-+=]|\d+[.)](?=\s|$))")


def to_markdown(document: Document) -> str:
    return "\n\n".join(_document(document)) + "\n"


def escape(text: str) -> str:
    """Text as Markdown that reads as the text, on one line."""
    text = _SPECIAL.sub(r"\\\1", _BLANKS.sub(" ", text))
    return _LINE_START.sub(lambda match: f"{match[1]}{_escaped_start(match[2])}", text)


def _escaped_start(start: str) -> str:
    return f"{start[:-1]}\\{start[-1]}"


def _document(document: Document) -> Iterator[str]:
    yield f"# {escape(document.title)}"
    yield escape(document.lead)
    for notice in document.notices:
        yield f"> **{escape(notice)}**"
    for section in document.sections:
        yield from _section(section, 2)


def _section(section: Section, level: int) -> Iterator[str]:
    yield f"{'#' * level} {escape(section.title)}"
    for block in section.blocks:
        yield _block(block)
    for inner in section.sections:
        yield from _section(inner, level + 1)


def _block(block: Block) -> str:
    match block:
        case Text(text=text, is_notice=True):
            return f"> **{escape(text)}**"
        case Text(text=text):
            return escape(text)
        case Items(entries=entries):
            return "\n".join(
                f"- **{escape(lead)}**: {escape(text)}" if lead else f"- {escape(text)}" for lead, text in entries
            )
        case Table():
            return _table(block)
        case Gallery(pictures=pictures):
            # Angle brackets hold any path; the names of figures have none of their own (`safe_name`).
            return "\n\n".join(f"![{escape(p.alt)}](<{p.path}>)\n\n*{escape(p.caption)}*" for p in pictures)


def _table(table: Table) -> str:
    lines = [
        [column.full_name for column in table.columns],
        *table.rows,
    ]
    cells = [list(map(escape, line)) for line in lines]
    for line, address in zip(cells[1:], table.addresses, strict=False):
        line[0] = f"[{line[0]}](<{address}>)" if address else line[0]
    header, *rows = ["| " + " | ".join(line) + " |" for line in cells]
    rule = "|" + "|".join(_rule(column) for column in table.columns) + "|"
    return "\n".join([f"**{escape(table.caption)}**", "", header, rule, *rows])


def _rule(column: Column) -> str:
    return "---:" if column.align == "right" else ":---"
