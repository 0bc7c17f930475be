"""Prediction and reference of one case, as every metric takes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    # Imported later: to know the names of the metrics takes no arrays.
    from hemosweep.arrays import Mask, Spacing

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True, eq=False)
class Masks:
    """Two masks of one shape, cropped to the smallest box that holds both; they cannot be written to.

    `diagonal_mm` is that of the whole image: no distance between two masks can be longer. The grid is taken as
    right-angled.
    """

    prediction_DHW: Mask
    reference_DHW: Mask
    spacing_DHW_mm: Spacing
    diagonal_mm: float
    _known: dict[Callable[[Masks], Any], Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def voxel_ml(self) -> float:
        return math.prod(self.spacing_DHW_mm) / 1000.0

    def once(self, compute: Callable[[Masks], R]) -> R:
        """Value of a function of these masks, computed once for all the metrics that ask for it."""
        if compute not in self._known:
            self._known[compute] = compute(self)
        value: R = self._known[compute]
        return value


def cropped(prediction_DHW: Mask, reference_DHW: Mask, spacing_DHW_mm: Spacing) -> Masks:
    """The masks of a whole image, cropped. Everything is much faster there.

    Raises:
        ValueError: the two differ in shape.
    """
    if prediction_DHW.shape != reference_DHW.shape:
        raise ValueError(f"prediction {prediction_DHW.shape} and reference {reference_DHW.shape} differ in shape")
    box = _bounding_box(prediction_DHW | reference_DHW)
    views = [prediction_DHW[box], reference_DHW[box]]
    for view in views:
        view.flags.writeable = False
    return Masks(
        prediction_DHW=views[0],
        reference_DHW=views[1],
        spacing_DHW_mm=spacing_DHW_mm,
        diagonal_mm=math.hypot(*(size * mm for size, mm in zip(reference_DHW.shape, spacing_DHW_mm, strict=True))),
    )


def _bounding_box(mask_DHW: Mask) -> tuple[slice, ...]:
    """The smallest box that holds a mask; an empty box for an empty mask."""
    import numpy as np

    if not mask_DHW.any():
        return (slice(0, 0),) * mask_DHW.ndim
    ranges = []
    for axis in range(mask_DHW.ndim):
        others = tuple(other for other in range(mask_DHW.ndim) if other != axis)
        (inside,) = np.nonzero(mask_DHW.any(axis=others))
        ranges.append(slice(int(inside[0]), int(inside[-1]) + 1))
    return tuple(ranges)
