"""Table of every series with the decision about it, which a person edits in a spreadsheet and hands back.

It holds no text of a header but names of kernels and image types that are known, and no name of a folder: a series is
known by a digest of its ids, and its folder by the numbers of the folders on the way to it, by name.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput
from hemosweep.files import system_message, write_text
from hemosweep.importers.dicom_study.choice import Choice, Decision, Take, choose
from hemosweep.importers.dicom_study.texts import UNKNOWN, contrast_reason, image_type, kernel_name

if TYPE_CHECKING:
    from hemosweep.data.dicom import DicomSeries

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
WORKBOOKS = (b"PK", b"\xd0\xcf\x11\xe0")
"""Beginnings of the files of spreadsheet programs."""
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
        table.writerows(_cells(_case(case_id), decision) for decision in choice.decisions)
    try:
        write_text(path, lines.getvalue())
    except OSError as error:
        raise BadInput(f"{system_message(error)}; or name another table") from error


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
        "contrast": "no" if contrast_reason(one.header) is None else "yes",
        DECISION: decision.take,
        "reason": decision.reason,
        KEY: one.key,
    }
    return tuple(cells[column] for column in COLUMNS)


def check_decisions(
    path: Path, rows: Sequence[Row], source: Path, studies: "Mapping[str, Sequence[DicomSeries]]"
) -> dict[str, Choice]:
    """Decisions about the series of each study, as a person left them in the table.

    Args:
        path: the table whose rows these are.
        studies: the series of `source` by case id, as for `write_decisions`.

    Raises:
        BadInput: the table is of another folder or of another state of this one, or decides what cannot be; the message
            names the first row at fault.
    """
    found = {one.key: (case_id, one) for case_id, group in studies.items() for one in group}
    if rows and not any(row.key in found for row in rows):
        raise BadInput(f"{path}: is the table of another folder: none of its series is in {source}")
    by_key: dict[str, Row] = {}
    for row in rows:
        _check_row(path, source, row, found, by_key.get(row.key))
        by_key[row.key] = row
    missing = [f"series {one.number} of {_case(case_id)}" for key, (case_id, one) in found.items() if key not in by_key]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise BadInput(
            f"{path}: has no row of {missing[0]}{more}: the files came later, or the row was deleted; make the table "
            f"again (--dry-run), and to leave a series out write {Take.OUT}"
        )
    _check_studies(path, rows)
    return {
        case_id: Choice(
            decisions=tuple(_decided(one, Take(by_key[one.series.key].decision)) for one in choose(group).decisions)
        )
        for case_id, group in studies.items()
    }


def _decided(proposed: Decision, take: Take) -> Decision:
    """The decision of the table, with the reason of the one that was proposed."""
    if take is proposed.take:
        return proposed
    reason = f"decided in the table, in place of {proposed.take}, which {proposed.reason}"
    return Decision(series=proposed.series, take=take, reason=reason)


def _case(case_id: str) -> str:
    """The case id as the table has it: studies without CT have none."""
    return NO_CASE if case_id.startswith(NO_CASE) else case_id


def _check_row(
    path: Path, source: Path, row: Row, found: "Mapping[str, tuple[str, DicomSeries]]", twin: Row | None
) -> None:
    if twin is not None:
        raise BadInput(f"{path}: rows {twin.number} and {row.number} are of the same series; delete one")
    if row.key not in found:
        raise BadInput(
            f"{path}, {row.name}: its series is not in {source}: its files changed or are gone, or the cell "
            f"{KEY} was edited; make the table again (--dry-run)"
        )
    case_id, one = _case(found[row.key][0]), found[row.key][1]
    if (row.case_id, row.series) != (case_id, str(one.number)):
        raise BadInput(
            f"{path}, {row.name}: its {KEY} is that of series {one.number} of {case_id}; {CASE} or {SERIES} was "
            "edited, or a column sorted alone; make the table again (--dry-run)"
        )
    if row.decision not in list(Take):
        kind = "is empty" if not row.decision else "is none of these"
        raise BadInput(f"{path}, {row.name} ({case_id}, {one.name}): the decision {kind}; write {WORDS}")
    if row.decision != Take.OUT and one.refusal is not None:
        raise BadInput(
            f"{path}, {row.name} ({case_id}, {one.name}): cannot be the {row.decision}, for it {one.refusal}; write "
            f"{Take.OUT}"
        )


def _check_studies(path: Path, rows: Sequence[Row]) -> None:
    """Refuse two series for one use, an angiography alone, and no CT at all."""
    used: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row.decision == Take.OUT:
            continue
        other = used.setdefault((row.case_id, row.decision), row)
        if other is not row:
            raise BadInput(
                f"{path}, rows {other.number} and {row.number}: two series of {row.case_id} are the {row.decision}; "
                "choose one"
            )
    for (case_id, decision), row in used.items():
        if decision == Take.CTA and (case_id, Take.CT) not in used:
            raise BadInput(
                f"{path}, {row.name}: {case_id} has a {Take.CTA} and no {Take.CT}; name its {Take.CT}, or write "
                f"{Take.OUT}"
            )
    if not any(decision == Take.CT for _, decision in used):
        raise BadInput(f"{path}: no series is the {Take.CT}; write {Take.CT} for one of each study to import")


def read_rows(path: Path) -> list[Row]:
    """Rows of the table, in any encoding and with any separator that spreadsheets write.

    Raises:
        BadInput: it cannot be read, or lacks a column or has it twice.
    """
    text = _text(path)
    first = text.strip("\r\n").partition("\n")[0].partition("\r")[0]
    separator = max(("\t", ";", ","), key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise BadInput(f"{path}: cannot be read as a table ({error}); save it as CSV again") from error
    numbered = [(number, cells) for number, cells in enumerate(lines, start=1) if any(map(str.strip, cells))]
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


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); give the table that --dry-run wrote") from error
    if content.startswith(WORKBOOKS):
        raise BadInput(f"{path}: is a workbook; save the sheet as text with tabs, or as CSV")
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):  # What is read of it is ASCII in all of them.
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise BadInput(f"{path}: is no text; save the table as CSV in UTF-8")
