"""The table and the folders of a data set: who is listed, and who is there."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from hemosweep.data.case import IVH_VALUES, Case
from hemosweep.data.checks.problem import Problem
from hemosweep.data.manifest import IVH_SUFFIX, LESION_SUFFIX, case_file, read_participants
from hemosweep.errors import BadInput

Row = tuple[int, str, str, str]
"""Line, participant_id, patient_id and ivh."""


def read_table(data: Path) -> tuple[tuple[Case, ...], list[Problem]]:
    """The cases whose rows can be read, and an error for each of the other rows.

    Raises:
        BadInput: there is no folder, or no table with the columns and rows that a data set needs (`read_participants`).
    """
    try:
        return read_participants(data), []
    except BadInput:
        rows = _rows(data / "participants.tsv")
        if not rows:
            raise
    cases: dict[str, Case] = {}
    problems = []
    for line, case_id, patient_id, ivh in rows:
        if not case_id or "/" in case_id or case_id.startswith(".") or not case_id.isprintable():
            fault = f"participant_id {case_id!r} cannot name a folder; use sub-001 and so on"
        elif case_id in cases:
            fault = f"{case_id} is listed twice; every case needs an id of its own"
        else:
            cases[case_id] = _case(data, case_id, patient_id, ivh)
            if not patient_id:
                problems.append(_row_problem(line, "empty patient_id; fill it in", case_id))
            if ivh not in IVH_VALUES:
                problems.append(_row_problem(line, f"ivh is {ivh!r}; write yes, no or n/a", case_id))
            continue
        problems.append(_row_problem(line, fault))
    return tuple(cases.values()), problems


def _row_problem(line: int, fault: str, case_id: str = "") -> Problem:
    text = f"participants.tsv, line {line}: {fault}"
    return Problem(case_id=case_id, kind="table-row", severity="error", message=text)


def _rows(table: Path) -> list[Row]:
    """The rows of a table that is one; none of a table that as a whole cannot be read."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter="\t", strict=True)
            return [
                (
                    reader.line_num,
                    (row["participant_id"] or "").strip(),
                    (row["patient_id"] or "").strip(),
                    (row["ivh"] or "").strip(),
                )
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError):
        return []


def _case(data: Path, case_id: str, patient_id: str, ivh: str) -> Case:
    def optional(suffix: str) -> Path | None:
        path = case_file(data, case_id, suffix)
        return path if os.path.isfile(path) else None

    return Case(
        case_id=case_id,
        patient_id=patient_id or case_id,
        ivh=IVH_VALUES.get(ivh),
        ct_path=case_file(data, case_id, "ct"),
        lesion_path=optional(LESION_SUFFIX),
        ivh_path=optional(IVH_SUFFIX),
        cta_path=optional("cta"),
    )


def unlisted_folders(data: Path, cases: Sequence[Case]) -> list[Problem]:
    """Case folders without a row; nothing reads them."""
    listed = {case.case_id for case in cases}
    found = sorted(name for name in os.listdir(data) if name.startswith("sub-") and os.path.isdir(data / name))
    return [
        Problem(
            case_id="",
            kind="unlisted-folder",
            severity="warning",
            message=f"folder {name} has no row in participants.tsv; add one or take the folder away",
        )
        for name in found
        if name not in listed
    ]
