"""The series in a folder of DICOM files, from their headers alone.

Patient, study and file names are kept only to group and to open files. They are left out of `repr` and of every
message: a message names a series by its number, and a file by its place in its folder.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from posixpath import commonpath

from hemosweep.data.dicom.files import SliceFile, find_slices
from hemosweep.data.dicom.geometry import SeveralScans, Stack
from hemosweep.data.dicom.grouping import (
    MIN_SERIES_SLICES,
    group_key,
    group_slices,
    part_scans,
    stack_group,
    without_copies,
)
from hemosweep.data.dicom.header import Header
from hemosweep.errors import BadInput

MAX_NAMED_FILES = 8
KEY_DIGITS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class DicomSeries:
    """Slices of one scan or reconstruction.

    `number` counts the series of its study from 1, and `num_series` is their number. `key` is a digest of its slices'
    ids, by which it is found again. `refusal` is the reason why the series cannot be read; otherwise `stack` has the
    positions of its slices. `paths` are in the order of `stack`, `frames` are the frames in them, counted from 0 (None:
    a file of one slice), and `places` are their names in messages. `folder` is that of all of them, without its name.
    `header` is that of one slice.
    """

    number: int
    num_series: int
    key: str
    patient: str = field(repr=False)
    study: str = field(repr=False)
    paths: tuple[Path, ...] = field(repr=False)
    frames: tuple[int | None, ...]
    places: tuple[str, ...]
    folder: str
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
class _Scan:
    """Slices of a series, the number of copies of them, and its place among the scans that `told_by` parts."""

    slices: list[SliceFile]
    num_copies: int
    place: int
    num_scans: int
    told_by: str | None

    @property
    def header(self) -> Header:
        return self.slices[0].header


def list_series(source: Path) -> Listing:
    """Group the DICOM files of a folder and of those below it; links to folders are not followed.

    A series with a damaged file in its folder is refused, since a slice of it may be missing. The order of studies
    and series depends on the files' contents, not on their names, and tells nothing about the patients.

    Raises:
        BadInput: no such folder, or no DICOM file in it.
    """
    found = find_slices(source)
    studies: dict[tuple[str, str], list[_Scan]] = defaultdict(list)
    for group in group_slices(found.slices):
        header = group[0].header
        studies[header.patient, header.study] += _scans(group)
    series: list[DicomSeries] = []
    keys: Counter[str] = Counter()
    for study in sorted(studies, key=_scrambled):
        scans = sorted(
            studies[study],
            key=lambda scan: (scan.header.series_number, _scrambled(group_key(scan.header)), scan.place),
        )
        for number, scan in enumerate(scans, start=1):
            one = _series(number, len(scans), scan, found.damaged)
            keys[one.key] += 1
            # One study that was exported for two patients has the same ids twice.
            series.append(one if keys[one.key] == 1 else replace(one, key=f"{one.key}-{keys[one.key]}"))
    return Listing(series=tuple(series), notes=found.notes)


def _scrambled(key: Sequence[object]) -> str:
    """Sort key for a fixed order that reveals neither names nor dates."""
    return sha256(repr(tuple(key)).encode()).hexdigest()


def _scans(group: Sequence[SliceFile]) -> list[_Scan]:
    """The scans of a group of slices, most often one."""
    # By content first, so that file names have no influence.
    group = sorted(group, key=lambda one: (one.header.position, one.header.instance, str(one.path)))
    group, num_copies = without_copies(group)
    scans, told_by = part_scans(group)
    return [
        _Scan(slices=slices, num_copies=num_copies, place=place, num_scans=len(scans), told_by=told_by)
        for place, slices in enumerate(scans)
    ]


def _series(number: int, num_series: int, scan: _Scan, damaged: dict[Path, tuple[int, ...]]) -> DicomSeries:
    group, stack = sorted(scan.slices, key=lambda one: (one.header.position, one.header.instance)), None
    header = group[0].header
    refusal = header.refusal or _incomplete(group, damaged)
    if refusal is None:
        try:
            stack = stack_group(group)
            stack = replace(stack, warnings=(*_scan_warnings(scan), *stack.warnings))
            group = [group[index] for index in stack.order_N]
        except SeveralScans as error:
            refusal = str(error) + _named_files([group[index] for index in error.in_one_place])
        except BadInput as error:
            refusal = str(error)
    ids = sorted((one.header.uid, one.header.instance, one.header.frame or 0) for one in group)
    return DicomSeries(
        number=number,
        num_series=num_series,
        key="s"
        + _scrambled((*ids, scan.place))[:KEY_DIGITS],  # A letter first, or a spreadsheet takes it for a number.
        patient=header.patient,
        study=header.study,
        paths=tuple(one.path for one in group),
        frames=tuple(one.header.frame for one in group),
        places=tuple(one.place for one in group),
        folder=_common_folder([one.folder for one in group]),
        header=header,
        stack=stack,
        refusal=refusal,
    )


def _scan_warnings(scan: _Scan) -> tuple[str, ...]:
    warnings = []
    if scan.told_by is not None:
        warnings.append(
            f"its series holds {scan.num_scans} scans in one place, which are told apart by their {scan.told_by}: this "
            f"is number {scan.place + 1}"
        )
    if scan.num_copies:
        copies = f"{scan.num_copies} file{'s are copies' if scan.num_copies > 1 else ' is a copy'} of another slice"
        warnings.append(f"{copies}, left out")
    return tuple(warnings)


def _named_files(group: Sequence[SliceFile]) -> str:
    """Files that lie where another does, and the way out; empty where it is not known which they are."""
    if not group:
        return ""
    places: dict[str, list[str]] = defaultdict(list)
    for one in sorted(group, key=lambda one: (one.folder, one.number, one.header.frame or 0))[:MAX_NAMED_FILES]:
        places[one.folder].append(one.short_place)
    named = "; ".join(f"in {folder} {', '.join(files)}" for folder, files in places.items())
    more = ", ..." if len(group) > MAX_NAMED_FILES else ""
    return f", and no tag parts it into whole scans ({named}{more}, by name): move the files of one of them elsewhere"


def _common_folder(folders: Sequence[str]) -> str:
    return commonpath(folders)


def _incomplete(group: Sequence[SliceFile], damaged: dict[Path, tuple[int, ...]]) -> str | None:
    if len(group) < MIN_SERIES_SLICES:
        return f"has only {len(group)} slice{'s' * (len(group) > 1)}"
    bad = [str(number) for folder in {one.path.parent for one in group} for number in damaged.get(folder, ())]
    if bad:
        listed = ", ".join(bad[:MAX_NAMED_FILES]) + (", ..." if len(bad) > MAX_NAMED_FILES else "")
        return (
            f"files beside it are empty, cut off or unreadable (number {listed} of the folder, by name): copy the "
            "series again, or take them away"
        )
    return None
