"""Table of every series with the decision about it: written for a person, and read as a spreadsheet saved it.

It holds no text of a header but names of kernels and image types that are known, and no name of a folder: a series is
known by a digest of its ids, and its folder by the numbers of the folders on the way to it, by name.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hemosweep.errors import BadInput
from hemosweep.files import system_message, write_text
from hemosweep.importers.dicom_study.choice import Choice, Decision, Take
from hemosweep.importers.dicom_study.contrast import contrast_column
from hemosweep.importers.dicom_study.texts import UNKNOWN, image_type, kernel_name
from hemosweep.importers.spreadsheet import read_cells

CASE, SERIES, KEY, DECISION = "case_id", "series", "series_key", "decision"
READ_COLUMNS = (CASE, SERIES, KEY, DECISION)
COLUMNS = (
    CASE, SERIES, "number_of_scanner", "folder", "modality", "slices", "step_mm", "kernel", "image_type", "contrast",
    DECISION, "reason", KEY,
)  # fmt: skip
NO_CASE = "no-ct"
"""Case id of studies without CT; "n/a" is an empty cell to some programs."""
MAX_NUMBER = 99_999
"""Larger series numbers may be made of dates."""
MODALITIES = ("CT", "MR", "PT", "NM", "US", "XA", "CR", "DX", "RF", "MG", "OT", "SC", "SR", "PR", "SEG")
WORDS = f"{Take.CT}, {Take.CTA} or {Take.OUT}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Row `number` of the table, as a spreadsheet counts them, the header being 1."""

    number: int
    case_id: str
    series: str
    key: str
    decision: str

    @property
    def name(self) -> str:
        return f"row {self.number}"


def write_decisions(path: Path, choices: Mapping[str, Choice]) -> None:
    """Write one row a series.

    Args:
        choices: by case id; those of studies without CT by anything that begins with `NO_CASE`.

    Raises:
        BadInput: the file cannot be written.
    """
    lines = io.StringIO()
    table = csv.writer(lines, delimiter="\t", lineterminator="\n")
    table.writerow(COLUMNS)
    for case_id, choice in choices.items():
        table.writerows(_cells(shown_case(case_id), decision) for decision in choice.decisions)
    try:
        write_text(path, lines.getvalue())
    except OSError as error:
        raise BadInput(f"{system_message(error)}; or name another table") from error


def shown_case(case_id: str) -> str:
    """The case id as the table has it: studies without CT have none."""
    return NO_CASE if case_id.startswith(NO_CASE) else case_id


def _cells(case_id: str, decision: Decision) -> tuple[str, ...]:
    """Cells of a row, none of which a spreadsheet takes for a formula or a date."""
    one = decision.series
    cells = {
        CASE: case_id,
        SERIES: str(one.number),
        "number_of_scanner": str(number) if 0 < (number := one.header.series_number) <= MAX_NUMBER else UNKNOWN,
        "folder": one.folder,
        "modality": one.header.modality if one.header.modality in MODALITIES else UNKNOWN,
        "slices": str(len(one.paths)),
        "step_mm": "n/a" if one.stack is None else f"{one.stack.step_mm:.3g}",
        "kernel": kernel_name(one.header),
        "image_type": image_type(one.header),
        "contrast": contrast_column(one.header),
        DECISION: decision.take,
        "reason": "; ".join((decision.reason, *(one.stack.warnings if one.stack else ()))),
        KEY: one.key,
    }
    return tuple(cells[column] for column in COLUMNS)


def read_rows(path: Path) -> list[Row]:
    """Rows of the table, in any encoding and with any separator that spreadsheets write.

    Raises:
        BadInput: it cannot be read, or lacks a column or has it twice.
    """
    numbered = read_cells(path, way_out="give the table that --dry-run wrote")
    header = [cell.strip().lower() for cell in numbered[0][1]] if numbered else []
    for column in READ_COLUMNS:
        if header.count(column) != 1:
            what = "lacks the column" if column not in header else "has twice the column"
            raise BadInput(f"{path}: {what} {column}; hand back the table that --dry-run wrote, with its first row")
    places = [header.index(column) for column in READ_COLUMNS]
    rows = []
    for number, cells in numbered[1:]:
        padded = [*cells, *[""] * len(header)]
        case_id, series, key, decision = (padded[place].strip().removeprefix("'").strip() for place in places)
        rows.append(Row(number=number, case_id=case_id, series=series, key=key, decision=decision.lower()))
    return rows
