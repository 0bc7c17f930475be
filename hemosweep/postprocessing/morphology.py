"""Closing and opening of a predicted mask, slice by slice."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from hemosweep.arrays import FloatArray, Mask, Spacing


@dataclass(frozen=True, kw_only=True, slots=True)
class Closing:
    """Closing in plane by a square of `size_px` pixels or of `size_mm`: gaps and holes narrower than it become lesion.

    Hssayeni et al. 2020 close with 10 x 10 pixels, and then open with 5 x 5 (their public code).
    """

    size_px: int | None = None
    size_mm: float | None = None

    def __post_init__(self) -> None:
        _check_size(self.size_px, self.size_mm)

    def apply(self, mask_DHW: "Mask", probability_DHW: "FloatArray", spacing_DHW_mm: "Spacing") -> "Mask":
        from scipy import ndimage

        return _in_plane(ndimage.binary_closing, mask_DHW, _square(self.size_px, self.size_mm, spacing_DHW_mm))


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """Opening in plane by a square of `size_px` pixels or of `size_mm`: what is narrower than it becomes background."""

    size_px: int | None = None
    size_mm: float | None = None

    def __post_init__(self) -> None:
        _check_size(self.size_px, self.size_mm)

    def apply(self, mask_DHW: "Mask", probability_DHW: "FloatArray", spacing_DHW_mm: "Spacing") -> "Mask":
        from scipy import ndimage

        return _in_plane(ndimage.binary_opening, mask_DHW, _square(self.size_px, self.size_mm, spacing_DHW_mm))


def _check_size(size_px: int | None, size_mm: float | None) -> None:
    if (size_px is None) == (size_mm is None):
        raise BadInput(f"size_px={size_px}, size_mm={size_mm}: give one of the two")
    if size_px is not None and size_px < 1:
        raise BadInput(f"size_px={size_px}: must be at least 1")
    if size_mm is not None and not 0.0 < size_mm < math.inf:
        raise BadInput(f"size_mm={size_mm}: must be positive")


def _square(size_px: int | None, size_mm: float | None, spacing_DHW_mm: "Spacing") -> tuple[int, int]:
    """Rows and columns of the square."""
    if size_px is not None:
        return size_px, size_px
    assert size_mm is not None
    rows, columns = (max(1, round(size_mm / mm)) for mm in spacing_DHW_mm[1:])
    return rows, columns


def _in_plane(operation: Callable[..., Any], mask_DHW: "Mask", size: tuple[int, int]) -> "Mask":
    """An operation of SciPy on each slice. Beyond the image lies background, which a lesion at its edge may grow into
    on the way."""
    import numpy as np

    rows, columns = size
    padded_DHW = np.pad(mask_DHW, ((0, 0), (rows, rows), (columns, columns)))
    changed_DHW: Mask = operation(padded_DHW, structure=np.ones((1, rows, columns), dtype=bool))
    return changed_DHW[:, rows:-rows, columns:-columns]
