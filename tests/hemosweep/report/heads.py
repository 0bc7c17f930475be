"""Heads as boxes in air with boxes of blood, and masks of these, for pictures of cases."""

import numpy as np

from hemosweep.data.nifti import Volume, write_volume


def boxed(shape_DHW, box):
    """A mask of a box of voxels; an empty one for None."""
    mask_DHW = np.zeros(shape_DHW, dtype=np.uint8)
    if box is not None:
        mask_DHW[box] = 1
    return mask_DHW


def head(shape_DHW, inside, lesion):
    hu_DHW = np.full(shape_DHW, -1000.0, dtype=np.float32)
    hu_DHW[inside] = 30.0
    hu_DHW[lesion] = 70.0
    return hu_DHW


def write(path, array_DHW, spacing_WHD_mm=(1.0, 1.0, 1.0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(path, Volume(array_DHW=array_DHW, affine=np.diag([*spacing_WHD_mm, 1.0])))
    return path
