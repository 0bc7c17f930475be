"""Scores of cases from a file: a table of our own columns, nnU-Net's summary.json, or MIST's results.csv.

Only the standard library is imported here, so that a comparison of two files takes no longer than its test.
"""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id
from hemosweep.scores.foreign_files import MIST_ID, is_mist, mist_column, mist_rows, nnunet_scores
from hemosweep.scores.table import scores_by_case

CASE_ID, FOLD, IVH, PATIENT_ID = "case_id", "fold", "ivh", "patient_id"
REFERENCE, FALSE_POSITIVE = "reference_ml", "false_positive_ml"
SCORE_SUFFIXES = (".csv", ".tsv", ".json")
# Text that such programs write in place of a missing number.
MISSING = frozenset(
    {"", "nan", "-nan", "+nan", "nan(ind)", "-nan(ind)", "na", "n/a", "#n/a", "<na>", "none", "null", "-"}
)

ScoreRow = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class FileScores:
    """One score a case, and further facts of the file about the cases, each None where it has no such column.

    `without_lesion` are the cases with an empty reference, as far as the file records them. `program` computed the
    scores, None where the file does not name it. `labels` are the labels of the file, and `label` is the one that was
    read; a file of our own columns has none.
    """

    scores: dict[str, float | None]
    folds: dict[str, str] | None = None
    ivh: dict[str, str] | None = None
    patients: dict[str, str] | None = None
    without_lesion: frozenset[str] = frozenset()
    false_positive_ml: dict[str, float] = field(default_factory=dict)
    program: str | None = None
    labels: tuple[str, ...] = ()
    label: str | None = None
    warnings: tuple[str, ...] = ()


def names_a_file(reference: str) -> bool:
    """True if a reference means a file and not a run: the file exists, or the text ends like a file name or starts like
    a path."""
    path = Path(reference)
    return (
        reference.lower().endswith(SCORE_SUFFIXES) or path.is_absolute() or reference.startswith(".") or path.is_file()
    )


def read_score_file(path: Path, metric: str, label: str | None) -> FileScores:
    """Read the scores of one metric by case id. Ids are text, so that 001 is not 1, in Unicode's form NFC.

    Args:
        label: the label whose scores are read, for a file with several.

    Raises:
        BadInput: a missing file, an unknown format, metric or label, a value that is no number, or a case that occurs
            twice. The message names what the file holds.
    """
    if metric.lower() in (CASE_ID, FOLD, IVH, PATIENT_ID):
        raise BadInput(f"--metric {metric}: {metric!r} is no score; give a column that holds one")
    if path.is_dir():
        raise BadInput(f"{path}: is a folder; give a file in it")
    if not path.is_file():
        raise BadInput(f"{path}: no such file; give a run, a CSV or TSV file, or a summary.json")
    try:
        text = path.read_text(encoding="utf-8-sig")
        if "\0" in text:
            raise ValueError("a NUL byte")
    except ValueError as error:
        raise BadInput(f"{path}: is not UTF-8 text; save it as CSV in UTF-8") from error
    if path.suffix.lower() == ".json":
        summary = nnunet_scores(path, text, metric, label)
        return FileScores(
            scores=scores_by_case(str(path), summary.scores),
            program="nnU-Net",
            labels=summary.labels,
            label=summary.label,
            warnings=summary.warnings,
        )
    columns, rows, delimiter = _read_table(path, text)
    for name in (CASE_ID, FOLD, IVH, PATIENT_ID, metric):
        columns, rows = _renamed(columns, rows, name)
    ids = [name for name in (CASE_ID, PATIENT_ID, MIST_ID) if name in columns]
    rows = [row | {name: canonical_id(row[name]) for name in ids} for row in rows]
    if is_mist(columns):
        column, labels, label = mist_column(path, columns, metric, label)
        rows = mist_rows(rows)
        return FileScores(
            scores=_scores(path, rows, MIST_ID, column, delimiter), program="MIST", labels=labels, label=label
        )
    for column, what in ((CASE_ID, "column"), (metric, "metric")):
        if column not in columns:
            raise BadInput(f"{path}: no {what} {column!r}; its columns are {', '.join(columns)}")
    folds, ivh = _texts(rows, FOLD, columns), _texts(rows, IVH, columns)
    volumes_ml = {
        column: {
            row[CASE_ID]: value
            for row in (rows if column in columns else ())
            if (value := _number(path, row[CASE_ID], column, row[column], delimiter)) is not None
        }
        for column in (REFERENCE, FALSE_POSITIVE)
    }
    return FileScores(
        scores=_scores(path, rows, CASE_ID, metric, delimiter),
        # A program that reads the column as numbers writes 0.0, 1.0 if it has gaps.
        folds=None if folds is None else {case_id: fold.removesuffix(".0") for case_id, fold in folds.items()},
        ivh=None if ivh is None else {case_id: label.lower() for case_id, label in ivh.items()},
        patients=_texts(rows, PATIENT_ID, columns),
        without_lesion=frozenset(case_id for case_id, volume_ml in volumes_ml[REFERENCE].items() if volume_ml == 0),
        false_positive_ml=volumes_ml[FALSE_POSITIVE],
    )


