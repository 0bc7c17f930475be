"""Types of arrays and of the grids that they lie on, each named once."""

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
