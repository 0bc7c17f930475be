"""Image noise as a fingerprint: two exports of one scan share it, two scans never do.

Anatomy is no good for this: heads of different people, put into one box, agree better than one scan does with its own
copy that lacks a slice.
"""

import numpy as np
from scipy import ndimage

from hemosweep.arrays import FloatArray

TISSUE_HU = (0.0, 80.0)
"""Within every brain window, so that an 8-bit export has the same texture as the full range."""
MAX_RESIDUAL_HU = 10.0
NUM_BUCKETS = 256
MIN_TEXTURE_CORRELATION = 0.5
MIN_SHARED_SLICES = 3


def texture(hu_DHW: FloatArray) -> FloatArray:
    """Unit vector a slice, num_slices x 256, of what is left of soft tissue without its 3 x 3 mean; 0 where nothing is.

    A count sketch (Charikar et al. 2002): pixels with random signs are summed into random buckets, which keeps inner
    products. Signs and buckets depend on the slice's shape alone, so only slices of one shape compare.
    """
    low_hu, high_hu = TISSUE_HU
    rng = np.random.default_rng(0)
    shape_HW = hu_DHW.shape[1:]
    bucket_N = rng.integers(NUM_BUCKETS, size=shape_HW).ravel()
    sign_HW = rng.choice(np.array([-1.0, 1.0], dtype=np.float32), size=shape_HW)
    sketch_DK = np.zeros((len(hu_DHW), NUM_BUCKETS), dtype=np.float32)
    for index, hu_HW in enumerate(hu_DHW):
        residual_HW = hu_HW - ndimage.uniform_filter(hu_HW, 3)
        tissue_HW = ndimage.minimum_filter(((hu_HW > low_hu) & (hu_HW < high_hu)).view(np.uint8), 3)
        # Borders of bone, air and blood are anatomy.
        residual_HW *= sign_HW * tissue_HW * (np.abs(residual_HW) < MAX_RESIDUAL_HU)
        sketch_DK[index] = np.bincount(bucket_N, weights=residual_HW.ravel(), minlength=NUM_BUCKETS)
    norm_D1 = np.linalg.norm(sketch_DK, axis=1, keepdims=True)
    sketch_DK /= np.where(norm_D1 > 0, norm_D1, 1.0)
    return sketch_DK


def same_scans(textures: list[FloatArray]) -> list[tuple[int, int, float]]:
    """Pairs (earlier, later, mean correlation) of scans that share their noise; slices may be missing at either end.

    Args:
        textures: of `texture`, from images whose slices all have one shape.
    """
    if len(textures) < 2:
        return []
    starts = np.cumsum([0, *(len(sketch_DK) for sketch_DK in textures)])
    slices_SK = np.concatenate(textures)
    pairs: dict[tuple[int, int], float] = {}
    for index, sketch_DK in enumerate(textures):
        middle = len(sketch_DK) // 2
        alike_S = slices_SK @ sketch_DK[middle]
        for place in np.flatnonzero(alike_S > MIN_TEXTURE_CORRELATION):
            other = int(np.searchsorted(starts, place, side="right")) - 1
            offset = int(place - starts[other]) - middle
            if (
                other == index
                or (correlation := _correlation(sketch_DK, textures[other], offset)) < MIN_TEXTURE_CORRELATION
            ):
                continue
            pair = min(index, other), max(index, other)
            pairs[pair] = max(correlation, pairs.get(pair, 0.0))
    return [(*pair, correlation) for pair, correlation in sorted(pairs.items())]


def _correlation(a_DK: FloatArray, b_DK: FloatArray, offset: int) -> float:
    """Mean correlation of slice i of a with slice i + offset of b, over those where both have soft tissue."""
    first, end = max(0, -offset), min(len(a_DK), len(b_DK) - offset)
    a_DK, b_DK = a_DK[first:end], b_DK[first + offset : end + offset]
    both_D = a_DK.any(axis=1) & b_DK.any(axis=1)
    if np.count_nonzero(both_D) < MIN_SHARED_SLICES:
        return 0.0
    return float(np.einsum("dk,dk->d", a_DK[both_D], b_DK[both_D]).mean())
