"""Larger weights of the lesion and of what lies near its border."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from hemosweep.arrays import FloatArray
    from hemosweep.preprocessing.record import PreprocessedCase


@dataclass(frozen=True, kw_only=True, slots=True)
class BorderWeights:
    """1 for background and `lesion` for lesion, plus a term that is `border` at the lesion's border and falls off to
    both sides as a Gaussian of `sigma_mm`.

    The border term is that of Ronneberger et al. 2015 (MICCAI, Eq. 2) for one object, with the distance in millimetres
    from the centre of a voxel to that of the nearest one on the other side.
    """

    lesion: float = 1.0
    border: float = 10.0
    sigma_mm: float = 2.0

    def __post_init__(self) -> None:
        for name in ("lesion", "border"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise BadInput(f"{name}={getattr(self, name)}: must not be negative")
        if not 0.0 < self.sigma_mm < math.inf:
            raise BadInput(f"sigma_mm={self.sigma_mm}: must be positive")

    def weights(self, case: "PreprocessedCase") -> "FloatArray":
        import numpy as np
        from scipy import ndimage

        lesion_DHW = case.lesion_DHW
        weight_DHW: FloatArray = np.where(lesion_DHW, np.float32(self.lesion), np.float32(1.0))
        if not lesion_DHW.any() or lesion_DHW.all():
            return weight_DHW
        distance_mm_DHW = sum(
            ndimage.distance_transform_edt(side_DHW, sampling=case.spacing_DHW_mm)
            for side_DHW in (lesion_DHW, ~lesion_DHW)
        )
        near_DHW = np.exp(-(np.asarray(distance_mm_DHW) ** 2) / (2.0 * self.sigma_mm**2))
        return weight_DHW + np.float32(self.border) * near_DHW.astype(np.float32)
