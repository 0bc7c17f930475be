"""The table and the folders of a data set: listed and existing cases."""

import os
from collections.abc import Sequence
from pathlib import Path

from hemosweep.data.case import Case
from hemosweep.data.manifest import TABLE_NAME, case_of, id_fault, read_rows, unlisted_sessions, value_faults
from hemosweep.ids import canonical_id
from hemosweep.qc.problem import Problem


def read_table(data: Path) -> tuple[tuple[Case, ...], list[Problem]]:
    """The cases whose rows name one, and an error for everything that is wrong with a row.

    Raises:
        BadInput: there is no folder, no table with the columns that a data set needs, or no row.
    """
    cases: dict[str, Case] = {}
    problems = []
    for row in read_rows(data):
        fault = id_fault(row, cases)
        if fault is None:
            cases[row.case_id] = case_of(data, row)
        case_id, faults = ("", [fault]) if fault else (row.case_id, value_faults(row))
        problems += [
            Problem(
                case_id=case_id,
                kind="table-row",
                severity="error",
                message=f"{TABLE_NAME}, line {row.line}: {text}",
            )
            for text in faults
        ]
    return tuple(cases.values()), problems


def unlisted_folders(data: Path, cases: Sequence[Case]) -> list[Problem]:
    """Problems of case folders and sessions without a row, which are not read."""
    listed = {canonical_id(case.ct_path.relative_to(data).parts[0]) for case in cases}
    folders = sorted(name for name in os.listdir(data) if name.startswith("sub-") and os.path.isdir(data / name))
    return [
        Problem(
            case_id="",
            kind="unlisted-folder",
            severity="warning",
            message=f"folder {name} has no row in {TABLE_NAME}; add one or take the folder away",
        )
        for name in folders
        if canonical_id(name) not in listed
    ] + [
        Problem(case_id="", kind="unlisted-session", severity="warning", message=text)
        for text in unlisted_sessions(data, [case.case_id for case in cases])
    ]
