"""The CT angiography on the grid of the non-contrast CT (paper, Section 2.1.2).

The angiography is another scan: the head lies elsewhere and turned, slices are thinner, neck and chest may be in it.
"""

from itertools import product
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import Mask
from hemosweep.data.hounsfield import AIR_HU
from hemosweep.data.nifti import Volume
from hemosweep.errors import BadInput
from hemosweep.preprocessing.head import head_mask
from hemosweep.preprocessing.registration import Matrix, Registration, register_rigid, resample, turned_starts

HEAD_HEIGHT_MM = 200.0
"""Height that is kept below the vertex: a head is about 230 mm from vertex to chin, its brain at most 150 mm high."""
CENTRE_MM = 100.0
"""The head's centre is that of its upper part, which both scans show."""
VERTEX_CM2 = 10.0
"""Section of the head in the first slice that counts as its top."""
SEARCH_MM = 2.5
TURNS_DEG = ((-15.0, 0.0, 15.0), (-15.0, 0.0, 15.0), (-25.0, 0.0, 25.0))
"""About the x, y and z axis: how the head may lie turned between the two scans."""
MIN_WIDTH = 1.25
"""Voxels this much larger than the angiography's are averaged over; below it interpolation blurs enough."""
MIN_CTA_CORRELATION = 0.7
MIN_SHARE_OF_BRAIN = 0.5


def align_angiography(ct: Volume, brain_DHW: Mask, cta: Volume) -> NDArray[np.float32]:
    """Register an angiography to the CT and sample it there, averaged over the CT's slices where its own are thinner.

    Args:
        ct: non-contrast CT in HU.
        brain_DHW: brain mask on its grid.
        cta: angiography in HU, anywhere in its own world.

    Returns:
        HU on the CT's grid, -1024 beyond the angiography.

    Raises:
        BadInput: the angiography shows no head, less than half of the brain, or nothing that fits this head.
    """
    registration = register_angiography(ct, brain_DHW, cta)
    sampled_DHW = _sample(ct, cta, registration.to_moving)
    share = float(np.mean(sampled_DHW[brain_DHW] != AIR_HU))
    if share < MIN_SHARE_OF_BRAIN:
        raise BadInput(f"the angiography shows {share:.0%} of the brain; leave it out, or take the series of the head")
    if registration.correlation < MIN_CTA_CORRELATION:
        raise BadInput(
            f"the angiography does not fit the CT (correlation {registration.correlation:.2f}, wanted "
            f"{MIN_CTA_CORRELATION}); is it this patient's head?"
        )
    return sampled_DHW


def register_angiography(ct: Volume, brain_DHW: Mask, cta: Volume) -> Registration:
    """Register the angiography's head to the CT's.

    Tried from where the headers place the two, and with the centres of the heads laid on each other.

    Raises:
        BadInput: the angiography shows no head.
    """
    first, last, cta_centre = _head(cta)
    origin = np.eye(4)
    origin[2, 3] = first
    head = Volume(array_DHW=cta.array_DHW[first:last], affine=np.einsum("ij,jk->ik", cta.affine, origin))
    _, _, ct_centre = _head(ct)
    centred = np.eye(4)
    centred[:3, 3] = cta_centre - ct_centre
    starts = [turned for start in (np.eye(4), centred) for turned in turned_starts(start, ct_centre, TURNS_DEG)]
    return register_rigid(ct, head, brain_DHW, starts)


def _head(volume: Volume) -> tuple[int, int, NDArray[np.float64]]:
    """First slice and end of the head, neck and chest cut off, and the centre of its upper part (world mm)."""
    steps = [max(1, round(SEARCH_MM / spacing)) for spacing in volume.spacing_DHW_mm]
    small_DHW = volume.array_DHW[:: steps[0], :: steps[1], :: steps[2]].astype(np.float32)
    depth_mm, height_mm, width_mm = (spacing * step for spacing, step in zip(volume.spacing_DHW_mm, steps, strict=True))
    head_DHW = head_mask(small_DHW, (depth_mm, height_mm, width_mm))
    areas_cm2 = head_DHW.sum(axis=(1, 2)) * height_mm * width_mm / 100.0
    slices = np.nonzero(areas_cm2 >= VERTEX_CM2)[0]
    if slices.size == 0:
        raise BadInput("the angiography shows no head; is it the right series?")
    vertex = int(slices[-1])
    upper = max(0, vertex + 1 - round(CENTRE_MM / depth_mm))
    d, h, w = (float(index.mean()) for index in np.nonzero(head_DHW[upper : vertex + 1]))
    index = (w * steps[2], h * steps[1], (d + upper) * steps[0], 1.0)
    centre = np.einsum("ij,j->i", volume.affine, index)[:3]
    end = min(len(volume.array_DHW), (vertex + 2) * steps[0])
    first = max(0, end - ceil(HEAD_HEIGHT_MM / volume.spacing_DHW_mm[0]))
    return first, end, centre


def _sample(ct: Volume, cta: Volume, to_cta: Matrix) -> NDArray[np.float32]:
    """The angiography on the CT's grid; only what the CT covers is averaged, so a whole body costs no more."""
    shape_DHW = ct.array_DHW.shape
    widths = [ct_mm / cta_mm for ct_mm, cta_mm in zip(ct.spacing_DHW_mm, cta.spacing_DHW_mm, strict=True)]
    to_index = np.linalg.solve(cta.affine, np.einsum("ij,jk->ik", to_cta, ct.affine))
    corners_N4 = [(*reversed(corner), 1.0) for corner in product(*((0, length - 1) for length in shape_DHW))]
    corners_N3 = np.einsum("ij,nj->ni", to_index, corners_N4)[:, 2::-1]
    margins = 1.0 + np.asarray(widths)
    starts = np.maximum(0, np.floor(corners_N3.min(axis=0) - margins)).astype(int)
    ends = np.maximum(0, np.ceil(corners_N3.max(axis=0) + margins)).astype(int)
    box = tuple(slice(start, end) for start, end in zip(starts, ends, strict=True))
    part_DHW = cta.array_DHW[box].astype(np.float32, copy=False)
    if part_DHW.size == 0:
        return np.full(shape_DHW, AIR_HU, dtype=np.float32)
    for axis, width in enumerate(widths):
        if width > MIN_WIDTH:
            part_DHW = ndimage.correlate1d(part_DHW, _box_weights(width), axis=axis, mode="nearest")
    origin = np.eye(4)
    origin[:3, 3] = starts[::-1]
    part = Volume(array_DHW=part_DHW, affine=np.einsum("ij,jk->ik", cta.affine, origin))
    return resample(part, shape_DHW, ct.affine, to_cta, fill=AIR_HU)


def _box_weights(width: float) -> NDArray[np.float64]:
    """Shares of the voxels in a box `width` voxels wide about the middle one."""
    reach = ceil((width - 1.0) / 2.0)
    weights = np.ones(2 * reach + 1)
    weights[[0, -1]] = (width - (2 * reach - 1)) / 2.0
    return weights / width
