"""`participants.tsv` to cases."""

import csv
import logging
import os
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hemosweep.data.case import IVH_VALUES, Case
from hemosweep.data.case_files import ADD_OR_REMOVE, case_file, ct_fault, own_sessions, sessions
from hemosweep.data.found import instead_of_table, named, no_folder, other_images
from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id

TABLE_NAME = "participants.tsv"
REQUIRED_COLUMNS = ("participant_id", "patient_id", "ivh")
LESION_SUFFIX, IVH_SUFFIX = "label-lesion_mask", "label-ivh_mask"
MAX_ID_BYTES = 190
"""Bytes of an id in UTF-8. A file name may have 255, of which a preprocessed case that is being written takes 59:
`.tmp-<32 digits>-ID-<16 digits>.npz`."""
_log = logging.getLogger(__name__)
EMPTY = "empty participant_id or patient_id; fill it in"


def read_manifest(data: Path) -> tuple[Case, ...]:
    """List the cases of a data set to train on, in the order of its `participants.tsv`; no image is opened.

    Raises:
        BadInput: as `read_participants`, or a case without its CT or its lesion mask.
    """
    cases = read_participants(data)
    for case in cases:
        if fault := ct_fault(case.ct_path, case.case_id):
            raise BadInput(f"case {case.case_id}: {fault}")
        if case.lesion_path is None:
            expected = case_file(data, case.case_id, LESION_SUFFIX)
            raise BadInput(
                f"case {case.case_id}: no lesion mask at {expected}; {instead_of_mask(data, case) or ADD_OR_REMOVE}"
            )
    return cases


def instead_of_mask(data: Path, case: Case) -> str | None:
    """Images that lie beside the CT of a case without a lesion mask, with the way out; None where there are none."""
    folder = case.ct_path.parent
    taken = [path for path in (case.ct_path, case.ivh_path, case.cta_path) if path is not None]
    others = other_images(folder, taken)
    if not others:
        return None
    command = f"hemosweep data import-masks {shlex.quote(str(data))} {shlex.quote(str(data))}"
    pattern = shlex.quote("*" + others[0].removeprefix(case.case_id))
    return (
        f"there is {named(others)}: if that is the mask, name it so, or take those of all cases by {command} "
        f"--pattern {pattern}; else {ADD_OR_REMOVE}"
    )


def read_participants(data: Path) -> tuple[Case, ...]:
    """List the cases of `participants.tsv` in its order, whether or not they have a lesion mask, or a CT at all.

    Sessions without a row, beside a CT of their subject, are logged.

    Raises:
        BadInput: no folder or table, a missing column, a repeated or empty id, or an unknown IVH value.
    """
    cases: dict[str, Case] = {}
    for row in read_rows(data):
        faults = [fault for fault in (id_fault(row, cases), *value_faults(row)) if fault]
        if faults:
            raise BadInput(f"{data / TABLE_NAME}, line {row.line}: {faults[0]}")
        cases[row.case_id] = case_of(data, row)
    for text in unlisted_sessions(data, cases):
        _log.warning(text)
    return tuple(cases.values())


