"""Finding the files of a public set: names, ids and tables."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hemosweep.data.image_names import IMAGE_SUFFIXES, stem_of
from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id, stored_path
from hemosweep.importers.spreadsheet import UTF_8, read_cells

_RSNA_NAME = re.compile(r"ID_(?P<patient>[0-9a-f]+)_ID_[0-9a-f]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """A CT with its label map, each None where it is missing. `name` is its name in the set."""

    case_id: str
    name: str
    ct_path: Path | None
    labels_path: Path | None


def pair_scans(images: Mapping[str, Path], labels: Mapping[str, Path]) -> tuple[Scan, ...]:
    """Images and label maps of the same names as scans, sorted by name; where one is missing it is None.

    Raises:
        BadInput: as `subject_ids`.
    """
    return tuple(
        Scan(case_id=case_id, name=name, ct_path=images.get(name), labels_path=labels.get(name))
        for name, case_id in subject_ids(sorted({*images, *labels})).items()
    )


def image_files(folder: Path) -> dict[str, Path]:
    """The image files of a folder by their names without .nii.gz, .mha and so on, sorted; hidden ones (`._001.nii`) are
    not.

    The names are canonical ids, so that those of two folders fit each other.

    Raises:
        BadInput: the folder cannot be listed, or a name is there twice.
    """
    files: dict[str, Path] = {}
    for name in _names(folder):
        bare = stem_of(name)
        if bare is None:
            continue
        stem = canonical_id(bare)
        if stem in files:
            raise BadInput(f"{folder}: holds both {files[stem].name} and {name}; keep one of them")
        files[stem] = folder / name
    return files


def subfolders(folder: Path) -> tuple[str, ...]:
    """Names of the folders in a folder, sorted, without hidden ones and those that macOS adds to archives.

    Raises:
        BadInput: the folder cannot be listed.
    """
    return tuple(name for name in _names(folder) if name != "__MACOSX" and os.path.isdir(folder / name))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise BadInput(f"{folder}: cannot be listed ({error.strerror}); check the folder and its mode") from error


def image_file(folder: Path, stem: str) -> Path:
    """Path of an image file of that name, the existing one; .nii.gz where there is none."""
    paths = [stored_path(folder, f"{stem}{suffix}") for suffix in IMAGE_SUFFIXES]
    return next((path for path in paths if os.path.isfile(path)), paths[0])


def subject_ids(names: Iterable[str]) -> dict[str, str]:
    """From a source's case names to case ids: `sub-` and the name's letters and digits, without the marks `ID_`.

    Raises:
        BadInput: a name has none, or two names would become one id.
    """
    ids: dict[str, str] = {}
    taken: dict[str, str] = {}
    for name in names:
        letters = re.sub(r"(^|_)ID_|[^A-Za-z0-9]", "", canonical_id(name))
        if not letters:
            raise BadInput(f"case {name!r}: its name has no letter or digit to make an id from; rename its files")
        if letters.lower() in taken:
            raise BadInput(f"cases {taken[letters.lower()]!r} and {name!r}: would get one id; rename one of them")
        taken[letters.lower()] = name
        ids[name] = f"sub-{letters}"
    return ids


def patient_of(name: str) -> str:
    """Of `ID_<patient>_ID_<series>`, the names of the RSNA 2019 challenge, the patient; else the name itself."""
    match = _RSNA_NAME.fullmatch(name)
    return match["patient"] if match else name


def read_table(
    path: Path,
    columns: tuple[str, ...],
    *,
    optional: tuple[str, ...] = (),
    way_out: str = "use the table as it was published",
    encodings: tuple[str, ...] = UTF_8,
) -> list[dict[str, str]]:
    """Rows of a table as `read_cells` reads it; empty rows are skipped, and column names are met in any case.

    Cells are stripped and, as they may hold ids, in Unicode's form NFC.

    Args:
        optional: further columns, whose cells are empty where the table lacks them.
        way_out: of a table that lacks a column or cannot be opened, for the message.
        encodings: as in `read_cells`.

    Raises:
        BadInput: the table is missing or unreadable, or lacks one of the columns.
    """
    rows = [cells for _, cells in read_cells(path, way_out=way_out, encodings=encodings)]
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    missing = [column for column in columns if column.lower() not in header]
    if missing:
        raise BadInput(f"{path}: lacks the column {', '.join(missing)}; {way_out}")
    names = (*columns, *(column for column in optional if column.lower() in header))
    places = {column: header.index(column.lower()) for column in names}
    cells = [[canonical_id(cell.strip()) for cell in row] + [""] * len(header) for row in rows[1:]]
    return [dict.fromkeys(optional, "") | {column: row[place] for column, place in places.items()} for row in cells]
