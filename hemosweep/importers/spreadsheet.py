"""Text that spreadsheet programs write: the encodings and separators of their tables."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from hemosweep.errors import BadInput

WORKBOOKS = (b"PK", b"\xd0\xcf\x11\xe0")
"""Beginnings of the files of spreadsheet programs."""
UTF_8, ANY = ("utf-8-sig",), ("utf-8-sig", "cp1252")
"""Encodings of text without a mark of UTF-16, tried in this order."""


def read_cells(path: Path, *, way_out: str, encodings: Sequence[str] = ANY) -> list[tuple[int, list[str]]]:
    """Rows of a table that are not empty, with their numbers as a spreadsheet counts them; the heading, the first of
    them, tells the separator: tab, semicolon or comma.

    Args:
        way_out: of a file that cannot be opened, for the message.

    Raises:
        BadInput: as `read_text`, or it is no table.
    """
    text = read_text(path, way_out=way_out, encodings=encodings)
    first = text.strip("\r\n").partition("\n")[0].partition("\r")[0]
    separator = max(("\t", ";", ","), key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise BadInput(f"{path}: cannot be read as a table ({error}); save it as CSV again") from error
    return [(number, cells) for number, cells in enumerate(lines, start=1) if any(map(str.strip, cells))]


def read_text(path: Path, *, way_out: str, encodings: Sequence[str] = ANY) -> str:
    """Text of a file.

    Raises:
        BadInput: it cannot be opened, is the file of a spreadsheet program, or has another encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); {way_out}") from error
    if content.startswith(WORKBOOKS):
        raise BadInput(f"{path}: is a workbook; save the sheet as text with tabs, or as CSV")
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    what = "is no text" if b"\0" in content else "cannot be read as UTF-8"
    raise BadInput(f"{path}: {what}; save the table as CSV in UTF-8")
