"""Twins: two ids of a table that a reader takes for one, such as P7 and p007. They may be one patient."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence

from hemosweep.data.case import Case
from hemosweep.data.manifest import TABLE_NAME
from hemosweep.qc.problem import Problem, named


def _without_spaces(text: str) -> str:
    """A text without spaces and without characters that are not seen, such as a byte-order mark."""
    return "".join(sign for sign in text if not sign.isspace() and unicodedata.category(sign) != "Cf")


def _without_zeros(text: str) -> str:
    """A text whose numbers have no leading zeros."""
    return re.sub(r"\d+", lambda number: number[0].lstrip("0") or "0", text)


_FORMS: Mapping[str, Callable[[str], str]] = {
    "spaces": _without_spaces,
    "character width": lambda text: unicodedata.normalize("NFKC", text),
    "upper and lower case": str.casefold,
    "leading zeros": _without_zeros,
}
"""Differences that a reader may not see, each with the form in which it is gone, in the order in which they apply."""


def twin_problems(cases: Sequence[Case]) -> Iterator[Problem]:
    """Warnings about patient ids, and participant ids of different patients, that differ in no more than their form.

    Patient ids are named, as nowhere else: the difference is in them, and the check is for who keeps the table.
    """
    scans: dict[str, list[str]] = {}
    for case in cases:
        scans.setdefault(case.patient_id, []).append(case.case_id)
    patients = list(_twins(scans))
    for first, other in patients:
        yield _warning(
            "patient-twins",
            f"patient ids {first!r} ({named(scans[first])}) and {other!r} ({named(scans[other])}) differ only by "
            f"{_differences(first, other)}; if they are one patient, give both one patient_id in {TABLE_NAME}: the "
            "scans may be in two folds otherwise",
        )
    patient_of = {case.case_id: case.patient_id for case in cases}
    told = {_form(patient) for pair in patients for patient in pair}
    for first, other in _twins(patient_of):
        patient, other_patient = patient_of[first], patient_of[other]
        if patient == other_patient or (_form(patient) == _form(other_patient) and _form(patient) in told):
            continue
        yield _warning(
            "participant-twins",
            f"participant ids {first!r} and {other!r} differ only by {_differences(first, other)}; if they are one "
            f"patient, give both one patient_id in {TABLE_NAME}; if they are one scan, keep one of the two",
        )


def _twins(ids: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Pairs of different ids of one form; the first of several is paired with each other one."""
    first: dict[str, str] = {}
    for name in ids:
        known = first.setdefault(_form(name), name)
        if known != name:
            yield known, name


def _form(text: str, *, but: str = "") -> str:
    """An id without every difference that a reader may not see, but one."""
    for name, form in _FORMS.items():
        if name != but:
            text = form(text)
    return text


def _differences(first: str, other: str) -> str:
    """The differences that keep two ids apart, in words."""
    found = [name for name in _FORMS if _form(first, but=name) != _form(other, but=name)]
    if found:
        return " and ".join(found)
    for name, form in _FORMS.items():  # Of two that take the same difference away, such as a wide space, the first.
        first, other = form(first), form(other)
        if first == other:
            return name
    raise AssertionError("ids of one form")


def _warning(kind: str, message: str) -> Problem:
    return Problem(case_id="", kind=kind, severity="warning", message=message)
