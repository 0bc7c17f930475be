"""Facts of a table about its cases beside their scores. These columns are optional: a value that cannot be read is a
warning, and its case counts as one of which nothing is known."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hemosweep.ids import canonical_id
from hemosweep.scores.score_table import MISSING, ScoreTable

FOLD, IVH, PATIENT_ID = "fold", "ivh", "patient_id"
REFERENCE, FALSE_POSITIVE = "reference_ml", "false_positive_ml"
IVH_LABELS = {
    **dict.fromkeys(("yes", "y", "true", "t", "1"), "yes"),
    **dict.fromkeys(("no", "n", "false", "f", "0"), "no"),
}
# A program that reads a column as numbers writes 0.0, 1.0 if it has gaps.
_WHOLE = re.compile(r"([+-]?\d+)[.,]0*")
MAX_NAMED_VALUES = 3
MAX_NAMED_CASES = 5

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseFacts:
    """Facts by case, each None where the table has no such column, or no value in it.

    `without_lesion` are the cases with an empty reference and `with_lesion` those with another one, as far as the
    volume of the reference is known.
    """

    folds: dict[str, str] | None = None
    ivh: dict[str, str] | None = None
    patients: dict[str, str] | None = None
    without_lesion: frozenset[str] = frozenset()
    with_lesion: frozenset[str] = frozenset()
    false_positive_ml: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def case_facts(table: ScoreTable, case_ids: Sequence[str]) -> CaseFacts:
    """Read the optional columns of a table: `fold`, `ivh`, `patient_id`, `reference_ml` and `false_positive_ml`.

    Folds keep their names, but 0.0 is 0. IVH is "yes" or "no", from yes/no, y/n, true/false, t/f or 1/0.
    """
    warnings: list[str] = []

    def read(column: str, parse: Callable[[str], T], form: str) -> dict[str, T] | None:
        values, further = _read(table, case_ids, column, parse, form)
        warnings.extend(further)
        return values or None

    def volume_ml(text: str) -> float:
        value = table.number(text)
        if value is None or not 0 <= value < math.inf:
            raise ValueError(text)
        return value

    folds = read(FOLD, _fold, "a name or a whole number")
    ivh = read(IVH, ivh_label, "yes or no")
    patients = read(PATIENT_ID, _patient(table), "an id")
    reference_ml = read(REFERENCE, volume_ml, "a volume in mL") or {}
    return CaseFacts(
        folds=folds,
        ivh=ivh,
        patients=patients,
        without_lesion=frozenset(case_id for case_id, value in reference_ml.items() if value == 0),
        with_lesion=frozenset(case_id for case_id, value in reference_ml.items() if value > 0),
        false_positive_ml=read(FALSE_POSITIVE, volume_ml, "a volume in mL") or {},
        warnings=tuple(warnings),
    )


def _read(
    table: ScoreTable, case_ids: Sequence[str], column: str, parse: Callable[[str], T], form: str
) -> tuple[dict[str, T] | None, list[str]]:
    """Values of a column by case, without missing ones, and a warning about those that `parse` refuses."""
    if column in table.repeated:
        return None, [f"{table.path}: more than one column {column}, none is read; keep one"]
    cells = table.columns.get(column)
    if cells is None:
        return None, []
    parsed: dict[str, T] = {}
    odd: dict[str, list[str]] = {}
    texts = dict.fromkeys(cells)
    for text in texts:
        if text.lower() in MISSING:
            continue
        try:
            parsed[text] = parse(text)
        except ValueError:
            odd[text] = []
    if len(parsed) == len(texts):
        return dict(zip(case_ids, map(parsed.__getitem__, cells), strict=True)), []
    values = {case_id: parsed[cell] for case_id, cell in zip(case_ids, cells, strict=True) if cell in parsed}
    if not odd:
        return values, []
    for case_id, cell in zip(case_ids, cells, strict=True):
        if cell in odd:
            odd[cell].append(case_id)
    named = [f"{text!r} ({_some(cases, MAX_NAMED_CASES)})" for text, cases in odd.items()]
    return values, [
        f"{table.path}: {column} is {_some(named, MAX_NAMED_VALUES)}, taken as not known; write {form}, or nothing"
    ]


def _fold(text: str) -> str:
    whole = _WHOLE.fullmatch(text)
    if whole:
        return whole[1]
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return text
    if not number.is_integer():
        raise ValueError(text)
    return text


def ivh_label(text: str) -> str:
    """Label yes or no, from any of its forms.

    Raises:
        ValueError: it is none.
    """
    whole = _WHOLE.fullmatch(text)
    label = IVH_LABELS.get(whole[1] if whole else text.lower())
    if label is None:
        raise ValueError(text)
    return label


def _patient(table: ScoreTable) -> Callable[[str], str]:
    """Parser of patient ids, which drops the .0 of numbers if all have it."""
    if all(_WHOLE.fullmatch(cell) or cell.lower() in MISSING for cell in table.columns.get(PATIENT_ID, ())):
        return lambda text: _WHOLE.sub(r"\1", text)
    return canonical_id


def _some(names: Sequence[str], most: int) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
