"""A report before it is HTML, Markdown or LaTeX: sections of text, tables and figures, in plain text throughout.

Its texts are no markup: the writer of each language escapes them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

Align = Literal["left", "right"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A paragraph. With `is_notice` it stands out: without it the figures would be misread."""

    text: str
    is_notice: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """A list. Each entry is a lead, such as the name of a comparison (it may be empty), and a text about it."""

    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """`group` is the heading that neighbouring columns share; empty where a column stands alone."""

    name: str
    group: str = ""
    align: Align = "right"

    @property
    def full_name(self) -> str:
        return f"{self.group}, {self.name}" if self.group else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """The first column names the row. Every row has a cell a column.

    `addresses` are those that the first cells lead to, one a row, empty where one leads nowhere; or none at all.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    addresses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows), f"{self.caption}: rows and columns differ"
        assert len(self.addresses) in (0, len(self.rows)), f"{self.caption}: rows and addresses differ"

    def without(self, name: str) -> "Table":
        """The table without the columns of a name."""
        kept = [place for place, column in enumerate(self.columns) if column.name != name]
        return replace(
            self,
            columns=tuple(self.columns[place] for place in kept),
            rows=tuple(tuple(row[place] for place in kept) for row in self.rows),
        )

    def groups(self) -> Iterator[tuple[str, int]]:
        """Groups of neighbouring columns: the heading and the number of columns of each, 1 for a single column."""
        place = 0
        while place < len(self.columns):
            group = self.columns[place].group
            span = 1
            while group and place + span < len(self.columns) and self.columns[place + span].group == group:
                span += 1
            yield group, span
            place += span


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A figure file beside the document.

    `path` is relative to the document. `alt` is the text for a reader who cannot see the figure.
    """

    path: str
    caption: str
    alt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Gallery:
    """Pictures that belong together."""

    pictures: tuple[Picture, ...]


Block = Text | Items | Table | Gallery


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A section. `anchor` is its address in the page: letters, digits and hyphens."""

    title: str
    anchor: str
    blocks: tuple[Block, ...] = ()
    sections: tuple["Section", ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    title: str
    lead: str
    notices: tuple[str, ...]
    sections: tuple[Section, ...]

    def pictures(self) -> tuple[Picture, ...]:
        """Every picture, in the order of the text."""
        return tuple(_pictures(self.sections))


def _pictures(sections: tuple[Section, ...]) -> Iterator[Picture]:
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Gallery):
                yield from block.pictures
        yield from _pictures(section.sections)
