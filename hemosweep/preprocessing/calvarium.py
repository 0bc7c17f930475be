"""The calvarium: the region of a slice that its outermost bone bounds, also where a craniotomy has left a gap."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import Mask

MIN_ENCLOSED = 0.6
"""Share of directions that must meet bone for a slice to count as one through the skull."""
NUM_DIRECTIONS = 180
GAP_EDGE = 3
"""Directions on either side of a gap that are not trusted, because they meet the outer corner of the bone's edge."""
MIN_TRUSTED = 0.4
OUTLINE_ORDER = 3
"""Harmonics of the outline that carry the skull's curvature across a gap."""
SLACK_MM, GAP_SLACK_MM = 1.0, 2.0
"""Distances added to the outline. The first is added where a ray met bone: rays miss the middle of blocks, and bone
itself still bounds the brain. The second is added where the outline is a guess: blood may lie under a removed flap."""


def calvarium_mask(bone_HW: Mask, brain_HW: Mask, step_HW_mm: tuple[float, float]) -> Mask:
    """Region within the outermost bone of a slice, as seen from the middle of `brain_HW`.

    The outermost bone counts, because calcifications, ridges and the sella lie further in. A smooth outline bridges
    craniotomies and other gaps. The region is empty where less than `MIN_ENCLOSED` of the directions meet bone.

    Args:
        bone_HW: bone of the head in the slice.
        brain_HW: brain of this slice or the next one; must not be empty.
        step_HW_mm: size of the mask's elements.
    """
    row, column = (float(places.mean()) for places in np.nonzero(brain_HW))
    y_H1 = (np.arange(bone_HW.shape[0], dtype=np.float32)[:, None] - row) * step_HW_mm[0]
    x_1W = (np.arange(bone_HW.shape[1], dtype=np.float32)[None, :] - column) * step_HW_mm[1]
    radius_HW = np.hypot(y_H1, x_1W)
    ray_mm = min(step_HW_mm)
    angles = 2.0 * np.pi * np.arange(NUM_DIRECTIONS) / NUM_DIRECTIONS
    radii = np.arange(0.0, float(radius_HW.max()), ray_mm)
    rows = np.rint(row + np.outer(np.sin(angles), radii) / step_HW_mm[0]).astype(np.intp)
    columns = np.rint(column + np.outer(np.cos(angles), radii) / step_HW_mm[1]).astype(np.intp)
    in_image = (rows >= 0) & (rows < bone_HW.shape[0]) & (columns >= 0) & (columns < bone_HW.shape[1])
    hits = in_image & bone_HW[np.where(in_image, rows, 0), np.where(in_image, columns, 0)]
    met = hits.any(axis=1)
    if np.count_nonzero(met) < MIN_ENCLOSED * NUM_DIRECTIONS:
        return np.zeros_like(bone_HW)
    steps = np.arange(radii.size)
    outermost = np.where(hits, steps, 0).max(axis=1)
    last_gap = np.where(~hits & (steps < outermost[:, None]), steps, -1).max(axis=1)
    inner_mm = _bridge((last_gap + 1) * ray_mm, met)
    direction_HW = np.rint(np.arctan2(y_H1, x_1W) * (NUM_DIRECTIONS / (2.0 * np.pi))).astype(np.intp)
    calvarium_HW: Mask = radius_HW <= inner_mm.astype(np.float32)[direction_HW % NUM_DIRECTIONS]
    return calvarium_HW


def _bridge(radius_mm: NDArray[np.float64], met: Mask) -> NDArray[np.float64]:
    """Radii where no bone was met: a low-order outline fitted to the others, joined to them at the gap's ends."""
    if met.all():
        return radius_mm + SLACK_MM
    far = ~ndimage.binary_dilation(~np.pad(met, GAP_EDGE, mode="wrap"), iterations=GAP_EDGE)[GAP_EDGE:-GAP_EDGE]
    if np.count_nonzero(far) >= MIN_TRUSTED * met.size:  # else the bone is all edges
        met = far
    places = np.arange(radius_mm.size)
    angle = 2.0 * np.pi * places / radius_mm.size
    waves = [wave(order * angle) for order in range(1, OUTLINE_ORDER + 1) for wave in (np.cos, np.sin)]
    waves_KD = np.stack([np.ones_like(angle), *waves])
    known_KD = waves_KD[:, met]
    # Normal equations by einsum: the same bits on any number of threads.
    gram_KK, right_K = np.einsum("kd,ld->kl", known_KD, known_KD), np.einsum("kd,d->k", known_KD, radius_mm[met])
    outline = np.einsum("kd,k->d", waves_KD, np.linalg.solve(gram_KK, right_K))
    rest = np.interp(places, places[met], (radius_mm - outline)[met], period=radius_mm.size)
    return np.where(met, radius_mm + SLACK_MM, outline + rest + GAP_SLACK_MM)
