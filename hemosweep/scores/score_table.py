"""Delimited text as columns: the separator is found, blanks and blank lines are dropped, names match in any case."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path

from hemosweep.errors import BadInput
from hemosweep.scores.table import FORMULA

CASE_ID, ID = "case_id", "id"
"""Names of the column of case ids: ours, and that of MIST."""
# Text that programs write in place of a missing value.
MISSING = frozenset(
    {"", "nan", "-nan", "+nan", "nan(ind)", "-nan(ind)", "na", "n/a", "#n/a", "<na>", "none", "null", "-"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreTable:
    """A table of cases by columns, all of one length. `repeated` are the names that the header holds more than once.

    The column of a repeated name is the last one.
    """

    path: Path
    columns: dict[str, list[str]]
    repeated: frozenset[str]
    delimiter: str

    def column(self, name: str) -> list[str]:
        """Cells of a column that a comparison needs.

        Raises:
            BadInput: the name is there more than once.
        """
        if name in self.repeated:
            raise BadInput(f"{self.path}: more than one column {name}; keep one of each")
        return self.columns[name]

    def where(self, keep: Sequence[bool]) -> "ScoreTable":
        """The table with the lines that are to be kept."""
        return replace(self, columns={name: list(compress(cells, keep)) for name, cells in self.columns.items()})

    def number(self, text: str) -> float | None:
        """Number in a cell, with a decimal comma where semicolons separate; None where the value is missing.

        Raises:
            ValueError: not a number.
        """
        try:
            value = float(text.replace(",", ".") if self.delimiter == ";" else text)
        except ValueError:
            value = math.nan
        if not math.isnan(value) and "_" not in text:
            return value
        if text.lower() in MISSING:
            return None
        raise ValueError(text)


def read_table(path: Path, text: str, names: Iterable[str]) -> ScoreTable:
    """Read delimited text.

    Args:
        names: names of columns that may be written in other upper or lower case.

    Raises:
        BadInput: no cases, a line with more or fewer cells than the header, or text that is no CSV.
    """
    delimiter = _delimiter(text)
    header, rows = _rows(path, text, delimiter)
    cells = [[_unquoted(cell.strip()) for cell in column] for column in zip(*rows, strict=True)]
    if cells and "" in cells[0]:  # Lines of separators alone are blank, too.
        filled = [any(row) for row in zip(*cells, strict=True)]
        cells = [list(compress(column, filled)) for column in cells]
    if not cells or not cells[0]:
        raise BadInput(f"{path}: no cases in it; give a header ({CASE_ID}, dsc, ...) and one line a case")
    for name in names:
        alike = [column for column in header if column.lower() == name.lower()]
        if name not in header and len(alike) == 1:
            header = [name if column == alike[0] else column for column in header]
    return ScoreTable(
        path=path,
        columns=dict(zip(header, cells, strict=True)),
        repeated=frozenset(name for name in header if header.count(name) > 1),
        delimiter=delimiter,
    )


def _rows(path: Path, text: str, delimiter: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows; a line without any text is skipped."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    rows = []
    try:
        for cells in reader:
            if header and len(cells) == len(header):
                rows.append(cells)
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if header:
                raise BadInput(
                    f"{path}, line {reader.line_num}: {len(cells)} cells where the header has {len(header)}; mend it"
                )
            header = [cell.strip() for cell in cells]
    except csv.Error as error:
        raise BadInput(f"{path}, line {reader.line_num}: {error}; save it as CSV again") from error
    return header, rows


def _unquoted(cell: str) -> str:
    """The cell without the quote that keeps a spreadsheet from taking it for a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA else cell


def _delimiter(text: str) -> str:
    """Separator of the cells in the header: the one that yields the column of case ids, if any does."""
    header = text.lstrip().partition("\n")[0]
    # Spreadsheets with a decimal comma write semicolons.
    separators = [sign for sign in ("\t", ";", ",") if sign in header]
    by_sign = {sign: {cell.strip('" \r').lower() for cell in header.split(sign)} for sign in separators}
    leaving = [sign for sign in separators if by_sign[sign] & {CASE_ID, ID}]
    return (leaving or separators or [","])[0]
