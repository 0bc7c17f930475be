"""Files with drawings, and the cases that they are of."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import reduce
from pathlib import Path, PurePath

from hemosweep.data.image_names import NIFTI_SUFFIXES, SEGMENTATION_SUFFIX, stem_of
from hemosweep.data.manifest import TABLE_NAME
from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id, stored_path
from hemosweep.importers.masks.dicom import DRAWN, DicomHeader, read_header
from hemosweep.importers.source import read_table
from hemosweep.importers.spreadsheet import ANY

TABLE_COLUMNS = ("participant_id", "mask")
KEY_COLUMNS, STUDY_COLUMN = ("participant_id", "dicom_patient_id"), "dicom_study_uid"
_SKIPPED_FOLDERS = ("derivatives", "__MACOSX")


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """Files by case id; `unmatched` are of no case of the data set, or of several, and `other_studies` are of a patient
    of the key file, but of a study that is not in it."""

    files: Mapping[str, Sequence[Path]]
    unmatched: Sequence[Path] = ()
    other_studies: Sequence[Path] = ()
    failures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRow:
    """A study in the key file of `import-dicom`; `study` is its StudyInstanceUID, empty in key files without it."""

    case_id: str
    patient: str
    study: str


def match_by_name(
    source: Path,
    case_ids: Collection[str],
    *,
    pattern: str,
    key: Sequence[KeyRow],
    taken: Collection[str],
) -> Matches:
    """Match the files in a folder, or one file, by the case id in their names or, if not there, in their folders'.

    Args:
        pattern: of the names of the files that count, such as `*lesion*`.
        key: the studies that DICOM files may be of, those that are not in the data set among them.
        taken: resolved paths of the data set's own files, which are no drawings.

    Raises:
        BadInput: there is no such file or folder, or no drawing in it.
    """
    found: dict[str, list[Path]] = {}
    unmatched: list[Path] = []
    failures: dict[str, str] = {}
    num_files = 0
    ids_of = _finder(case_ids)
    other_studies: list[Path] = []
    for path, header in _drawings(source, pattern):
        if os.path.realpath(path) in taken:
            continue
        num_files += 1
        ids = _ids_in(path, source, ids_of)
        studies = [] if ids else [row for row in key if header.patient and row.patient == header.patient]
        of_study = [row for row in studies if row.study in header.studies]
        if studies and not of_study and header.studies and all(row.study for row in studies):
            other_studies.append(path)
            continue
        ids = ids or [row.case_id for row in of_study or studies]
        here = [case_id for case_id in ids if case_id in case_ids]
        if len(ids) == 1 and here:
            if stem_of(path.name) not in (f"{ids[0]}_ct", f"{ids[0]}_cta"):
                found.setdefault(ids[0], []).append(path)
        elif studies and here:
            failures |= {
                case_id: f"case {case_id}: a {header.modality} file may be of any of the {len(ids)} studies of its "
                "patient; put the case's id into its name, or name it in a --table"
                for case_id in here
            }
        else:
            unmatched.append(path)
    if not num_files:
        raise BadInput(f"{source}: has no NIfTI, NRRD, MHA, Analyze, DICOM SEG or RTSTRUCT file; name their folder")
    return Matches(files=found, unmatched=unmatched, other_studies=other_studies, failures=failures)


def match_by_table(table: Path, source: Path, case_ids: Collection[str]) -> Matches:
    """Match by a table with the columns participant_id and mask: a path, from `source` on.

    Raises:
        BadInput: the table cannot be read, lacks a column, or names a case that is not in the data set or twice.
    """
    files: dict[str, list[Path]] = {}
    folder = source if os.path.isdir(source) else source.parent
    for row in read_table(
        table, TABLE_COLUMNS, way_out=f"give a table of {' and '.join(TABLE_COLUMNS)}", encodings=ANY
    ):
        case_id, mask = row["participant_id"], row["mask"]
        if case_id not in case_ids:
            raise BadInput(f"{table}: names {case_id!r}, which is no case of the data set; mend the row")
        if case_id in files or not mask:
            raise BadInput(f"{table}: has {'two rows' if case_id in files else 'no mask'} for {case_id}; mend that")
        files[case_id] = [reduce(stored_path, PurePath(mask).parts, folder)]
    return Matches(files=files)


def read_key(key_file: Path) -> tuple[KeyRow, ...]:
    """All studies of the key file that `import-dicom --key-file` wrote, be they in a data set or not.

    Raises:
        BadInput: it cannot be read, or is no such table.
    """
    way_out = "give the table that import-dicom --key-file wrote"
    rows = read_table(key_file, KEY_COLUMNS, optional=(STUDY_COLUMN,), way_out=way_out, encodings=ANY)
    return tuple(
        KeyRow(case_id=row["participant_id"], patient=row["dicom_patient_id"], study=row[STUDY_COLUMN]) for row in rows
    )


def kind_of(path: Path) -> str:
    """Format of a file with a drawing, by its name."""
    name = path.name.lower()
    if stem_of(name) is None:
        return "DICOM"
    return "NIfTI" if name.endswith(NIFTI_SUFFIXES) else Path(name).suffix[1:].upper()


def shown_name(path: Path, case_id: str) -> str:
    """Name of a file of a case for messages: another than one with the case's id may be that of a patient."""
    with_id = canonical_id(case_id).casefold() in canonical_id(path.name).casefold()
    return path.name if with_id else f"its {kind_of(path)} file"


def only_file(case_id: str, paths: Sequence[Path]) -> Path:
    """The file of a case; of several the one segmentation of 3D Slicer, beside which its volumes may lie.

    Raises:
        BadInput: there are several.
    """
    segmentations = [path for path in paths if path.name.lower().endswith(SEGMENTATION_SUFFIX)]
    for choice in (paths, segmentations):
        if len(choice) == 1:
            return choice[0]
    shown = list(dict.fromkeys(shown_name(path, case_id) for path in paths))
    names = ", ".join(shown[:5]) + (", ..." if shown[5:] else "")
    raise BadInput(
        f"{len(paths)} files may be its mask ({names}); pick them with --pattern, such as '*lesion*', or a --table"
    )


def _drawings(source: Path, pattern: str) -> Iterator[tuple[Path, DicomHeader]]:
    """Files that may hold a drawing, sorted, with their headers; one of an image has nothing in it."""
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
            yield path, DicomHeader(modality="")
        elif path.suffix.lower() in ("", ".dcm", ".ima") or path.suffix[1:].isdigit():
            header = read_header(path)
            if header is not None and header.modality in DRAWN:
                yield path, header


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
