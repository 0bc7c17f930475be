"""Names, for a message, of things in the place of a data set or of a case's file that is missing, with the way out."""

import os
import shlex
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from hemosweep.data.image_names import stem_of

MAX_LOOKED_AT, MAX_DEPTH, MAX_NAMED = 2_000, 4, 3
TABLE_ENDINGS = (".csv", ".txt", ".tsv", ".xlsx", ".xls", ".ods", ".json")
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar")
RESULTS = ("fold_runs", "mlflow.db", "calibrations.json", "code.json")
"""Names of which one at least is in an output folder."""
NNUNET = ("imagesTr", "labelsTr")
MAX_ABOVE = 4
"""Folders from a data set's own down to one inside, such as that of a preprocessing."""


def no_folder(data: Path, table_name: str) -> str:
    """Reason why a path is no data folder."""
    name = data.name.lower()
    if name.endswith(ARCHIVES) and os.path.isfile(data):
        return f"{data}: is an archive; unpack it, and give the folder that holds {table_name}"
    if os.path.isfile(data):
        return f"{data}: is a file; give the folder that holds {table_name}"
    return f"{data}: no such data folder; give the folder that holds {table_name}"


def instead_of_table(data: Path, table_name: str) -> str | None:
    """Kind of a folder without a table of participants, and the way out; None where it holds no scans at all."""
    other = no_place_for_table(data, table_name)
    num_images = 0 if other else sum(1 for _ in islice(image_files(data), MAX_LOOKED_AT))
    if num_images:
        place = shlex.quote(str(data))
        return f"its folder holds {num_images} images: hemosweep init {place} makes the table from their names"
    return other


def no_place_for_table(data: Path, table_name: str) -> str | None:
    """Kind of a folder that is no data set, not even one without its table, and the way out; None for any other."""
    names = _names(data)
    stem = Path(table_name).stem
    for name in names:
        if Path(name).stem.lower().startswith(stem) and Path(name).suffix.lower() in TABLE_ENDINGS:
            return f"there is {name}: save it as {table_name}, tab-separated text in UTF-8"
    above = next(
        (folder for folder in data.absolute().parents[:MAX_ABOVE] if os.path.isfile(folder / table_name)), None
    )
    if above is not None:
        return f"it lies in the data set {above}: give that folder"
    if any(name in names for name in RESULTS):
        return "it is a folder of results (--out), not of scans: give the data set's folder"
    below = [data / name for name in names if os.path.isfile(data / name / table_name)]
    if below:
        return f"the data set is one folder below: give {named([str(path) for path in below], ' or ')}"
    if all(name in names for name in NNUNET):
        return f"it is a folder of nnU-Net: hemosweep data import-nnunet {shlex.quote(str(data))} NEW_FOLDER"
    files = islice(_files(data), MAX_LOOKED_AT)
    if any(stem_of(path.name) is None and _is_dicom(path) for path in files):
        return f"it holds DICOM files: hemosweep data import-dicom {shlex.quote(str(data))} NEW_FOLDER"
    return None


def image_files(folder: Path) -> Iterator[Path]:
    """Images in a folder and some levels below, in the order of their names; derived data left out."""
    return (path for path in _files(folder) if stem_of(path.name) is not None)


def other_images(folder: Path, taken: Sequence[Path]) -> list[str]:
    """Names of the images in a folder and below that are none of `taken`, sorted; paths from the folder on."""
    others = islice(image_files(folder), MAX_LOOKED_AT)
    return sorted(str(path.relative_to(folder)) for path in others if path not in taken)


def like_named_folder(data: Path, case_id: str) -> str | None:
    """Name of a folder whose name is a case's id but for `sub-` and leading zeros, which spreadsheets take away."""

    def core(name: str) -> str:
        return name.lower().removeprefix("sub-").lstrip("0")

    return next(
        (name for name in _names(data) if core(name) == core(case_id) and os.path.isdir(data / name)),
        None,
    )


def named(names: Sequence[str], joint: str = ", ") -> str:
    """The first few names, and how many more there are."""
    more = len(names) - MAX_NAMED
    return joint.join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _files(folder: Path) -> Iterator[Path]:
    """Files in a folder and some levels below, in the order of their names; hidden ones and derived data left out."""
    for place, folders, files in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(
            name for name in folders if depth < MAX_DEPTH and not name.startswith((".", "__")) and name != "derivatives"
        )
        yield from (Path(place) / name for name in sorted(files) if not name.startswith("."))


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
