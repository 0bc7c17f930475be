"""The series in a folder of DICOM files, from their headers alone.

Patient, study and file names are kept only to group and to open files. They are left out of `repr` and of every
message: a message names a series by its number, and a file by its place in its folder.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from hemosweep.data.dicom.geometry import Stack, stack_slices
from hemosweep.data.dicom.header import MARK_END, Damaged, Header, NotDicom, NotImage, read_header
from hemosweep.errors import BadInput

MIN_SERIES_SLICES = 4
"""Fewer are a scout, a test or a dose report."""
ENDINGS = (".dcm", ".ima")
MIN_NORMAL_Z = 0.75
"""Axial slices: their normal is within 41 degrees of the body's axis, and gantries tilt by 30 at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DicomSeries:
    """Slices of one scan or reconstruction.

    `number` counts the series of its study from 1, and `num_series` is their number. `refusal` is the reason why the
    series cannot be read; otherwise `stack` has the positions of its slices. `paths` are in the order of `stack`, and
    `places` are their names in messages. `header` is that of one slice.
    """

    number: int
    num_series: int
    patient: str = field(repr=False)
    study: str = field(repr=False)
    paths: tuple[Path, ...] = field(repr=False)
    places: tuple[str, ...]
    header: Header = field(repr=False)
    stack: Stack | None
    refusal: str | None

    @property
    def name(self) -> str:
        return f"series {self.number} of {self.num_series}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """The series below a folder, those of one study next to each other; `notes` are about files left out."""

    series: tuple[DicomSeries, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    path: Path
    place: str
    header: Header


def list_series(source: Path) -> Listing:
    """Group the DICOM files of a folder and of those below it; links to folders are not followed.

    A series with a damaged file in its folder is refused, since a slice of it may be missing. The order of studies
    and series depends on the files' contents, not on their names, and tells nothing about the patients.

    Raises:
        BadInput: no such folder, or no DICOM file in it.
    """
    if not os.path.isdir(source):
        raise BadInput(f"{source}: no such folder; give the folder with the DICOM files")
    files: list[_File] = []
    damaged: dict[Path, list[str]] = {}
    kinds: Counter[str] = Counter()
    num_others = num_closed = 0
    for folder, names in _folders(source):
        if names is None:
            num_closed += 1
            continue
        readable, bad, num_foreign = _read_folder(folder, names, kinds)
        files += readable
        num_others += num_foreign
        if bad:
            damaged[folder] = bad
    num_damaged = sum(map(len, damaged.values()))
    if not files:
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
    studies: dict[tuple[str, str], list[list[_File]]] = defaultdict(list)
    for group in _groups(files):
        studies[group[0].header.patient, group[0].header.study].append(group)
    series: list[DicomSeries] = []
    for key in sorted(studies, key=_scrambled):
        groups = sorted(studies[key], key=lambda group: (group[0].header.series_number, _scrambled(_key(group[0]))))
        for number, group in enumerate(groups, start=1):
            series.append(_series(number, len(groups), group, damaged))
    return Listing(series=tuple(series), notes=tuple(notes))


def _scrambled(key: Sequence[object]) -> str:
    """Sort key for a fixed order that reveals neither names nor dates."""
    return sha256(repr(tuple(key)).encode()).hexdigest()


def _folders(source: Path) -> Iterator[tuple[Path, list[str] | None]]:
    """Each folder with the names of its files; None where it cannot be listed."""
    closed: list[OSError] = []
    for folder, folders, names in os.walk(source, onerror=closed.append):
        folders.sort()
        yield Path(folder), sorted(name for name in names if not name.startswith("."))
    for error in closed:
        yield Path(error.filename), None


def _read_folder(folder: Path, names: list[str], kinds: Counter[str]) -> tuple[list[_File], list[str], int]:
    """Its DICOM slices, the places of damaged files, and the number of others; DICOM objects that are no images are
    counted in `kinds`."""
    readable: list[_File] = []
    damaged: list[tuple[int, str]] = []
    short: list[tuple[int, str]] = []
    num_foreign = 0
    for number, name in enumerate(names, start=1):
        path = folder / name
        if not os.path.isfile(path):  # a link to nowhere or to itself
            num_foreign += 1
            continue
        place = f"file {number} of {len(names)} in its folder"
        try:
            readable.append(_File(path=path, place=place, header=read_header(path)))
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
    places = [str(number) for number, _ in sorted(damaged + slices)]
    return readable, places, num_foreign + len(short) - len(slices)


def _ending(name: str) -> str:
    ending = os.path.splitext(name)[1].lower()
    return ending if re.fullmatch(r"\.[a-z]+", ending) else ""


def _key(file: _File) -> tuple[object, ...]:
    header = file.header
    return header.series, header.refusal or "", header.rows, header.columns


def _groups(files: list[_File]) -> list[list[_File]]:
    """Files of one series UID, matrix, orientation and pixel size."""
    by_key: dict[tuple[object, ...], list[list[_File]]] = defaultdict(list)
    for file in files:
        header = file.header
        groups = by_key[header.patient, header.study, *_key(file)]
        for group in groups:
            first = group[0].header
            if np.allclose(first.orientation, header.orientation, atol=0.01) and np.allclose(
                first.pixel_mm, header.pixel_mm, rtol=0.01
            ):
                group.append(file)
                break
        else:
            groups.append([file])
    return _joined([group for groups in by_key.values() for group in groups])


def _joined(groups: list[list[_File]]) -> list[list[_File]]:
    """The groups, with single slices that carry a series id each put together where they are alike in all else."""
    single: dict[tuple[object, ...], list[_File]] = defaultdict(list)
    others = []
    for group in groups:
        header = group[0].header
        if len(group) > 1 or header.refusal is not None:
            others.append(group)
            continue
        grid = (header.rows, header.columns, *np.round((*header.orientation, *header.pixel_mm), 3).tolist())
        named = (header.series_number, header.description, header.kernel, header.derived)
        single[header.patient, header.study, *named, *grid].append(group[0])
    return others + list(single.values())


def _series(number: int, num_series: int, group: list[_File], damaged: dict[Path, list[str]]) -> DicomSeries:
    # By content first, so that file names have no influence.
    group = sorted(group, key=lambda file: (file.header.position, file.header.instance, str(file.path)))
    header, stack = group[0].header, None
    group, num_copies = _without_copies(group)
    refusal = header.refusal or _incomplete(group, damaged)
    if refusal is None:
        row_3, column_3 = np.array(header.orientation[:3]), np.array(header.orientation[3:])
        try:
            if abs(np.cross(row_3, column_3)[2]) < MIN_NORMAL_Z:
                raise BadInput("its slices are not axial")
            positions_N3 = np.array([file.header.position for file in group])
            stack = stack_slices(positions_N3, row_3, column_3, header.pixel_mm)
            if num_copies:
                copies = f"{num_copies} file{'s are copies' if num_copies > 1 else ' is a copy'} of another slice"
                stack = replace(stack, warnings=(f"{copies}, left out", *stack.warnings))
            group = [group[index] for index in stack.order_N]
        except BadInput as error:
            refusal = str(error)
    return DicomSeries(
        number=number,
        num_series=num_series,
        patient=header.patient,
        study=header.study,
        paths=tuple(file.path for file in group),
        places=tuple(file.place for file in group),
        header=header,
        stack=stack,
        refusal=refusal,
    )


def _without_copies(group: list[_File]) -> tuple[list[_File], int]:
    """The files without those that are the same, byte for byte, as another one of the same instance, and their
    number."""
    by_uid: dict[str, list[_File]] = defaultdict(list)
    for file in group:
        by_uid[file.header.uid].append(file)
    copies: set[Path] = set()
    for uid, files in by_uid.items():
        if uid and len(files) > 1:
            seen: set[bytes] = set()
            for file in files:
                digest = sha256(file.path.read_bytes()).digest()
                copies |= {file.path} if digest in seen else set()
                seen.add(digest)
    return [file for file in group if file.path not in copies], len(copies)


def _incomplete(group: list[_File], damaged: dict[Path, list[str]]) -> str | None:
    if len(group) < MIN_SERIES_SLICES:
        return f"has only {len(group)} slice{'s' * (len(group) > 1)}"
    bad = [place for folder in {file.path.parent for file in group} for place in damaged.get(folder, [])]
    if bad:
        listed = ", ".join(bad[:8]) + (", ..." if len(bad) > 8 else "")
        return (
            f"files beside it are empty, cut off or unreadable (number {listed} of the folder, by name): copy the "
            "series again, or take them away"
        )
    return None
