"""Resampling from the scanner's grid to the network's grid and back.

Both grids cover the same field of view; the network's may have voxels of another size (`demo`) and is cropped to the
head.
Voxel edges, not centres, stay in place (`grid_mode`), so the way there and back shifts nothing.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import FloatArray, Mask, Shape
from hemosweep.preprocessing.tilt import Straightening

if TYPE_CHECKING:
    from hemosweep.config import PreprocessingConfig

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Place of a network-grid array on the scanner's grid.

    `native_DHW` is the scanner's shape, made orthogonal by `straightening` where the gantry was tilted; `full_DHW` is
    the shape after resampling, and the crop spans `crop_start_DHW` to `crop_start_DHW + crop_DHW` of it.
    """

    native_DHW: Shape
    full_DHW: Shape
    crop_start_DHW: Shape
    crop_DHW: Shape
    straightening: Straightening | None = None

    @property
    def straight_DHW(self) -> Shape:
        return self.native_DHW if self.straightening is None else self.straightening.straight_DHW

    def crop(self, full: NDArray[np.generic]) -> NDArray[np.generic]:
        """The stored part of a whole image on the network's grid, whose last three axes are D, H and W."""
        d, h, w = (slice(start, start + size) for start, size in zip(self.crop_start_DHW, self.crop_DHW, strict=True))
        return full[..., d, h, w]

    def uncrop(self, cropped: NDArray[T], *, fill: float) -> NDArray[T]:
        """Inverse of `crop`: the whole image on the network's grid, `fill` outside the crop.

        What has the whole image's shape already is returned as it is. The last three axes are D, H and W.
        """
        if cropped.shape[-3:] == self.full_DHW:
            return cropped
        full = np.full((*cropped.shape[:-3], *self.full_DHW), fill, dtype=cropped.dtype)
        self.crop(full)[...] = cropped
        return full

    def to_native(self, map_DHW: FloatArray) -> FloatArray:
        """Put a network-grid map (probabilities, say), cropped or of the whole image, back on the scanner's grid.

        It is zero outside the crop.
        """
        straight_DHW = resize(self.uncrop(map_DHW, fill=0.0), self.straight_DHW)
        return straight_DHW if self.straightening is None else self.straightening.revert(straight_DHW)


def network_shape(native_DHW: Shape, native_spacing_DHW_mm: tuple[float, ...], config: "PreprocessingConfig") -> Shape:
    """Shape of a scan's whole image on the network's grid."""
    if config.shape_HWD is not None:
        height, width, depth = config.shape_HWD
        return depth, height, width
    return resampled_shape(native_DHW, native_spacing_DHW_mm, config.spacing_HWD_mm, make_finer=config.make_finer)


def resampled_shape(
    native_DHW: Shape,
    native_spacing_DHW_mm: tuple[float, ...],
    target_HWD_mm: tuple[float, float, float] | None,
    *,
    make_finer: bool = False,
) -> Shape:
    """Shape that comes closest to the target spacing; an axis is made finer only with `make_finer`."""
    if target_HWD_mm is None:
        return native_DHW
    target_DHW_mm = (target_HWD_mm[2], target_HWD_mm[0], target_HWD_mm[1])
    resampled_DHW = [
        max(1, round(size * spacing / target))
        for size, spacing, target in zip(native_DHW, native_spacing_DHW_mm, target_DHW_mm, strict=True)
    ]
    depth, height, width = (
        resampled if make_finer else min(size, resampled)
        for size, resampled in zip(native_DHW, resampled_DHW, strict=True)
    )
    return depth, height, width


def resize(array_DHW: FloatArray, shape_DHW: Shape) -> FloatArray:
    """Linear interpolation over the same field of view, low-pass filtered first along axes that get coarser."""
    if array_DHW.shape == shape_DHW:
        return array_DHW
    factors = [old / new for old, new in zip(array_DHW.shape, shape_DHW, strict=True)]
    sigma = [max(0.0, (factor - 1.0) / 2.0) for factor in factors]
    smooth_DHW = ndimage.gaussian_filter(array_DHW, sigma, mode="nearest") if max(sigma) > 0 else array_DHW
    zoom = [1.0 / factor for factor in factors]
    resized: FloatArray = ndimage.zoom(smooth_DHW, zoom, order=1, mode="nearest", grid_mode=True)
    assert resized.shape == shape_DHW
    return resized


def volume_fraction(mask_DHW: Mask, shape_DHW: Shape) -> FloatArray:
    """Share of each voxel of a grid of `shape_DHW` over the same field of view that the mask fills."""
    fraction_DHW = mask_DHW.astype(np.float32)
    for axis, (old, new) in enumerate(zip(mask_DHW.shape, shape_DHW, strict=True)):
        size = old / new
        start_N1, start_O = size * np.arange(new)[:, None], np.arange(old)
        overlap_NO = np.minimum(start_N1 + size, start_O + 1) - np.maximum(start_N1, start_O)
        share_NO = (np.clip(overlap_NO, 0.0, None) / size).astype(np.float32)
        fraction_DHW = np.moveaxis(np.tensordot(share_NO, fraction_DHW, axes=(1, axis)), 0, axis)
    return fraction_DHW


def resize_mask(mask_DHW: Mask, shape_DHW: Shape) -> Mask:
    """Resize a mask by its volume fraction, cut at one half; a lesion smaller than a voxel keeps its fullest one."""
    if mask_DHW.shape == shape_DHW:
        return mask_DHW
    if not mask_DHW.any():
        return np.zeros(shape_DHW, dtype=bool)
    fraction_DHW = volume_fraction(mask_DHW, shape_DHW)
    return fraction_DHW > min(0.5, float(fraction_DHW.max())) - 1e-5  # one half, but for rounding
