"""The cross-entropy, or the focal loss, with a weight of each voxel."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hemosweep.components.protocols import WeightMap
from hemosweep.components.record import check_component
from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightedCE:
    """Mean of the voxels' cross-entropies times the weights of a map (Ronneberger et al. 2015, Eq. 1).

    With `gamma` above 0 it is the focal loss in place of the cross-entropy.
    """

    weight_map: WeightMap
    gamma: float = 0.0

    def __post_init__(self) -> None:
        check_component("weight_map", self.weight_map, "weights")
        if not 0.0 <= self.gamma < math.inf:
            raise BadInput(f"gamma={self.gamma}: must not be negative")

    def build(self) -> "Callable[[Tensor, Tensor, Tensor], Tensor]":
        from hemosweep.model.losses.voxel_losses import weighted_voxel_loss

        return partial(weighted_voxel_loss, gamma=self.gamma)