def _read_table(path: Path, text: str) -> tuple[list[str], list[dict[str, str]], str]:
    """Column names, rows and the delimiter of delimited text; blank lines are skipped, blanks around cells cut off."""
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    rows = []
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if not columns:
                columns = cells
                continue
            if len(cells) != len(columns):
                raise BadInput(
                    f"{path}, line {reader.line_num}: {len(cells)} cells where the header has {len(columns)}; mend it"
                )
            rows.append(dict(zip(columns, cells, strict=True)))
    except csv.Error as error:
        raise BadInput(f"{path}, line {reader.line_num}: {error}; save it as CSV again") from error
    if not rows:
        raise BadInput(f"{path}: no cases in it; give a header ({CASE_ID}, dsc, ...) and one line a case")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise BadInput(f"{path}: more than one column {', '.join(twice)}; keep one of each")
    return columns, rows, delimiter


def _delimiter(text: str) -> str:
    """Separator of the cells in the header: the one that yields the column of case ids, if any does."""
    header = text.lstrip().partition("\n")[0]
    # Spreadsheets with a decimal comma write semicolons.
    separators = [sign for sign in ("\t", ";", ",") if sign in header]
    by_sign = {sign: {cell.strip('" \r').lower() for cell in header.split(sign)} for sign in separators}
    leaving = [sign for sign in separators if by_sign[sign] & {CASE_ID, MIST_ID}]
    return (leaving or separators or [","])[0]


def _renamed(columns: list[str], rows: list[dict[str, str]], name: str) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows with a column called `name`, if exactly one column has that name in other upper or lower
    case."""
    alike = [column for column in columns if column.lower() == name.lower()]
    if name in columns or len(alike) != 1:
        return columns, rows
    return (
        [name if column == alike[0] else column for column in columns],
        [{name if column == alike[0] else column: cell for column, cell in row.items()} for row in rows],
    )


def _scores(
    path: Path, rows: list[dict[str, str]], id_column: str, column: str, delimiter: str
) -> dict[str, float | None]:
    if not all(row[id_column] for row in rows):
        raise BadInput(f"{path}: a line without {id_column}; every case needs one")
    return scores_by_case(
        str(path),
        [(row[id_column], _number(path, row[id_column], column, row[column], delimiter)) for row in rows],
    )


def _number(path: Path, case_id: str, column: str, text: str, delimiter: str) -> float | None:
    if text.lower() in MISSING:
        return None
    try:
        value = float(text.replace(",", ".") if delimiter == ";" else text)
    except ValueError:
        value = math.nan
    if math.isnan(value) or "_" in text:
        point = " with a decimal point" if "," in text else ""
        raise BadInput(
            f"{path}, case {case_id}: {column} is {text!r}; write a number{point}, or nothing if it has none"
        )
    return value


def _texts(rows: list[dict[str, str]], column: str, columns: list[str]) -> dict[str, str] | None:
    """Values of a column by case; None where there is no such column. A case with an empty cell is left out."""
    return {row[CASE_ID]: row[column] for row in rows if row[column]} if column in columns else None
