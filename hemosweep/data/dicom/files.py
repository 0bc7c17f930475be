"""The DICOM files below a folder, as slices.

A file is named by its number among those of its folder, by name, and a folder by the numbers of the folders on the way
to it: names often hold those of patients.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hemosweep.data.dicom.header import MARK_END, Damaged, Header, NotDicom, NotImage, read_headers
from hemosweep.errors import BadInput

ENDINGS = (".dcm", ".ima")
TOP = "SOURCE"
"""Name of the folder that the user gives; SOURCE/2/1 is the first folder of the second one in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceFile:
    """One slice: a file, `number` of `num_files` in its `folder`, or a frame of it."""

    path: Path = field(repr=False)
    number: int
    num_files: int
    folder: str
    header: Header

    @property
    def place(self) -> str:
        return f"{self.short_place} of {self.num_files} in its folder"

    @property
    def short_place(self) -> str:
        frame = self.header.frame
        return ("" if frame is None else f"frame {frame + 1} of ") + f"file {self.number}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Slices below a folder, the numbers of the damaged files of each folder, and `notes` about files left out."""

    slices: tuple[SliceFile, ...]
    damaged: dict[Path, tuple[int, ...]] = field(repr=False)
    notes: tuple[str, ...]


def find_slices(source: Path) -> Found:
    """Read the headers of the files in a folder and in those below it; links to folders are not followed.

    Raises:
        BadInput: no such folder, or no DICOM file in it.
    """
    if not os.path.isdir(source):
        raise BadInput(f"{source}: no such folder; give the folder with the DICOM files")
    slices: list[SliceFile] = []
    damaged: dict[Path, tuple[int, ...]] = {}
    kinds: Counter[str] = Counter()
    num_others = num_closed = 0
    for folder, label, names in _folders(source):
        if names is None:
            num_closed += 1
            continue
        readable, bad, num_foreign = _read_folder(folder, label, names, kinds)
        slices += readable
        num_others += num_foreign
        if bad:
            damaged[folder] = bad
    num_damaged = sum(map(len, damaged.values()))
    if not slices:
        unreadable = (
            f"{num_damaged} damaged files and {num_others} others" if num_damaged else f"{num_others} other files"
        )
        raise BadInput(f"{source}: holds no readable DICOM file ({unreadable}); give the folder with the DICOM files")
    notes = []
    if kinds:
        named = ", ".join(f"{kind} {number}" for kind, number in sorted(kinds.items()))
        notes.append(f"DICOM files that are no images, left out: {named}")
    if num_damaged:
        notes.append(f"files that are empty, cut off or unreadable: {num_damaged}; the series beside them are refused")
    if num_others:
        notes.append(f"files that are no DICOM, left out: {num_others}")
    if num_closed:
        notes.append(f"folders that cannot be listed, left out: {num_closed}")
    return Found(slices=tuple(slices), damaged=damaged, notes=tuple(notes))


def _folders(source: Path) -> Iterator[tuple[Path, str, list[str] | None]]:
    """Each folder, its label and the names of its files; None where it cannot be listed."""
    closed: list[OSError] = []
    labels = {source: TOP}
    for name, folders, names in os.walk(source, onerror=closed.append):
        folder = Path(name)
        folders.sort(key=lambda name: (name.startswith("."), name))
        labels |= {folder / name: f"{labels[folder]}/{number}" for number, name in enumerate(folders, start=1)}
        yield folder, labels[folder], sorted(name for name in names if not name.startswith("."))
    for error in closed:
        yield Path(error.filename), "", None


def _read_folder(
    folder: Path, label: str, names: list[str], kinds: Counter[str]
) -> tuple[list[SliceFile], tuple[int, ...], int]:
    """Its DICOM slices, the numbers of damaged files, and the number of others; DICOM objects that are no images are
    counted in `kinds`."""
    readable: list[SliceFile] = []
    damaged: list[tuple[int, str]] = []
    short: list[tuple[int, str]] = []
    num_foreign = 0
    for number, name in enumerate(names, start=1):
        path = folder / name
        if not os.path.isfile(path):  # a link to nowhere or to itself
            num_foreign += 1
            continue
        try:
            readable += [
                SliceFile(path=path, number=number, num_files=len(names), folder=label, header=header)
                for header in read_headers(path)
            ]
        except NotImage as other:
            kinds[str(other)] += 1
        except NotDicom:
            if os.path.getsize(path) < MARK_END:
                short.append((number, name))
            else:
                num_foreign += 1
        except Damaged:
            damaged.append((number, name))
    # A file too short for the DICM mark may be a truncated slice: it counts as one if its name has a known ending.
    endings = {*ENDINGS, *(_ending(file.path.name) for file in readable), *(_ending(name) for _, name in damaged)}
    slices = [pair for pair in short if _ending(pair[1]) in endings]
    numbers = tuple(sorted(number for number, _ in damaged + slices))
    return readable, numbers, num_foreign + len(short) - len(slices)


def _ending(name: str) -> str:
    ending = os.path.splitext(name)[1].lower()
    return ending if re.fullmatch(r"\.[a-z]+", ending) else ""
