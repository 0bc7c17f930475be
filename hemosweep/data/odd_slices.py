"""Slices in the middle of a CT that show no head, or not the head that the slices around them show."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import FloatArray, Mask, Spacing

BLOCK_MM = 4.0
CONSTANT_SHARE = 0.999
"""Share of a slice's pixels with one value that makes it a blank page; the air around a head leaves 0.9."""
BODY_FROM_HU, FLOOR_HU = -200.0, 8.0
"""A body is denser than foam, and than the lowest value of the scan by more than noise."""
MIN_OF_NEIGHBOURS = 0.1
"""Less, of the smaller area of the two slices of the head beside it, leaves no body in a slice."""
MIN_BETWEEN = 0.2
"""A slice is between slices of the head where the nearest on either side have this share of the largest area: the last
slice of a vertex has less, so that a cushion above it makes no gap."""
AROUND_MM, MIN_AROUND, MAX_AROUND = 15.0, 2, 5
"""Distance, least and largest number of slices, of what lies around a slice on either side."""
SOFT_HU = (-20.0, 110.0)
MIN_SOFT = 0.5
"""Share of the largest area of soft tissue that the slices below and above must have in common. In vertex, base and
neck, where slices do differ, they have less."""
MAX_SHIFT_HU, MAX_SHIFTED = 60.0, 0.4
"""Hematomas and noise, both in blocks, stay below the first; no hematoma fills so much of a slice."""
MIN_CORRELATION = 0.5
MAX_NAMED = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class OddSlices:
    """Indices of slices between slices of the head, of `num_slices` from the feet up: `empty_N` are blank or hold no
    body, `unlike_N` are shifted in HU or hold noise."""

    empty_N: tuple[int, ...]
    unlike_N: tuple[int, ...]
    num_slices: int

    @property
    def good_D(self) -> Mask:
        """True for the slices that are not odd."""
        good_D = np.ones(self.num_slices, dtype=bool)
        good_D[[*self.empty_N, *self.unlike_N]] = False
        return good_D

    @property
    def texts(self) -> tuple[str, ...]:
        """One sentence for each kind, slices counted from 1."""
        texts = []
        if self.empty_N:
            one = len(self.empty_N) == 1
            texts.append(f"{_named(self.empty_N, self.num_slices)} {'is' if one else 'are'} empty")
        if self.unlike_N:
            one = len(self.unlike_N) == 1
            said = "is not like its neighbours" if one else "are not like their neighbours"
            texts.append(f"{_named(self.unlike_N, self.num_slices)} {said} (other HU, or noise)")
        return tuple(texts)


def odd_slices(hu_DHW: FloatArray, spacing_DHW_mm: Spacing) -> OddSlices:
    """Find the odd slices of a head CT; it takes a fraction of a second.

    Args:
        hu_DHW: CT in HU, RAS+ array order; it may be clipped to a window.
        spacing_DHW_mm: voxel size.
    """
    blank_D = np.array([_is_blank(plane) for plane in hu_DHW])
    coarse_DHW = _coarse(hu_DHW, spacing_DHW_mm)
    floor_hu = float(hu_DHW.min()) + FLOOR_HU
    body_D = np.count_nonzero(coarse_DHW > max(BODY_FROM_HU, floor_hu), axis=(1, 2))
    empty_D = _empty(np.where(blank_D, 0, body_D))
    unlike_D = np.zeros(len(hu_DHW), dtype=bool)
    there = np.flatnonzero(~blank_D)
    if there.size:
        unlike_D[there] = _unlike(coarse_DHW[there], spacing_DHW_mm[0], floor_hu)
    return OddSlices(
        empty_N=tuple(np.flatnonzero(empty_D).tolist()),
        unlike_N=tuple(np.flatnonzero(unlike_D & ~empty_D).tolist()),
        num_slices=len(hu_DHW),
    )


