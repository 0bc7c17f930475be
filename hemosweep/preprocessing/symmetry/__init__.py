"""The symmetric image: the head mirrored onto itself, as the paper's second channel (Section 2.1.2)."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask, Spacing
from hemosweep.preprocessing.symmetry.flirt import mirror_by_flirt
from hemosweep.preprocessing.symmetry.plane import MidPlane, estimate_mid_plane, mirror_by_plane
from hemosweep.preprocessing.symmetry.registered import mirror_by_registration

__all__ = [
    "METHODS",
    "MidPlane",
    "Mirror",
    "estimate_mid_plane",
    "mirror_by_flirt",
    "mirror_by_plane",
    "mirror_by_registration",
]


class Mirror(Protocol):
    """Mirrors `image_DHW` about the head's mid-sagittal plane on its own grid; `fill` stands for what lies outside.

    `hu_DHW` (CT in HU), `head_DHW` (the head without its holder) and `brain_DHW` show where that plane is.
    """

    def __call__(
        self,
        image_DHW: NDArray[np.float32],
        hu_DHW: NDArray[np.float32],
        head_DHW: Mask,
        brain_DHW: Mask,
        spacing_DHW_mm: Spacing,
        *,
        fill: float,
    ) -> NDArray[np.float32]: ...


METHODS: Mapping[str, Mirror] = {
    "plane": mirror_by_plane,
    "register": mirror_by_registration,
    "flirt": mirror_by_flirt,
}
