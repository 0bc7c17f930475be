"""A fixed window."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from hemosweep.arrays import FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The same range for every case, as radiologists set it: 0 to 100 HU shows brain and blood."""

    low_hu: float = 0.0
    high_hu: float = 100.0

    def __post_init__(self) -> None:
        check_window(self.low_hu, self.high_hu)

    def build(self, brain_hu_N: "FloatArray") -> tuple[float, float]:
        return self.low_hu, self.high_hu


def check_window(low_hu: float, high_hu: float) -> None:
    """Refuse a range whose end is not above its start.

    Raises:
        BadInput: it is none.
    """
    if not -math.inf < low_hu < high_hu < math.inf:
        raise BadInput(f"low_hu={low_hu}, high_hu={high_hu}: the first must be below the second")
