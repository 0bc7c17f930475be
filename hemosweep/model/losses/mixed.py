"""A sum of losses."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.components.protocols import Loss, WeightMap
from hemosweep.components.record import check_component
from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixed:
    """Losses, each times its weight, such as `Mixed(parts=((SoftDice(), 1.0), (Focal(), 0.5)))`.

    Those with a weight map must have the same one.
    """

    parts: tuple[tuple[Loss, float], ...]

    def __post_init__(self) -> None:
        if not (isinstance(self.parts, tuple) and self.parts):
            raise BadInput(f"parts={self.parts!r}: give pairs, such as ((SoftDice(), 1.0), (Focal(), 0.5))")
        for entry in self.parts:
            if not (isinstance(entry, tuple) and len(entry) == 2):
                raise BadInput(f"parts: {entry!r} is no pair; give (loss, weight), such as (Focal(), 0.5)")
            loss, weight = entry
            check_component("loss", loss, "build")
            if isinstance(weight, bool) or not isinstance(weight, float | int) or not 0.0 < weight < math.inf:
                raise BadInput(f"loss {type(loss).__name__}: its weight is {weight!r}; give a number above 0")
        if len(self._maps) > 1:
            raise BadInput(f"parts: their weight maps differ ({' and '.join(map(repr, self._maps))}); give one")

    @property
    def _maps(self) -> "list[WeightMap]":
        maps = (getattr(loss, "weight_map", None) for loss, _ in self.parts)
        return list(dict.fromkeys(one for one in maps if one is not None))

    @property
    def weight_map(self) -> WeightMap | None:
        """The weight map of its parts; None where none has one."""
        return next(iter(self._maps), None)

    def build(self) -> "Callable[..., Tensor]":
        parts = [(loss.build(), weight, getattr(loss, "weight_map", None) is not None) for loss, weight in self.parts]

        def mixed(logits_BCDHW: "Tensor", label_BDHW: "Tensor", *weights: "Tensor") -> "Tensor":
            first, *others = (
                weight * loss(logits_BCDHW, label_BDHW, *(weights if takes_weights else ()))
                for loss, weight, takes_weights in parts
            )
            return sum(others, start=first)

        return mixed
