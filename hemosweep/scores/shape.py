"""Shape of a lesion."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hemosweep.scores.marching_cubes import element_areas_mm2, neighbour_codes

if TYPE_CHECKING:
    from hemosweep.arrays import Mask, Spacing


def sphericity(mask_DHW: Mask, spacing_DHW_mm: Spacing) -> float | None:
    """Surface of the ball with a mask's volume, divided by the mask's own surface; None for an empty mask.

    Wadell, Journal of Geology 1935;43(3):250-280. The smaller it is, the more irregular the lesion, or the more pieces
    it has. The surface is that of marching cubes, which has steps: a ball of many voxels has about 0.92, one of a few
    thick slices less. It cuts the corners of voxels off, so that a mask of a handful of voxels has more than 1.
    """
    import numpy as np

    num_voxels = int(np.count_nonzero(mask_DHW))
    if not num_voxels:
        return None
    volume_mm3 = num_voxels * math.prod(spacing_DHW_mm)
    surface_mm2 = float(
        np.bincount(neighbour_codes(mask_DHW).ravel(), minlength=256) @ element_areas_mm2(spacing_DHW_mm)
    )
    surface_of_ball_mm2: float = math.pi ** (1 / 3) * (6 * volume_mm3) ** (2 / 3)
    return surface_of_ball_mm2 / surface_mm2
