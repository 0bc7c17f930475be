"""Files with drawings, and the cases that they are of."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import reduce
from pathlib import Path, PurePath

from hemosweep.data.image_names import SEGMENTATION_SUFFIX, stem_of
from hemosweep.data.manifest import TABLE_NAME
from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id, stored_path
from hemosweep.importers.masks.dicom import DRAWN, read_header
from hemosweep.importers.source import read_table

TABLE_COLUMNS = ("participant_id", "mask")
KEY_COLUMNS = ("participant_id", "dicom_patient_id")
_SKIPPED_FOLDERS = ("derivatives", "__MACOSX")


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """Files by case id; `unmatched` are of no case of the data set, or of several."""

    files: Mapping[str, Sequence[Path]]
    unmatched: Sequence[Path] = ()
    failures: Mapping[str, str] = field(default_factory=dict)


def match_by_name(
    source: Path,
    case_ids: Collection[str],
    *,
    pattern: str,
    patients: Mapping[str, Sequence[str]],
    taken: Collection[str],
) -> Matches:
    """Match the files in a folder, or one file, by the case id in their names or, if not there, in their folders'.

    Args:
        pattern: of the names of the files that count, such as `*lesion*`.
        patients: PatientID of DICOM files to the case ids of that patient, where a key file tells them.
        taken: resolved paths of the data set's own files, which are no drawings.

    Raises:
        BadInput: there is no such file or folder, or no drawing in it.
    """
    found: dict[str, list[Path]] = {}
    unmatched: list[Path] = []
    failures: dict[str, str] = {}
    num_files = 0
    ids_of = _finder(case_ids)
    for path, patient in _drawings(source, pattern):
        if os.path.realpath(path) in taken:
            continue
        num_files += 1
        ids = _ids_in(path, source, ids_of) or list(patients.get(patient, ()))
        if len(ids) == 1:
            if stem_of(path.name) not in (f"{ids[0]}_ct", f"{ids[0]}_cta"):
                found.setdefault(ids[0], []).append(path)
        elif patient and ids:
            failures |= {
                case_id: f"case {case_id}: {path.name} may be of any of the {len(ids)} studies of its patient; put the "
                "case's id into its name, or name it in a --table"
                for case_id in ids
            }
        else:
            unmatched.append(path)
    if not num_files:
        raise BadInput(f"{source}: has no NIfTI, NRRD, MHA, Analyze, DICOM SEG or RTSTRUCT file; name their folder")
    return Matches(files=found, unmatched=unmatched, failures=failures)


def match_by_table(table: Path, source: Path, case_ids: Collection[str]) -> Matches:
    """Match by a table with the columns participant_id and mask: a path, from `source` on.

    Raises:
        BadInput: the table cannot be read, lacks a column, or names a case that is not in the data set or twice.
    """
    files: dict[str, list[Path]] = {}
    folder = source if os.path.isdir(source) else source.parent
    for row in read_table(table, TABLE_COLUMNS, way_out="name the columns so"):
        case_id, mask = row["participant_id"], row["mask"]
        if case_id not in case_ids:
            raise BadInput(f"{table}: names {case_id!r}, which is no case of the data set; mend the row")
        if case_id in files or not mask:
            raise BadInput(f"{table}: has {'two rows' if case_id in files else 'no mask'} for {case_id}; mend that")
        files[case_id] = [reduce(stored_path, PurePath(mask).parts, folder)]
    return Matches(files=files)


def read_patients(key_file: Path, case_ids: Collection[str]) -> dict[str, list[str]]:
    """PatientID to the patient's case ids, from the key file that `import-dicom --key-file` wrote.

    Raises:
        BadInput: it cannot be read, or is no such table.
    """
    patients: dict[str, list[str]] = {}
    for row in read_table(key_file, KEY_COLUMNS, way_out="give the table that import-dicom --key-file wrote"):
        if row["dicom_patient_id"] and row["participant_id"] in case_ids:
            patients.setdefault(row["dicom_patient_id"], []).append(row["participant_id"])
    return patients


def only_file(case_id: str, paths: Sequence[Path]) -> Path:
    """The file of a case; of several the one segmentation of 3D Slicer, beside which its volumes may lie.

    Raises:
        BadInput: there are several.
    """
    segmentations = [path for path in paths if path.name.lower().endswith(SEGMENTATION_SUFFIX)]
    for choice in (paths, segmentations):
        if len(choice) == 1:
            return choice[0]
    names = ", ".join(path.name for path in paths[:5]) + (", ..." if paths[5:] else "")
    raise BadInput(
        f"{len(paths)} files may be its mask ({names}); pick them with --pattern, such as '*lesion*', or a --table"
    )


def _drawings(source: Path, pattern: str) -> Iterator[tuple[Path, str]]:
    """Files that may hold a drawing, sorted, with their PatientID or nothing."""
    if os.path.isfile(source):
        paths = [source]
    elif os.path.isdir(source):
        paths = sorted(_walk(source))
    else:
        raise BadInput(f"{source}: no such file or folder; check its name")
    for path in paths:
        if not fnmatch(path.name.lower(), pattern.lower()):
            continue
        if stem_of(path.name) is not None:
            yield path, ""
        elif path.suffix.lower() in ("", ".dcm", ".ima") or path.suffix[1:].isdigit():
            header = read_header(path)
            if header is not None and header.modality in DRAWN:
                yield path, header.patient


def _walk(source: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(source):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _SKIPPED_FOLDERS]
        yield from (Path(folder, name) for name in names if not name.startswith(".") and name != TABLE_NAME)


def _ids_in(path: Path, source: Path, ids_of: Callable[[str], list[str]]) -> list[str]:
    """Case ids in a file's name, else in those of its folders."""
    if os.path.isfile(source):
        return ids_of(path.name) or ids_of(path.parent.name)
    return ids_of(path.name) or ids_of(path.relative_to(source).parent.as_posix())


def _finder(case_ids: Collection[str]) -> Callable[[str], list[str]]:
    """Function that finds the case ids in a text, none as a part of a longer one; folders of BIDS sessions part an id
    as `_` does, and capitals count only where ids differ in nothing else."""
    folded = {case_id.casefold(): case_id for case_id in case_ids}
    flags = re.IGNORECASE if len(folded) == len(case_ids) else 0
    known = folded if flags else {case_id: case_id for case_id in case_ids}
    longest_first = sorted(case_ids, key=len, reverse=True)
    either = "|".join(re.escape(case_id).replace("_", "[_/]") for case_id in longest_first)
    pattern = re.compile(rf"(?<![0-9A-Za-z])(?:{either})(?![0-9A-Za-z])", flags)

    def find(text: str) -> list[str]:
        texts = {match[0].replace("/", "_") for match in pattern.finditer(canonical_id(text))}
        return sorted({known[one.casefold() if flags else one] for one in texts})

    return find
