"""Slices that belong to one series: those of one id and grid, and of several scans in one place those of each.

A scan is repeated where the patient moved, and some consoles put the repeat into the same series. Such a series is
parted by the first attribute, or by the first order of time, that makes whole scans of it.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from hashlib import sha256
from operator import attrgetter
from pathlib import Path

import numpy as np

from hemosweep.data.dicom.files import SliceFile
from hemosweep.data.dicom.geometry import SeveralScans, Stack, stack_slices
from hemosweep.data.dicom.header import Header
from hemosweep.errors import BadInput

MIN_SERIES_SLICES = 4
"""Fewer are a scout, a test or a dose report."""
MIN_NORMAL_Z = 0.75
"""Axial slices: their normal is within 41 degrees of the body's axis, and gantries tilt by 30 at most."""
MAX_SCANS = 4
"""A series of more scans in one place is one over time, such as a perfusion."""
MIN_SHARE = 0.9
"""Share of the whole way that each scan of such a series covers: less are the parts of one scan."""
ATTRIBUTES: dict[str, Callable[[Header], object]] = {
    "acquisition number": attrgetter("acquisition"),
    "image type": attrgetter("image_type"),
    "kernel": attrgetter("kernel"),
    "stack or time point": attrgetter("stack"),
}
ORDERS: dict[str, Callable[[Header], object]] = {
    "time of acquisition": attrgetter("acquired"),
    "time of creation": attrgetter("created"),
    "order of instance numbers": lambda header: (header.instance, header.frame or 0),
}


def group_slices(slices: Sequence[SliceFile]) -> list[list[SliceFile]]:
    """Slices of one series id, matrix, orientation and pixel size, also where each has a series id of its own."""
    by_key: dict[tuple[object, ...], list[list[SliceFile]]] = defaultdict(list)
    for one in slices:
        header = one.header
        groups = by_key[header.patient, header.study, *group_key(header)]
        for group in groups:
            first = group[0].header
            if np.allclose(first.orientation, header.orientation, atol=0.01) and np.allclose(
                first.pixel_mm, header.pixel_mm, rtol=0.01
            ):
                group.append(one)
                break
        else:
            groups.append([one])
    return _joined([group for groups in by_key.values() for group in groups])


def group_key(header: Header) -> tuple[object, ...]:
    return header.series, header.refusal or "", header.rows, header.columns


def _joined(groups: list[list[SliceFile]]) -> list[list[SliceFile]]:
    """The groups, with single slices that carry a series id each put together where they are alike in all else."""
    single: dict[tuple[object, ...], list[SliceFile]] = defaultdict(list)
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


def without_copies(group: Sequence[SliceFile]) -> tuple[list[SliceFile], int]:
    """The slices without those of files that are the same, byte for byte, as another one of the same instance, and the
    number of these files."""
    by_uid: dict[str, set[Path]] = defaultdict(set)
    for one in group:
        by_uid[one.header.uid].add(one.path)
    copies: set[Path] = set()
    for uid, paths in by_uid.items():
        if uid and len(paths) > 1:
            seen: set[bytes] = set()
            for path in sorted(paths):
                digest = sha256(path.read_bytes()).digest()
                copies |= {path} if digest in seen else set()
                seen.add(digest)
    return [one for one in group if one.path not in copies], len(copies)


def part_scans(group: Sequence[SliceFile]) -> tuple[list[list[SliceFile]], str | None]:
    """The scans of a group, and what told them apart; None where it is one scan or nothing tells them apart."""
    try:
        if group[0].header.refusal is not None or len(group) < 2 * MIN_SERIES_SLICES:
            return [list(group)], None
        stack_group(group)
    except SeveralScans:
        for name, key in ATTRIBUTES.items():
            if _are_scans(scans := _by_value(group, key)):
                return scans, name
        for name, key in ORDERS.items():
            if _are_scans(scans := _by_order(group, key)):
                return scans, name
    except BadInput:
        pass
    return [list(group)], None


def stack_group(group: Sequence[SliceFile]) -> Stack:
    """Places of the slices.

    Raises:
        SeveralScans: two lie in one place, or beside the line of the others.
        BadInput: they are not axial, or make no grid.
    """
    header = group[0].header
    row_3, column_3 = np.array(header.orientation[:3]), np.array(header.orientation[3:])
    if abs(np.cross(row_3, column_3)[2]) < MIN_NORMAL_Z:
        raise BadInput("its slices are not axial")
    positions_N3 = np.array([one.header.position for one in group])
    return stack_slices(positions_N3, row_3, column_3, header.pixel_mm)


def _by_value(group: Sequence[SliceFile], key: Callable[[Header], object]) -> list[list[SliceFile]]:
    """Slices by the value of an attribute, in the order in which the values come first."""
    values: dict[object, list[SliceFile]] = defaultdict(list)
    for one in group:
        values[key(one.header)].append(one)
    return sorted(values.values(), key=lambda scan: min((one.header.acquired, one.header.instance) for one in scan))


def _by_order(group: Sequence[SliceFile], key: Callable[[Header], object]) -> list[list[SliceFile]]:
    """Slices in an order, parted before each that lies where one of its scan does."""
    scans: list[list[SliceFile]] = []
    places: set[tuple[float, ...]] = set()
    for one in sorted(group, key=lambda one: key(one.header)):  # type: ignore[arg-type, return-value]
        if not scans or one.header.position in places:
            scans.append([])
            places.clear()
        scans[-1].append(one)
        places.add(one.header.position)
    return scans


def _are_scans(scans: Sequence[Sequence[SliceFile]]) -> bool:
    """True if each of them is even and without a gap, and they cover the same way."""
    if not 2 <= len(scans) <= MAX_SCANS or min(map(len, scans)) < MIN_SERIES_SLICES:
        return False
    try:
        stacks = [stack_group(scan) for scan in scans]
    except BadInput:
        return False
    z_mm = [[one.header.position[2] for one in scan] for scan in scans]
    whole_mm = max(map(max, z_mm)) - min(map(min, z_mm))
    shared_mm = min(map(max, z_mm)) - max(map(min, z_mm))
    return all(stack.at_D is None for stack in stacks) and shared_mm >= MIN_SHARE * whole_mm
