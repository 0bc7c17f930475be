"""Rotation, zoom, shift and shear in plane."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hemosweep.sampling.augmentations.ranges import check_range

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Affine:
    """An affine map in plane, drawn for each patch: all of its slices and channels move alike.

    Each value is drawn uniformly between minus and plus the field: a rotation by up to `rotation_deg`, a zoom by
    1 - `zoom` to 1 + `zoom`, a shift along each axis by up to the share `shift` of the patch's side, a shear by up to
    `shear` pixels a pixel. Pixels are taken to be square. Images are interpolated linearly, labels and weights have
    those of the nearest voxel, and what comes in from beyond the patch is its edge.
    """

    rotation_deg: float = 20.0
    zoom: float = 0.2
    shift: float = 0.1
    shear: float = 0.0

    def __post_init__(self) -> None:
        for name, below in (("rotation_deg", 180.1), ("zoom", 1.0), ("shift", 1.0), ("shear", 1.0)):
            check_range(name, getattr(self, name), below)

    def build(self) -> "Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, tuple[Tensor, ...]]]":
        from hemosweep.sampling.augmentations.affine_map import random_affine

        return partial(
            random_affine, rotation_deg=self.rotation_deg, zoom=self.zoom, shift=self.shift, shear=self.shear
        )
