"""`participants.tsv` to cases."""

import csv
import os
from pathlib import Path

from hemosweep.data.case import IVH_VALUES, Case
from hemosweep.errors import BadInput

REQUIRED_COLUMNS = ("participant_id", "patient_id", "ivh")


def read_manifest(data: Path) -> tuple[Case, ...]:
    """List the cases of a data set in the order of its `participants.tsv`; files are looked at, not opened.

    Raises:
        BadInput: no folder or table, a missing column, a repeated or empty id, an unknown IVH value, or a case
            without its CT or its lesion mask.
    """
    if not os.path.isdir(data):  # pathlib's own raises where a path may not be looked at
        raise BadInput(f"{data}: no such data folder; give the folder that holds participants.tsv")
    table = data / "participants.tsv"
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            # Strict: one stray quote would otherwise swallow the rows up to the next one.
            reader = csv.DictReader(file, delimiter="\t", strict=True)
            rows = [(reader.line_num, row) for row in reader]
            columns = reader.fieldnames or ()
    except FileNotFoundError:
        raise BadInput(f"{table}: not found; a data set needs it (columns {', '.join(REQUIRED_COLUMNS)})") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(
            f"{table}: cannot be read ({error}); save it as tab-separated UTF-8 text without stray quotes"
        ) from error
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        raise BadInput(f"{table}: lacks the column {', '.join(missing)}; columns must be tab-separated")
    if not rows:
        raise BadInput(f"{table}: lists no cases; add one row a case")
    cases = tuple(_case(data, table, line, row) for line, row in rows)
    seen: set[str] = set()
    for case in cases:
        if case.case_id in seen:
            raise BadInput(f"{table}: {case.case_id} is listed twice; every case needs an id of its own")
        seen.add(case.case_id)
    return cases


def _case(data: Path, table: Path, line: int, row: dict[str, str | None]) -> Case:
    case_id, patient_id, ivh = ((row[column] or "").strip() for column in REQUIRED_COLUMNS)
    if not case_id or not patient_id:
        raise BadInput(f"{table}, line {line}: empty participant_id or patient_id; fill it in")
    if "/" in case_id or case_id.startswith(".") or not case_id.isprintable():
        raise BadInput(f"{table}, line {line}: participant_id {case_id!r} cannot name a folder; use sub-001 and so on")
    if ivh not in IVH_VALUES:
        raise BadInput(f"{table}, line {line}: ivh is {ivh!r}; write yes, no or n/a")
    folder = data / case_id / "ct"
    case = Case(
        case_id=case_id,
        patient_id=patient_id,
        ivh=IVH_VALUES[ivh],
        ct_path=folder / f"{case_id}_ct.nii.gz",
        lesion_path=folder / f"{case_id}_label-lesion_mask.nii.gz",
    )
    for path, kind in ((case.ct_path, "CT"), (case.lesion_path, "lesion mask")):
        if not os.path.isfile(path):
            raise BadInput(f"case {case_id}: no {kind} at {path}; add the file or remove the case's row")
    return case
