"""A window above whose end everything is background."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.intensity.window import check_window

if TYPE_CHECKING:
    from hemosweep.arrays import FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """The HU near those of blood, and nothing else: below and above them is background.

    The thresholded image of Ker et al. 2019 (Sensors 19:2167), who print no numbers in their abstract; 40 to 90 HU is
    from memory.
    """

    low_hu: float = 40.0
    high_hu: float = 90.0

    def __post_init__(self) -> None:
        check_window(self.low_hu, self.high_hu)

    @property
    def background_above(self) -> bool:
        """True: what lies above the range is background."""
        return True

    def build(self, brain_hu_N: "FloatArray") -> tuple[float, float]:
        return self.low_hu, self.high_hu
