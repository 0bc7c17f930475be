"""The overview of a prepared case: its numbers and a few small views, kept in the case's file beside what is trained
on.

A page of all cases, and a comparison with other cohorts, can be made without preparing anything again. The members are
appended, so that neither the reader of the case nor its content digest knows of them.
"""

import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import FloatArray, Mask, bounding_box
from hemosweep.errors import BadInput
from hemosweep.preprocessing.pipeline import PreparedImages

NUMBERS_NAME, VIEW_NAME = "overview.npy", "overview_view_{}.npy"
LESION_OUTSIDE = "lesion_outside_share"
"""Key of the share of the lesion outside the brain mask, in `Overview.numbers` of a case with a lesion mask."""
VIEW_MM = 0.9
MARGIN_MM = 4.0
VIEW_WINDOW_HU = (-40.0, 160.0)
"""Shows brain, and bone against both brain and air."""
BONE_GRAY = 215.0
"""Gray value of bone: an outline shows on it, too."""
AXIAL_LEVELS = (0.35, 0.7)
RESIDUAL_WINDOW_HU = (-100.0, 100.0)
"""Fat to bone: contrast agent and the skull's thickness do not outweigh what lies in the wrong place."""
MAX_SAMPLED = 1_000_000
IMAGE, OUTLINE = 0, 1

View = NDArray[np.uint8]
"""Gray values and, where the brain mask's border runs, 1: (2, height, width), upright, the patient's right at the left
or, seen from the side, the front at the left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """Numbers of a prepared case by name, with their unit in it, and its views: two axial ones, a coronal and a
    sagittal one through the middle of the brain.

    `symmetric_residual_hu` and `cta_residual_hu` are there only where the case has such a channel.
    """

    numbers: Mapping[str, float]
    views: tuple[View, ...]


def case_numbers(images: PreparedImages) -> dict[str, float]:
    """Numbers of a case on the scanner's grid: its masks, its voxels, its HU in the brain, its residuals.

    `symmetric_residual_hu` is the mean difference between the CT and the symmetric image in the brain, inside the
    window; `cta_residual_hu` that between CT and angiography in the head beside and around the brain, cut to fat and
    bone.
    """
    brain_hu: FloatArray = images.head.ct.array_DHW[images.head.brain_DHW].astype(np.float32, copy=False)
    some_hu = brain_hu[:: max(1, brain_hu.size // MAX_SAMPLED)]
    hu_p5, hu_median, hu_p95 = (float(value) for value in np.percentile(some_hu, (5, 50, 95)))
    slice_mm, *pixel_mm = images.head.ct.spacing_DHW_mm
    numbers = asdict(images.head.measures) | {
        "slice_mm": slice_mm,
        "pixel_mm": max(pixel_mm),
        "hu_p5": hu_p5,
        "hu_median": hu_median,
        "hu_p95": hu_p95,
        "hu_lowest": images.head.raw.ct.array_DHW.min(),
        "hu_highest": images.head.raw.ct.array_DHW.max(),
    }
    if images.head.lesion_outside_share is not None:
        numbers[LESION_OUTSIDE] = images.head.lesion_outside_share
    if "symmetric" in images.channels_DHW:
        low_hu, high_hu = images.window_hu
        mirrored_DHW = images.channels_DHW["symmetric"]
        both_DHW = images.head.brain_DHW & (mirrored_DHW > -1.0)
        difference = np.abs(images.channels_DHW["ct"][both_DHW] - mirrored_DHW[both_DHW])
        numbers["symmetric_residual_hu"] = (
            float(difference.mean()) * (high_hu - low_hu) / 2.0 if difference.size else 0.0
        )
    if images.cta_DHW is not None:
        has_brain_D = np.asarray(images.head.brain_DHW.any(axis=(1, 2)))
        beside_DHW = images.head.head_DHW & has_brain_D[:, None, None]
        ct, cta = (
            np.clip(hu_DHW[beside_DHW], *RESIDUAL_WINDOW_HU) for hu_DHW in (images.head.ct.array_DHW, images.cta_DHW)
        )
        numbers["cta_residual_hu"] = float(np.abs(ct - cta).mean())
    return {name: float(value) for name, value in numbers.items()}


def make_overview(images: PreparedImages) -> Overview:
    """Measure and picture a prepared case."""
    start_DHW, size_DHW = bounding_box(images.head.head_DHW | images.head.brain_DHW)
    box = []
    for start, size, length, mm in zip(
        start_DHW, size_DHW, images.head.ct.array_DHW.shape, images.head.ct.spacing_DHW_mm, strict=True
    ):
        margin = round(MARGIN_MM / mm)
        box.append(slice(max(0, start - margin), min(length, start + size + margin)))
    hu_DHW, brain_DHW = images.head.ct.array_DHW[tuple(box)], images.head.brain_DHW[tuple(box)]
    (first, front, left), (depth, height, width) = bounding_box(brain_DHW)
    planes: list[tuple[int, int]] = [(0, first + round(level * (depth - 1))) for level in AXIAL_LEVELS]
    planes += [(1, front + height // 2), (2, left + width // 2)]
    views = [
        _view(
            np.take(hu_DHW, index, axis), np.take(brain_DHW, index, axis), _without(images.head.ct.spacing_DHW_mm, axis)
        )
        for axis, index in planes
    ]
    return Overview(numbers=case_numbers(images), views=tuple(views))


def append_overview(overview: Overview, path: Path) -> None:
    """Append an overview to the file of a saved case, which nobody reads yet."""
    numbers = np.frombuffer(json.dumps(dict(overview.numbers)).encode(), dtype=np.uint8)
    members = {NUMBERS_NAME: numbers} | {VIEW_NAME.format(index): view for index, view in enumerate(overview.views)}
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in members.items():
            with archive.open(name, "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def load_overview(path: Path, *, with_views: bool = True) -> Overview | None:
    """Read the overview of a saved case, or its numbers alone; None where an earlier version saved it.

    Raises:
        BadInput: the file is missing or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if NUMBERS_NAME not in names:
                return None
            view_names = [name for name in map(VIEW_NAME.format, range(len(names))) if with_views and name in names]
            numbers, *views = (_read(archive, name) for name in (NUMBERS_NAME, *view_names))
            return Overview(numbers=json.loads(numbers.tobytes()), views=tuple(views))
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(f"{path}: not a readable preprocessed case; delete it and run the same command again") from error


