"""`participants.tsv` to cases."""

import csv
import os
from pathlib import Path

from hemosweep.data.case import IVH_VALUES, Case
from hemosweep.errors import BadInput

REQUIRED_COLUMNS = ("participant_id", "patient_id", "ivh")
LESION_SUFFIX, IVH_SUFFIX = "label-lesion_mask", "label-ivh_mask"


def read_manifest(data: Path) -> tuple[Case, ...]:
    """List the cases of a data set to train on, in the order of its `participants.tsv`; no image is opened.

    Raises:
        BadInput: as `read_participants`, or a case without its CT or its lesion mask.
    """
    cases = read_participants(data)
    for case in cases:
        for path, kind, suffix in ((case.ct_path, "CT", "ct"), (case.lesion_path, "lesion mask", LESION_SUFFIX)):
            if path is None or not os.path.isfile(path):
                wanted = case_file(data, case.case_id, suffix)
                raise BadInput(f"case {case.case_id}: no {kind} at {wanted}; add the file or remove the case's row")
    return cases


def case_file(data: Path, case_id: str, suffix: str) -> Path:
    """Where a file of a case lies; `suffix` is ct, cta, or one of the masks."""
    return data / case_id / "ct" / f"{case_id}_{suffix}.nii.gz"


def read_participants(data: Path) -> tuple[Case, ...]:
    """List the cases of `participants.tsv` in its order, whether or not they have a lesion mask, or a CT at all.

    Raises:
        BadInput: no folder or table, a missing column, a repeated or empty id, or an unknown IVH value.
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

    def optional(suffix: str) -> Path | None:
        path = case_file(data, case_id, suffix)
        return path if os.path.isfile(path) else None

    return Case(
        case_id=case_id,
        patient_id=patient_id,
        ivh=IVH_VALUES[ivh],
        ct_path=case_file(data, case_id, "ct"),
        lesion_path=optional(LESION_SUFFIX),
        ivh_path=optional(IVH_SUFFIX),
        cta_path=optional("cta"),
    )