def _is_blank(hu_HW: FloatArray) -> bool:
    """True if one value fills the slice, the padding in its corners left out."""
    middle, corner = hu_HW[len(hu_HW) // 2, hu_HW.shape[1] // 2], hu_HW[0, 0]
    return bool(np.mean((hu_HW == middle) | (hu_HW == corner)) >= CONSTANT_SHARE)


def _coarse(hu_DHW: FloatArray, spacing_DHW_mm: Spacing) -> FloatArray:
    """Means of blocks of about 4 mm; what is left over at the border is cut off."""
    depth, height, width = hu_DHW.shape
    rows, columns = (
        min(size, max(1, round(BLOCK_MM / mm))) for size, mm in zip((height, width), spacing_DHW_mm[1:], strict=True)
    )
    num_rows, num_columns = height // rows, width // columns
    cut_DHW = hu_DHW[:, : num_rows * rows, : num_columns * columns]
    coarse_DHW: FloatArray = cut_DHW.reshape(depth, num_rows, rows, num_columns, columns).mean(axis=(2, 4))
    return coarse_DHW


def _empty(area_D: NDArray[np.intp]) -> Mask:
    """Slices with next to nothing of a body, between slices with a large part of the head."""
    empty_D = np.zeros(len(area_D), dtype=bool)
    large = np.flatnonzero(area_D > MIN_BETWEEN * area_D.max())
    for below, above in pairwise(large):
        least = MIN_OF_NEIGHBOURS * min(area_D[below], area_D[above])
        empty_D[below + 1 : above] = (area_D[below + 1 : above] <= least).all()
    return empty_D


def _unlike(coarse_DHW: FloatArray, slice_mm: float, floor_hu: float) -> Mask:
    """Slices that differ from the median of those around them, in runs whose two neighbours agree with each other."""
    reach = max(MIN_AROUND, round(AROUND_MM / slice_mm))
    step = max(1, reach // MAX_AROUND)
    windows = [slice(max(0, k - reach), k + reach + 1, step) for k in range(len(coarse_DHW))]
    around_DHW = np.stack([np.median(coarse_DHW[window], axis=0) for window in windows])
    num_soft = max(np.count_nonzero(_soft(plane, floor_hu)) for plane in around_DHW)
    differs_D = np.array(
        [_differs(one, other, _soft(other, floor_hu)) for one, other in zip(coarse_DHW, around_DHW, strict=True)]
    )
    unlike_D = np.zeros(len(coarse_DHW), dtype=bool)
    alike = np.flatnonzero(~differs_D)
    for below, above in pairwise(alike):
        one_HW, other_HW = coarse_DHW[below], coarse_DHW[above]
        soft_HW = _soft(one_HW, floor_hu) & _soft(other_HW, floor_hu)
        if np.count_nonzero(soft_HW) > MIN_SOFT * num_soft:
            between = range(below + 1, above)
            unlike_D[below + 1 : above] = [_differs(coarse_DHW[k], (one_HW + other_HW) / 2, soft_HW) for k in between]
    return unlike_D


def _soft(hu_HW: FloatArray, floor_hu: float) -> Mask:
    """Pixels of soft tissue."""
    low_hu, high_hu = SOFT_HU
    soft_HW: Mask = (hu_HW > max(low_hu, floor_hu)) & (hu_HW < high_hu)
    return soft_HW


def _differs(one_HW: FloatArray, other_HW: FloatArray, soft_HW: Mask) -> bool:
    """True if a slice is shifted in HU against another where that is soft tissue, or is nothing like it."""
    shift_N = np.abs(one_HW - other_HW)[soft_HW]
    if shift_N.size and np.mean(shift_N > MAX_SHIFT_HU) > MAX_SHIFTED:
        return True
    return _correlation(one_HW, other_HW) < MIN_CORRELATION


def _correlation(one_HW: FloatArray, other_HW: FloatArray) -> float:
    """Correlation of two slices, cut to air and bone."""
    one_N, other_N = (np.clip(plane, -1000.0, 1000.0).ravel() for plane in (one_HW, other_HW))
    if not (one_N.std() and other_N.std()):
        return 0.0
    return float(np.corrcoef(one_N, other_N)[0, 1])


def _named(indices: Sequence[int], num_slices: int) -> str:
    """The slices by number, three or more in a row as a range."""
    rows: list[list[int]] = []
    for index in indices:
        if rows and rows[-1][-1] == index:
            rows[-1].append(index + 1)
        else:
            rows.append([index + 1])
    parts = []
    for row in rows:
        parts += [f"{row[0]} to {row[-1]}"] if len(row) > 2 else [str(number) for number in row]
    more = [f"{len(parts) - MAX_NAMED} more"] if len(parts) > MAX_NAMED else []
    *first, last = parts[:MAX_NAMED] + more
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"slice{'s' * (len(indices) > 1)} {listed} of {num_slices} (counted from the feet)"
