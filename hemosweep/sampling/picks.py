"""Two ways to pick the voxels of a region that become patch centres: at random, or from a regular grid."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask, Spacing

Pick = Callable[[Mask, int, np.random.Generator], NDArray[np.int64]]
"""Function from a mask, a number and a random stream to so many flat indices of the mask's voxels."""
FINER = 0.9
"""Factor by which a grid's step shrinks until enough of its points lie in the region."""


def find_pick(name: str, spacing_DHW_mm: Spacing) -> Pick:
    """The way of a name, "random" or "grid"."""
    if name == "random":
        return at_random
    return lambda mask_DHW, number, rng: on_grid(mask_DHW, number, rng, spacing_DHW_mm)


def at_random(mask_DHW: Mask, number: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Voxels drawn uniformly, with replacement."""
    return rng.choice(np.flatnonzero(mask_DHW), number).astype(np.int64)


def on_grid(mask_DHW: Mask, number: int, rng: np.random.Generator, spacing_DHW_mm: Spacing) -> NDArray[np.int64]:
    """Voxels of a regular grid, of one step in millimetres along each axis: the widest grid that has enough points in
    the region, thinned out evenly to the number. Where the region has fewer voxels than that, each comes as often as
    the others, or once more. Chance only moves the grid.

    The laboratory's public code draws its negatives so (Clèrigues et al. 2019: steps of 6 x 6 x 3 voxels, refined until
    there are enough).
    """
    if not number:
        return np.zeros(0, dtype=np.int64)
    where_3 = rng.random(3)
    step_mm = (np.count_nonzero(mask_DHW) * math.prod(spacing_DHW_mm) / number) ** (1 / 3)
    while True:
        steps = [max(1, round(step_mm / mm)) for mm in spacing_DHW_mm]
        d, h, w = (
            slice(int(where * min(step, size)), None, step)
            for where, step, size in zip(where_3, steps, mask_DHW.shape, strict=True)
        )
        on_DHW = np.zeros_like(mask_DHW)
        on_DHW[d, h, w] = mask_DHW[d, h, w]
        points_N = np.flatnonzero(on_DHW)
        if len(points_N) >= number or max(steps) == 1:
            break
        step_mm *= FINER
    # The middles of `number` equal parts of the list of points.
    places_N = (2 * np.arange(number) + 1) * len(points_N) // (2 * number)
    return points_N[places_N].astype(np.int64)
