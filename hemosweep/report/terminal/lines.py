"""Tables and text of a terminal as lines: no line is longer than the terminal, and no word is broken."""

import io
import re
import textwrap
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

INDENT = "    "
"""Before the second line of a sentence, and each further one."""
_CODES = re.compile(r"\x1b\[[0-9;]*m")
_ENDLESS = 10_000


def lines_of(*renderables: RenderableType, styled: bool = False) -> list[str]:
    """Lines of a table or text, as a terminal of this one's width shows them.

    Args:
        styled: with the terminal's codes for bold and colour.
    """
    width = Console().width
    console = Console(file=io.StringIO(), width=width, force_terminal=styled, force_jupyter=False, legacy_windows=False)
    with console.capture() as capture:
        for renderable in renderables:
            console.print(Fitted(renderable) if isinstance(renderable, Table) else renderable)
    return [line.rstrip() for line in capture.get().splitlines()]


def laid_out(parts: Iterable[str], width: int) -> list[str]:
    """Parts of a text on as few lines of a width as hold them, two blanks between them: no part is broken. Lines after
    the first are indented."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 2 + len(part) <= width:
            lines[-1] += f"  {part}"
        else:
            lines.append(f"  {part}" if lines else part)
    return lines


def wrapped(line: str, width: int) -> list[str]:
    """A line of text between words, where it is too long for a width. Paths, and commands to copy, stay whole."""
    if len(_CODES.sub("", line)) <= width or is_command(line):
        return [line]
    margin = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=margin + INDENT,
        break_long_words=False,
        break_on_hyphens=False,
        expand_tabs=False,
        replace_whitespace=False,
    )


def is_command(line: str) -> bool:
    """True for a line that is indented and is a command to copy."""
    word = line.split(maxsplit=1)[0] if line.strip() else ""
    return line.startswith(" ") and (word == "make" or word.endswith("hemosweep"))


def say(console: Console, text: str) -> None:
    """Print a sentence, with rich's markup: on a terminal on several lines if need be, in a file on one."""
    sentence = Text.from_markup(text)
    lines, end = [], 0
    # rich would break a path, too.
    for line in wrapped(sentence.plain, console.width) if console.is_terminal else [sentence.plain]:
        begin = sentence.plain.index(line.strip(), end)
        end = begin + len(line.strip())
        lines.append(Text(line[: len(line) - len(line.lstrip())]) + sentence[begin:end])
    console.print(Text("\n").join(lines), soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Name:
    """Name of an arm, a fold run or a file in a table: it is broken after a sign, such as `+` or `/`, not in a word."""

    text: str

    @property
    def _pieces(self) -> list[str]:
        return re.findall(r"[^\s+/,_@-]*[+/,_@-]*\s*", self.text)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(max(len(piece.rstrip()) for piece in self._pieces), len(self.text))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = [""]
        for piece in self._pieces:
            if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > options.max_width:
                lines.append("")
            lines[-1] += piece
        for line in lines:
            yield Segment(line.rstrip())
            yield Segment.line()


@dataclass(frozen=True, slots=True)
class Fitted:
    """A table whose columns are as narrow as the terminal asks for, and never too narrow for a word of theirs.

    One that does not fit by that loses its dim columns.
    """

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        endless = options.update(width=_ENDLESS)
        without_dim = [column for column in self.table.columns if column.style != "dim"]
        for columns in (self.table.columns, without_dim):
            table = copy(self.table)
            table.columns = [replace(column, _index=place) for place, column in enumerate(columns)]
            ranges = [_range(console, endless, column) for column in columns]
            between = console.measure(table, options=endless).maximum - sum(one.maximum for one in ranges)
            right = [column.justify == "right" for column in columns]
            widths = _widths(ranges, right, options.max_width - between)
            if widths is not None:
                for column, width in zip(table.columns, widths, strict=True):
                    column.width = width
                break
        yield table


def _widths(ranges: Sequence[Measurement], right: Sequence[bool], width: int) -> list[int] | None:
    """Width of each column; None where their words are too long for the whole width.

    What is left over goes to the numbers, which stand on the `right`, if all of them are on one line by that, and then
    to the texts, the shortest first.
    """
    widths = [one.minimum for one in ranges]
    left = width - sum(widths)
    if left < 0:
        return None
    gains = [one.maximum - one.minimum for one in ranges]
    numbers = [place for place, is_number in enumerate(right) if is_number]
    if sum(gains[place] for place in numbers) > left:
        numbers = []
    texts = sorted((place for place, is_number in enumerate(right) if not is_number), key=lambda place: gains[place])
    for place in (*numbers, *texts):
        gain = min(left, gains[place])
        widths[place] += gain
        left -= gain
    return widths


def _range(console: Console, options: ConsoleOptions, column: Column) -> Measurement:
    cells: Sequence[RenderableType] = [column.header, *column.cells]
    ranges = [Measurement.get(console, options, cell) for cell in cells]
    widest = max(one.maximum for one in ranges)
    narrowest = widest if column.no_wrap else max(one.minimum for one in ranges)
    if column.max_width is not None:
        widest = max(narrowest, min(widest, column.max_width))
    return Measurement(narrowest, widest)
