"""The cross-entropy."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class CrossEntropy:
    """Cross-entropy of the two classes.

    It is the binary cross-entropy of the difference of the two logits: a method with one output and a sigmoid has this
    loss. A lesion voxel weighs `lesion_weight`, and the mean is one over the weights; "balanced" takes the ratio of
    background to lesion voxels in the batch, at most `at_most`.
    """

    lesion_weight: float | Literal["balanced"] | None = None
    at_most: float = 10.0

    def __post_init__(self) -> None:
        weight = self.lesion_weight
        if isinstance(weight, str):
            if weight != "balanced":
                raise BadInput(f'lesion_weight={weight!r}: give a number, "balanced" or None')
        elif weight is not None and not 0.0 < weight < math.inf:
            raise BadInput(f"lesion_weight={weight}: must be positive")
        if not 0.0 < self.at_most < math.inf:
            raise BadInput(f"at_most={self.at_most}: must be positive")

    def build(self) -> "Callable[[Tensor, Tensor], Tensor]":
        from hemosweep.model.losses.voxel_losses import cross_entropy_loss

        return partial(cross_entropy_loss, lesion_weight=self.lesion_weight, at_most=self.at_most)
