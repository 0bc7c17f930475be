"""Grid of an image file as it is stored, to which a result goes back. No image library is needed to keep it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FileGrid:
    """Shape and place of a NIfTI file in the order of its own axes (i, j, k).

    `affine` maps (i, j, k) to RAS+ millimetres. `sform` and `qform` are those of the header, None where their codes are
    zero; without both, readers take a place from the shape alone. `units` is the header's `xyzt_units`.
    """

    shape_IJK: tuple[int, int, int]
    affine: Matrix
    sform: Matrix | None
    sform_code: int
    qform: Matrix | None
    qform_code: int
    units: int


def matrix(values: Any) -> Matrix:
    """An array, or the lists of a JSON file, as a matrix."""
    return tuple(tuple(float(value) for value in row) for row in values)


def file_grid_from_json(values: Mapping[str, Any] | None) -> FileGrid | None:
    """The grid from `dataclasses.asdict` in a JSON file; None where there is none."""
    if values is None:
        return None
    i, j, k = values["shape_IJK"]
    return FileGrid(
        shape_IJK=(i, j, k),
        affine=matrix(values["affine"]),
        sform=None if values["sform"] is None else matrix(values["sform"]),
        sform_code=values["sform_code"],
        qform=None if values["qform"] is None else matrix(values["qform"]),
        qform_code=values["qform_code"],
        units=values["units"],
    )
