"""Types of arrays and of the grids that they lie on, each named once, and the box around a mask."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
"""Image, channel or feature of single precision. Shape suffixes of names tell the axes, as in `hu_DHW`."""

INT16 = np.iinfo(np.int16)
"""Range of the voxels that CT files store."""

Mask = NDArray[np.bool_]
"""True inside. Shape suffixes of names tell the axes, as in `brain_DHW`."""

Shape = tuple[int, int, int]
"""Voxels of a volume along D, H and W."""

Spacing = tuple[float, float, float]
"""Millimetres from voxel to voxel along three axes, which a name's suffix gives: `spacing_DHW_mm`."""


def bounding_box(mask_DHW: Mask) -> tuple[Shape, Shape]:
    """Start and size of the smallest box around a non-empty mask."""
    starts, sizes = [], []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hit = np.flatnonzero(mask_DHW.any(axis=others))
        starts.append(int(hit[0]))
        sizes.append(int(hit[-1] - hit[0] + 1))
    return (starts[0], starts[1], starts[2]), (sizes[0], sizes[1], sizes[2])
