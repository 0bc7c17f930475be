"""The mask that an arm makes of a probability, the same in test and prediction: its threshold and post-processing."""

import numpy as np

from hemosweep.arrays import FloatArray, Mask, Spacing
from hemosweep.components.record import place_of
from hemosweep.config import InferenceConfig
from hemosweep.errors import BadInput


def lesion_mask(probability_DHW: FloatArray, spacing_DHW_mm: Spacing, config: InferenceConfig) -> Mask:
    """Voxels of the scanner's grid that are lesion: those more probable than the threshold, post-processed.

    Raises:
        BadInput: a post-processing returns something else than a mask of that grid.
    """
    mask_DHW: Mask = probability_DHW > config.threshold
    for step in config.postprocessing:
        changed_DHW = step.apply(mask_DHW, probability_DHW, spacing_DHW_mm)
        if (
            not isinstance(changed_DHW, np.ndarray)
            or changed_DHW.dtype != np.bool_
            or changed_DHW.shape != mask_DHW.shape
        ):
            is_array = isinstance(changed_DHW, np.ndarray)
            what = f"{changed_DHW.dtype} {changed_DHW.shape}" if is_array else type(changed_DHW).__name__
            raise BadInput(
                f"postprocessing {type(step).__name__} ({place_of(type(step))}): it returns {what}; return bool "
                f"{mask_DHW.shape}"
            )
        mask_DHW = changed_DHW
    return mask_DHW
