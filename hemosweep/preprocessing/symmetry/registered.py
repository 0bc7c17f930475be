"""The symmetric image by registration (`register`): the head flipped left to right and moved back onto itself.

This is the paper's way (Section 2.1.2, where FSL's FLIRT does it), with SimpleITK. The flip and the rigid transform
together are the mirror at the mid-sagittal plane, but for what the registration errs and the head is not symmetric.
"""

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask, Spacing
from hemosweep.data.nifti import Volume
from hemosweep.errors import BadInput
from hemosweep.preprocessing.registration import REGISTRATION_WINDOW_HU, Matrix, register_rigid, resample, turned_starts

FLIP_TURNS_DEG = ((0.0,), (-25.0, 0.0, 25.0), (-75.0, -50.0, -25.0, 0.0, 25.0, 50.0, 75.0))
"""About the x, y and z axis: a flipped head is turned by twice what the head is."""
MIN_FLIP_CORRELATION = 0.5


def mirror_by_registration(
    image_DHW: NDArray[np.float32],
    hu_DHW: NDArray[np.float32],
    head_DHW: Mask,
    brain_DHW: Mask,
    spacing_DHW_mm: Spacing,
    *,
    fill: float,
) -> NDArray[np.float32]:
    """Mirror an image onto itself (`Mirror`): the flipped head is registered to the head.

    With the holder in `head_DHW` the mirror would be off by millimetres; the registration looks at `brain_DHW` and the
    skull around it.

    Raises:
        BadInput: the head cannot be laid on its mirror image.
    """
    affine = np.diag([*reversed(spacing_DHW_mm), 1.0])
    to_source = mirror_transform(hu_DHW, head_DHW, brain_DHW, spacing_DHW_mm)
    return resample(Volume(array_DHW=image_DHW, affine=affine), image_DHW.shape, affine, to_source, fill=fill)


def mirror_transform(hu_DHW: NDArray[np.float32], head_DHW: Mask, brain_DHW: Mask, spacing_DHW_mm: Spacing) -> Matrix:
    """4 x 4 transform of millimetres (x, y, z from the first voxel) from a point to where its mirror image lies.

    Raises:
        BadInput: nothing fits.
    """
    affine = np.diag([*reversed(spacing_DHW_mm), 1.0])
    air_hu = max(np.float32(REGISTRATION_WINDOW_HU[0]), hu_DHW.min())
    head = Volume(array_DHW=np.where(head_DHW, hu_DHW, air_hu), affine=affine)
    # Flipped about the brain's middle, so that flip and head overlap from the start.
    middle_DHW = [(index.min() + index.max()) / 2 for index in np.nonzero(brain_DHW)]
    middle_mm = np.einsum("ij,j->i", affine, [*reversed(middle_DHW), 1.0])[:3]
    flip = np.diag([-1.0, 1.0, 1.0, 1.0])
    flip[0, 3] = 2.0 * middle_mm[0]
    flipped_affine = affine.copy()
    flipped_affine[0, 3] = flip[0, 3] - spacing_DHW_mm[2] * (hu_DHW.shape[2] - 1)
    flipped = Volume(array_DHW=np.ascontiguousarray(head.array_DHW[:, :, ::-1]), affine=flipped_affine)
    starts = turned_starts(np.eye(4), middle_mm, FLIP_TURNS_DEG)
    onto_flipped = register_rigid(head, flipped, brain_DHW, starts)
    if onto_flipped.correlation < MIN_FLIP_CORRELATION:
        raise BadInput(
            f"the head cannot be laid on its mirror image (correlation {onto_flipped.correlation:.2f}, "
            f"wanted {MIN_FLIP_CORRELATION}); use symmetric=plane"
        )
    to_source: Matrix = np.einsum("ij,jk->ik", flip, onto_flipped.to_moving)
    return to_source
