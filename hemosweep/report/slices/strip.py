"""The views of a prepared case as one small JPEG, the brain mask outlined."""

import io
from collections.abc import Sequence

import numpy as np

from hemosweep.preprocessing.overview import IMAGE, OUTLINE, View
from hemosweep.report.slices.sheet import FRAME_COLOUR

GAP_PIXELS = 6
QUALITY = 78


def view_strip(views: Sequence[View], height: int) -> tuple[bytes, int]:
    """Return the views side by side on black as a JPEG, and its width in pixels.

    Args:
        views: of `Overview`, at least one.
        height: that of the picture; lower views are centred in it.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.image import imsave

    colour = np.rint(255.0 * np.array(to_rgb(FRAME_COLOUR))).astype(np.uint8)
    width = sum(view.shape[2] for view in views) + GAP_PIXELS * (len(views) - 1)
    strip = np.zeros((height, width, 3), dtype=np.uint8)
    left = 0
    for view in views:
        gray_HW = view[IMAGE]
        picture = np.where(view[OUTLINE][..., None] > 0, colour, gray_HW[..., None])
        top = (height - gray_HW.shape[0]) // 2
        strip[top : top + gray_HW.shape[0], left : left + gray_HW.shape[1]] = picture
        left += gray_HW.shape[1] + GAP_PIXELS
    jpeg = io.BytesIO()
    imsave(jpeg, strip, format="jpg", pil_kwargs={"quality": QUALITY, "subsampling": 0})
    return jpeg.getvalue(), width
