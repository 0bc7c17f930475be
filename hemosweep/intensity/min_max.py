"""The whole range of a case."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from hemosweep.arrays import FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class MinMax:
    """From the lowest to the highest HU of a case's brain."""

    def build(self, brain_hu_N: "FloatArray") -> tuple[float, float]:
        low_hu, high_hu = float(brain_hu_N.min()), float(brain_hu_N.max())
        if low_hu == high_hu:
            raise BadInput("the brain has one intensity throughout, so it has no range; look at its scan")
        return low_hu, high_hu
