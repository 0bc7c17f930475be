"""Conversion of stored values to Hounsfield units.

A CT from a converter may have lost its intercept, may have wrapped padding, or may be exported through a display
window. Such values are corrected if possible, with a warning each time.
"""

import numpy as np
from numpy.typing import NDArray

CLOT_HU = 95.0
"""The densest clot; what is brighter is bone, calcification or metal, or has some of it in its voxel."""
BONE_HU = 200.0
"""Bone starts here in a full-range CT; blood and calcified falx partial volume stay below."""
AIR_HU = -1024.0
"""The lowest value kept: scanners pad the corners outside their field of view with -1500, -2000 or -3024."""
MAX_AIR_HU = -200.0
"""Anything above is fat or denser."""
INTERCEPT_HU = -1024.0
"""Of nearly every scanner whose stored values start at zero."""

_MAX_SIGNED = 32767.0
_WRAP = 65536.0
_MIN_WRAPPED = _WRAP - 8192.0
"""Padding that wrapped around is a few thousand below 65536; nothing in a CT lies between that and 32767."""
_MIN_TISSUE_SHARE = 0.02
_MAX_TISSUE_GRAY = 80.0
"""The usual brain windows put tissue above this on a scale of 0 to 255; in HU it stays well below."""
_NUM_SAMPLED_ALONG_AXIS = 128


def is_saturated(hu_DHW: NDArray[np.float32]) -> bool:
    """True if the CT was exported through a soft-tissue window: nothing reads as bone, so bone is its maximum."""
    return bool(hu_DHW.max() < BONE_HU)


def to_hounsfield(values_DHW: NDArray[np.generic]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """HU as float32, at least -1024, and one warning for each correction or oddity of the values.

    Args:
        values_DHW: finite values of a head CT, slope and intercept of the file's header applied.
    """
    hu_DHW = values_DHW.astype(np.float32)
    low, high = float(hu_DHW.min()), float(hu_DHW.max())
    warnings = []
    if high > _MAX_SIGNED:
        wrapped_DHW = hu_DHW > _MAX_SIGNED
        if hu_DHW[wrapped_DHW].min() >= _MIN_WRAPPED:
            warnings.append(
                f"{np.count_nonzero(wrapped_DHW)} voxels above {_MAX_SIGNED:g} were negative values that wrapped "
                f"around; {_WRAP:g} is taken off them"
            )
            hu_DHW[wrapped_DHW] -= _WRAP
            low, high = float(hu_DHW.min()), float(hu_DHW.max())
        else:
            warnings.append(
                f"values run up to {high:g}, which is no CT in HU; convert the original series again without rescaling"
            )
    if _lacks_intercept(hu_DHW):
        hu_DHW += np.float32(INTERCEPT_HU)
        low, high = low + INTERCEPT_HU, high + INTERCEPT_HU
        warnings.append(
            f"soft tissue reads as water plus {-INTERCEPT_HU:g}: the rescale intercept is missing and "
            f"{INTERCEPT_HU:g} is taken; convert the original series again to be sure of the HU"
        )
    if low < AIR_HU:
        np.maximum(hu_DHW, np.float32(AIR_HU), out=hu_DHW)
        low = AIR_HU
    if high < BONE_HU:
        warnings.append(f"CT is clipped to [{low:g}, {high:g}] HU; bone is taken as its maximum")
    elif low > MAX_AIR_HU:
        warnings.append(
            f"nothing reads as air, the lowest value is {low:g} HU: the CT was clipped and the outline of the head may "
            "be lost; convert the original series again"
        )
    if low >= 0.0 and _looks_like_a_picture(hu_DHW, high):
        warnings.append(
            f"values run from {low:g} to {high:g} like the gray values of a picture, not HU; convert the original "
            "series again"
        )
    return hu_DHW, tuple(warnings)


def _sample(values_DHW: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every few voxels of each slice: enough for a histogram, in a fraction of its time."""
    _, height, width = values_DHW.shape
    return values_DHW[:, :: max(1, height // _NUM_SAMPLED_ALONG_AXIS), :: max(1, width // _NUM_SAMPLED_ALONG_AXIS)]


def _lacks_intercept(values_DHW: NDArray[np.float32]) -> bool:
    """True if brain and scalp, the largest narrow peak of a head CT above air, lie where -1024 would bring them to 0.

    Next to no voxel may lie where air is in HU; padding below that says nothing.
    """
    sample = _sample(values_DHW)

    def share(low: float, high: float) -> float:
        return float(np.count_nonzero((sample >= low) & (sample < high))) / sample.size

    tissue = share(1024.0, 1124.0)
    return (
        share(-1400.0, -100.0) < 0.01
        and tissue > _MIN_TISSUE_SHARE
        and tissue > 3.0 * max(share(824.0, 924.0), share(1224.0, 1324.0))
    )


def _looks_like_a_picture(hu_DHW: NDArray[np.float32], high: float) -> bool:
    """True if values of zero or more are gray values: they end at 1, or at 255 with tissue about the middle."""
    if high <= 1.0:
        return high > 0.0
    if not 200.0 <= high <= 255.0:
        return False
    sample = _sample(hu_DHW)
    between = sample[(sample >= 10.0) & (sample <= 245.0)]
    return between.size > 0 and float(np.median(between)) > _MAX_TISSUE_GRAY
