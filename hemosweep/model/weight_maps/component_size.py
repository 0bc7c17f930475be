"""Larger weights of small lesions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from hemosweep.arrays import FloatArray
    from hemosweep.preprocessing.record import PreprocessedCase


@dataclass(frozen=True, kw_only=True, slots=True)
class ComponentSizeWeights:
    """Lesion voxels weigh one over their component's size to the `power`, scaled to a mean of 1 over the case's lesion;
    background weighs 1. Voxels with a corner in common are connected.

    The power of 1/2 lies between one vote a voxel (0) and one vote a component (1).
    """

    power: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 < self.power <= 1.0:
            raise BadInput(f"power={self.power}: must lie in (0, 1]")

    def weights(self, case: "PreprocessedCase") -> "FloatArray":
        import numpy as np
        from scipy import ndimage

        label_DHW, num_components = ndimage.label(case.lesion_DHW, structure=np.ones((3, 3, 3)))
        if not num_components:
            return np.ones(case.lesion_DHW.shape, dtype=np.float32)
        size_K = np.bincount(label_DHW.ravel())
        weight_K = np.ones(len(size_K))
        weight_K[1:] = size_K[1:] ** -self.power
        weight_K[1:] *= size_K[1:].sum() / (size_K[1:] * weight_K[1:]).sum()
        weight_DHW: FloatArray = weight_K.astype(np.float32)[label_DHW]
        return weight_DHW
