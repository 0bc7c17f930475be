"""Voxels as text for a page: a mask as its runs, and CT slices as one picture of tiles.

Both are in radiological display: the first row is anterior, the first column is the patient's right.
"""

import base64
import io
import zlib
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.report.slices.panels import radiological

CT_RANGE_HU = (-20.0, 120.0)
"""Range of the eight bits of a CT: soft tissue and blood of any age, with room for the windows that show them."""
SAMPLE_SLICES = 6
"""Slices that tell how many letters all of them take."""
_VARINT_BYTES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """A size and a quality of CT slices: the longer side of a slice in pixels, and the quality of WebP, up to 100."""

    pixels: int
    quality: int


LADDER = (
    Rung(pixels=448, quality=80),
    Rung(pixels=384, quality=70),
    Rung(pixels=320, quality=60),
    Rung(pixels=288, quality=50),
    Rung(pixels=256, quality=45),
    Rung(pixels=256, quality=35),
    Rung(pixels=240, quality=28),
    Rung(pixels=224, quality=22),
    Rung(pixels=192, quality=20),
    Rung(pixels=160, quality=15),
)
"""The best first. Each takes about four fifths of the bytes of the one before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """The slices of a CT as tiles of one WebP picture, row by row, `columns` in each. `pixel_mm` is both sides of a
    pixel."""

    content: bytes
    columns: int
    tile_HW: tuple[int, int]
    pixel_mm: float
    rung: Rung

    @property
    def text(self) -> str:
        return base64.b64encode(self.content).decode("ascii")


def mask_text(mask_DHW: Mask) -> str:
    """Runs of a mask in base64; no text for an empty one.

    The runs are of zeros and of ones in turn, zeros first, over the flat mask; what follows the last one is left out.
    Each length is a varint, seven bits a byte with the lowest first, and zlib compresses them all.
    """
    flat = np.ascontiguousarray(radiological(mask_DHW)).ravel().astype(np.int8)
    ends = np.flatnonzero(np.diff(flat, prepend=np.int8(0), append=np.int8(0)))
    if not ends.size:
        return ""
    return base64.b64encode(zlib.compress(_varints(np.diff(ends, prepend=0)), 9)).decode("ascii")


def _varints(values: NDArray[np.int64]) -> bytes:
    places = np.arange(_VARINT_BYTES)
    septets = (values[:, None] >> (7 * places)) & 0x7F
    num_bytes = 1 + np.sum(values[:, None] >= (1 << (7 * places[1:])), axis=1)
    septets |= np.where(places + 1 < num_bytes[:, None], 0x80, 0)
    return bytes(septets[places < num_bytes[:, None]].astype(np.uint8))


def ct_sheet(image_DHW: NDArray[Any], spacing_HW_mm: tuple[float, float], max_chars: int) -> Sheet:
    """Slices of a CT in HU at the best rung of the ladder whose text has so many letters at most; at the lowest where
    none has.

    A few of the slices tell the rung, so that all of them are encoded once, and again only where they take more than
    these.
    """
    low, high = CT_RANGE_HU
    gray_DHW = (np.clip(radiological(image_DHW), low, high).astype(np.float32) - low) * (255 / (high - low))
    step = -(-len(gray_DHW) // SAMPLE_SLICES)
    sample_DHW = gray_DHW[step // 2 :: step]
    allowed = max_chars * len(sample_DHW) / len(gray_DHW)
    lowest = len(LADDER) - 1
    place = bisect_left(range(lowest), True, key=lambda rung: _letters(sample_DHW, spacing_HW_mm, rung) <= allowed)
    sheet = _sheet(gray_DHW, spacing_HW_mm, LADDER[place])
    while len(sheet.text) > max_chars and place < lowest:
        place += 1
        sheet = _sheet(gray_DHW, spacing_HW_mm, LADDER[place])
    return sheet


def _letters(gray_DHW: NDArray[np.float32], spacing_HW_mm: tuple[float, float], rung: int) -> int:
    return len(_sheet(gray_DHW, spacing_HW_mm, LADDER[rung]).text)


def _sheet(gray_DHW: NDArray[np.float32], spacing_HW_mm: tuple[float, float], rung: Rung) -> Sheet:
    from matplotlib.image import imsave

    sides_mm = [num * spacing_mm for num, spacing_mm in zip(gray_DHW.shape[1:], spacing_HW_mm, strict=True)]
    pixel_mm = max(min(spacing_HW_mm), max(sides_mm) / rung.pixels)
    height, width = (max(1, round(side_mm / pixel_mm)) for side_mm in sides_mm)
    tiles = np.rint(averaged(averaged(gray_DHW, height, 1), width, 2)).astype(np.uint8)
    columns = int(np.ceil(np.sqrt(len(tiles))))
    sheet = np.zeros((-(-len(tiles) // columns) * height, columns * width), dtype=np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // columns * height, place % columns * width
        sheet[top : top + height, left : left + width] = tile
    content = io.BytesIO()
    imsave(
        content,
        np.repeat(sheet[..., None], 3, axis=2),
        format="webp",
        pil_kwargs={"quality": rung.quality, "method": 2},
    )
    return Sheet(
        content=content.getvalue(), columns=columns, tile_HW=(height, width), pixel_mm=float(pixel_mm), rung=rung
    )


def averaged(values: NDArray[np.float32], num: int, axis: int) -> NDArray[np.float32]:
    """Values averaged over `num` equal parts of an axis; a value on the edge of two parts counts by its share."""
    size = values.shape[axis]
    edges = np.linspace(0, size, num + 1)
    whole = np.minimum(edges.astype(np.int64), size - 1)
    shape = [1] * values.ndim
    shape[axis] = num + 1
    shares = (edges - whole).reshape(shape)
    sums = np.cumsum(values, axis=axis, dtype=np.float64)
    before = np.take(sums, whole, axis) - np.take(values, whole, axis)
    parts = np.diff(before + shares * np.take(values, whole, axis), axis=axis) * (num / size)
    return np.asarray(parts, dtype=np.float32)
