"""A report before it is HTML, Markdown or LaTeX: sections of text, tables and figures, in plain text throughout.

Nothing in it is markup: whoever writes a document out escapes every text for the language it goes into.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Align = Literal["left", "right"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A paragraph. `is_notice` sets it apart: something without which the figures would be misread."""

    text: str
    is_notice: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """A list; each entry is a lead such as the name of a comparison, which may be empty, and what is said of it."""

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
    """The first column names the row. Every row has a cell a column."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows), f"{self.caption}: rows and columns differ"

    def groups(self) -> Iterator[tuple[str, int]]:
        """Neighbouring columns by their group: its heading and how many columns it spans, 1 for one that is alone."""
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

    `path` is relative to the document, `alt` says what a reader who cannot see the figure needs to know.
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
    """`anchor` is its address in the page: letters, digits and hyphens."""

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