def unlisted_sessions(data: Path, case_ids: Collection[str]) -> list[str]:
    """Remarks about the sessions of subjects whose own `ct` folder is the case: without a row they are not read."""
    return [
        f"{name} is not read, because {case_id} has a CT outside its sessions, too; add a row {name} to {TABLE_NAME}"
        for case_id in case_ids
        for name in own_sessions(data, case_id)
        if name not in case_ids
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestRow:
    """The cells of a row; ids are in Unicode's form NFC. `free` has those of further columns that are not empty.

    `fault` is the reason why the row cannot be a case, if there is one besides its cells.
    """

    line: int
    case_id: str
    patient_id: str
    ivh: str
    free: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None


def read_rows(data: Path) -> tuple[ManifestRow, ...]:
    """Read the rows of `participants.tsv`, without a check of their values.

    A row of a BIDS subject whose scans lie in sessions becomes one row a session (`sub-01_ses-02`), all of one patient.
    One that has a row of its own has a fault in that of the subject.

    Raises:
        BadInput: no folder or table, a missing column, or no row.
    """
    if not os.path.isdir(data):  # pathlib's own raises where a path may not be looked at
        raise BadInput(no_folder(data, TABLE_NAME))
    table = data / TABLE_NAME
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            # Strict: one stray quote would otherwise swallow the rows up to the next one.
            reader = csv.DictReader(file, delimiter="\t", strict=True)
            cells = [(reader.line_num, row) for row in reader]
            columns = reader.fieldnames or ()
    except FileNotFoundError:
        needs = f"a data set needs it (columns {', '.join(REQUIRED_COLUMNS)}), and this folder holds no image either"
        raise BadInput(f"{table}: not found; {instead_of_table(data, TABLE_NAME) or needs}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = _encoding(error) if isinstance(error, UnicodeDecodeError) else error
        raise BadInput(
            f"{table}: cannot be read ({reason}); save it as tab-separated UTF-8 text without stray quotes"
        ) from error
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        raise BadInput(f"{table}: lacks the column {', '.join(missing)}; {_instead_of_columns(columns)}")
    if not cells:
        raise BadInput(f"{table}: lists no cases; add one row a case")
    rows = []
    listed = {canonical_id((row["participant_id"] or "").strip()) for _, row in cells}
    for line, row in cells:
        case_id, patient_id, ivh = (canonical_id((row[column] or "").strip()) for column in REQUIRED_COLUMNS)
        # A row that is longer than the heading has its last cells below None, one that is shorter has None as values.
        free = {
            column: text.strip()
            for column, text in row.items()
            if column is not None and column not in REQUIRED_COLUMNS and (text or "").strip()
        }
        names = sessions(data, case_id)
        faults = {
            name: f"{name} has a row of its own and is a session of {case_id} as well; list {case_id} or its sessions"
            for name in listed.intersection(names)
        }
        rows += [
            ManifestRow(line=line, case_id=name, patient_id=patient_id, ivh=ivh, free=free, fault=faults.get(name))
            for name in names or (case_id,)
        ]
    return tuple(rows)


def _encoding(error: UnicodeDecodeError) -> str:
    return "UTF-16, not UTF-8" if error.object[:2] in (b"\xff\xfe", b"\xfe\xff") else "not UTF-8"


def _instead_of_columns(columns: Sequence[str]) -> str:
    """Columns that a table has instead of those that it needs."""
    if len(columns) == 1 and (wrong := next((sign for sign in ",;" if sign in columns[0]), None)):
        return f"columns must be tab-separated, and these are separated by {wrong!r}"
    has = f"it has {', '.join(columns)}; rename one, or add it; " if columns else ""
    return f"{has}columns must be tab-separated"


def id_fault(row: ManifestRow, listed: Collection[str]) -> str | None:
    """Reason why a row names no case of its own; None where it names one."""
    if row.fault:
        return row.fault
    if not row.case_id:
        return EMPTY
    if "/" in row.case_id or row.case_id.startswith(".") or not row.case_id.isprintable():
        return f"participant_id {row.case_id!r} cannot name a folder; use sub-001 and so on"
    if fault := _length_fault("participant_id", row.case_id):
        return fault
    if row.case_id in listed:
        return f"{row.case_id} is listed twice; every case needs an id of its own"
    return None


def value_faults(row: ManifestRow) -> list[str]:
    """Faults of the other cells of a row."""
    faults = [] if row.patient_id else [EMPTY]
    if fault := _length_fault("patient_id", row.patient_id):
        faults.append(fault)
    if row.ivh not in IVH_VALUES:
        faults.append(f"ivh is {row.ivh!r}; write yes, no or n/a")
    return faults


def _length_fault(column: str, identifier: str) -> str | None:
    num_bytes = len(identifier.encode())
    if num_bytes <= MAX_ID_BYTES:
        return None
    return f"{column} {identifier[:20]}... has {num_bytes} bytes; file names take {MAX_ID_BYTES} at most, so shorten it"


def case_of(data: Path, row: ManifestRow) -> Case:
    """The case of a row that names one, with its existing files."""

    def optional(suffix: str) -> Path | None:
        path = case_file(data, row.case_id, suffix)
        return path if os.path.isfile(path) else None

    return Case(
        case_id=row.case_id,
        patient_id=row.patient_id or row.case_id,
        ivh=IVH_VALUES.get(row.ivh),
        ct_path=case_file(data, row.case_id, "ct"),
        lesion_path=optional(LESION_SUFFIX),
        ivh_path=optional(IVH_SUFFIX),
        cta_path=optional("cta"),
    )
