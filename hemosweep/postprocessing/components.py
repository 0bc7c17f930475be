"""Connected components of a predicted mask that are left out. Voxels with a corner in common are connected."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hemosweep.arrays import FloatArray, Mask, Spacing


@dataclass(frozen=True, kw_only=True, slots=True)
class MinVolume:
    """Components of at least so many millilitres; smaller ones become background."""

    ml: float = 0.1

    def __post_init__(self) -> None:
        if not 0.0 < self.ml < math.inf:
            raise BadInput(f"ml={self.ml}: must be positive")

    def apply(self, mask_DHW: "Mask", probability_DHW: "FloatArray", spacing_DHW_mm: "Spacing") -> "Mask":
        import numpy as np

        label_DHW, count_K = _components(mask_DHW)
        # A volume of just so many millilitres is kept, whatever its rounding.
        return _kept(label_DHW, count_K * (float(np.prod(spacing_DHW_mm)) / 1000.0) >= self.ml * (1.0 - 1e-9))


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfidentComponents:
    """Components whose mean probability is above `mean_probability`; others become background."""

    mean_probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.mean_probability < 1.0:
            raise BadInput(f"mean_probability={self.mean_probability}: must lie in [0, 1)")

    def apply(self, mask_DHW: "Mask", probability_DHW: "FloatArray", spacing_DHW_mm: "Spacing") -> "Mask":
        import numpy as np

        label_DHW, count_K = _components(mask_DHW)
        sum_K = np.bincount(label_DHW.ravel(), weights=probability_DHW.ravel(), minlength=len(count_K))
        return _kept(label_DHW, sum_K / np.maximum(count_K, 1) > self.mean_probability)


def _components(mask_DHW: "Mask") -> "tuple[NDArray[np.signedinteger], NDArray[np.signedinteger]]":
    """Number of each voxel's component, 0 for background, and the voxels of each number."""
    import numpy as np
    from scipy import ndimage

    label_DHW, num_components = ndimage.label(mask_DHW, structure=np.ones((3, 3, 3)))
    return label_DHW, np.bincount(label_DHW.ravel(), minlength=num_components + 1)


def _kept(label_DHW: "NDArray[np.signedinteger]", is_kept_K: "NDArray[np.bool_]") -> "Mask":
    is_kept_K[0] = False
    kept_DHW: Mask = is_kept_K[label_DHW]
    return kept_DHW
