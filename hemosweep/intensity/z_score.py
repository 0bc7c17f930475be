"""Standardised intensities."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from hemosweep.arrays import FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class ZScore:
    """Mean and standard deviation of a case's brain: -1 is `num_sd` deviations below the mean, and 1 so many above.

    A linear scale: a network that sees z / num_sd learns what one learns that sees z.
    """

    num_sd: float = 4.0

    def __post_init__(self) -> None:
        if not 0.0 < self.num_sd < math.inf:
            raise BadInput(f"num_sd={self.num_sd}: must be positive")

    def build(self, brain_hu_N: "FloatArray") -> tuple[float, float]:
        mean_hu, sd_hu = float(brain_hu_N.mean(dtype="float64")), float(brain_hu_N.std(dtype="float64"))
        if not sd_hu:
            raise BadInput("the brain has one intensity throughout, so it cannot be standardised; look at its scan")
        return mean_hu - self.num_sd * sd_hu, mean_hu + self.num_sd * sd_hu