def cohort_ranges(paths: Iterable[Path]) -> tuple[tuple[str, float, float], ...]:
    """Return name, lowest and highest value of each number that all saved cases have; none where one has no overview.

    Raises:
        BadInput: a file is missing or damaged.
    """
    overviews = [load_overview(path, with_views=False) for path in paths]
    known = [overview.numbers for overview in overviews if overview is not None]
    if not known or len(known) < len(overviews):
        return ()
    names = [name for name in known[0] if all(name in numbers for numbers in known)]
    return tuple(
        (name, min(numbers[name] for numbers in known), max(numbers[name] for numbers in known)) for name in names
    )


def _read(archive: zipfile.ZipFile, name: str) -> NDArray[np.uint8]:
    with archive.open(name) as member:
        array: NDArray[np.uint8] = np.lib.format.read_array(member, allow_pickle=False)
        return array


def _without(spacing_DHW_mm: tuple[float, ...], axis: int) -> tuple[float, float]:
    row_mm, column_mm = (mm for index, mm in enumerate(spacing_DHW_mm) if index != axis)
    return row_mm, column_mm


def _view(hu_HW: FloatArray, brain_HW: Mask, step_HW_mm: tuple[float, float]) -> View:
    """One plane on square pixels, its gray values and the border of the brain mask."""
    zoom = [mm / VIEW_MM for mm in step_HW_mm]
    low_hu, high_hu = VIEW_WINDOW_HU
    gray_HW = (np.clip(hu_HW, low_hu, high_hu) - low_hu) * (BONE_GRAY / (high_hu - low_hu))
    gray_HW = ndimage.zoom(gray_HW, zoom, order=1, grid_mode=True, mode="nearest")
    mask_HW = ndimage.zoom(brain_HW.astype(np.float32), zoom, order=1, grid_mode=True, mode="nearest") > 0.5
    outline_HW = ndimage.binary_dilation(mask_HW) & ~ndimage.binary_erosion(mask_HW, border_value=1)
    return np.stack([np.rint(gray_HW).astype(np.uint8), outline_HW.astype(np.uint8)])[:, ::-1, ::-1]
