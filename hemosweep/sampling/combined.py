"""Regions made of two others: readings of the paper's "ROI around hematoma OR IVH area" (Table 4, last row)."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.components.protocols import Region
from hemosweep.components.record import check_component
from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from hemosweep.arrays import Mask
    from hemosweep.preprocessing.record import PreprocessedCase


@dataclass(frozen=True, kw_only=True, slots=True)
class Either:
    """The voxels of one region and of another one, each as likely."""

    one: Region
    other: Region

    def __post_init__(self) -> None:
        for name in ("one", "other"):
            check_component(name, getattr(self, name), "mask")

    def mask(self, case: "PreprocessedCase") -> "Mask":
        return self.one.mask(case) | self.other.mask(case)


@dataclass(frozen=True, kw_only=True, slots=True)
class Preferred:
    """The first region in a case where it has at least `at_least_ml`, the other one in the other cases."""

    first: Region
    otherwise: Region
    at_least_ml: float

    def __post_init__(self) -> None:
        for name in ("first", "otherwise"):
            check_component(name, getattr(self, name), "mask")
        if not 0.0 <= self.at_least_ml < math.inf:
            raise BadInput(f"at_least_ml={self.at_least_ml}: must not be negative")

    def mask(self, case: "PreprocessedCase") -> "Mask":
        import numpy as np

        mask_DHW = self.first.mask(case)
        volume_ml = float(np.count_nonzero(mask_DHW) * np.prod(case.spacing_DHW_mm)) / 1000.0
        return mask_DHW if volume_ml and volume_ml >= self.at_least_ml else self.otherwise.mask(case)
