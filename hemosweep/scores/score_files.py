"""Scores of cases from a file: a table of our own columns, nnU-Net's summary.json, or MIST's results.csv.

| form | what it holds |
|---|---|
| CSV or TSV | `case_id`, the metric; optional: `fold`, `ivh`, `patient_id`, `reference_ml`, `false_positive_ml` |
| nnU-Net's `summary.json` | version 2 (`metric_per_case`) or version 1 (`results.all`): the metrics of each label |
| MIST's `results.csv` | `id`, `LABEL_METRIC`, statistics in the last lines; optional columns as above |

Only the standard library is imported here, so that a comparison of two files takes no longer than its test.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id
from hemosweep.scores.case_facts import FALSE_POSITIVE, FOLD, IVH, PATIENT_ID, REFERENCE, CaseFacts, case_facts
from hemosweep.scores.mist_results import MIST_STATISTICS, best_columns, is_mist, mist_column
from hemosweep.scores.nnunet_summary import nnunet_scores
from hemosweep.scores.score_table import CASE_ID, ID, ScoreTable, read_table
from hemosweep.scores.table import scores_by_case

SCORE_SUFFIXES = (".csv", ".tsv", ".json")
NNUNET, MIST = "nnU-Net", "MIST"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileScores:
    """One score a case, and what the file knows of the cases.

    `program` computed the scores, None where the file does not name it. `labels` are the labels of the file, and
    `label` is the one that was read; a file of our own columns has none. `best` are the cases with the best score in
    every metric of a program that gives it to two empty masks, which is undefined here.
    """

    scores: dict[str, float | None]
    facts: CaseFacts = field(default_factory=CaseFacts)
    program: str | None = None
    labels: tuple[str, ...] = ()
    label: str | None = None
    best: frozenset[str] = frozenset()
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
        BadInput: a missing file, an unknown format, metric or label, a score that is no number, or a case that occurs
            twice. The message names what the file holds. Optional columns never raise (`case_facts`).
    """
    if metric.lower() in (CASE_ID, FOLD, IVH, PATIENT_ID):
        raise BadInput(f"--metric {metric}: {metric!r} is no score; give a column that holds one")
    text = _text(path)
    if path.suffix.lower() == ".json":
        summary = nnunet_scores(path, text, metric, label)
        return FileScores(
            scores=scores_by_case(str(path), summary.scores),
            facts=CaseFacts(with_lesion=summary.with_lesion),
            program=NNUNET,
            labels=summary.labels,
            label=summary.label,
            warnings=summary.warnings,
        )
    table = read_table(path, text, (CASE_ID, ID, FOLD, IVH, PATIENT_ID, REFERENCE, FALSE_POSITIVE, metric))
    if is_mist(table.columns):
        return _mist_scores(table, metric, label)
    for column, what in ((CASE_ID, "column"), (metric, "metric")):
        if column not in table.columns:
            raise BadInput(f"{path}: no {what} {column!r}; its columns are {', '.join(table.columns)}")
    case_ids = _case_ids(table, CASE_ID)
    facts = case_facts(table, case_ids)
    return FileScores(scores=_scores(table, case_ids, metric), facts=facts, warnings=facts.warnings)


def _text(path: Path) -> str:
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
    return text


def _mist_scores(table: ScoreTable, metric: str, label: str | None) -> FileScores:
    column, labels, label = mist_column(table.path, list(table.columns), metric, label)
    table = table.where([name not in MIST_STATISTICS for name in table.column(ID)])
    case_ids = _case_ids(table, ID)
    scores = _scores(table, case_ids, column)
    facts = case_facts(table, case_ids)
    return FileScores(
        scores=scores,
        facts=facts,
        program=MIST,
        labels=labels,
        label=label,
        best=_best(table, case_ids, label),
        warnings=facts.warnings,
    )


def _case_ids(table: ScoreTable, column: str) -> list[str]:
    cells = table.column(column)
    if not all(cells):
        raise BadInput(f"{table.path}: a line without {column}; every case needs one")
    return list(map(canonical_id, cells))


def _scores(table: ScoreTable, case_ids: Sequence[str], column: str) -> dict[str, float | None]:
    cells, scores = table.column(column), []
    for case_id, cell in zip(case_ids, cells, strict=True):
        try:
            scores.append(table.number(cell))
        except ValueError as error:
            point = " with a decimal point" if "," in cell else ""
            raise BadInput(
                f"{table.path}, case {case_id}: {column} is {cell!r}; write a number{point}, or nothing if it has none"
            ) from error
    return scores_by_case(str(table.path), zip(case_ids, scores, strict=True))


def _best(table: ScoreTable, case_ids: Sequence[str], label: str) -> frozenset[str]:
    """Cases whose scores of a label are all the best of their metric."""
    columns = [
        {case_id for case_id, cell in zip(case_ids, table.columns[column], strict=True) if _is(table, cell, best)}
        for column, best in best_columns(table.columns, label).items()
    ]
    return frozenset(set.intersection(*columns)) if columns else frozenset()


def _is(table: ScoreTable, cell: str, best: float) -> bool:
    try:
        return table.number(cell) == best
    except ValueError:
        return False
