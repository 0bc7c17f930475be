"""The mask of a probability: threshold, post-processing, and one that returns no mask."""

from dataclasses import dataclass

import numpy as np
import pytest

from hemosweep.config import InferenceConfig
from hemosweep.errors import BadInput
from hemosweep.inference.mask import lesion_mask
from hemosweep.postprocessing.components import MinVolume
from hemosweep.postprocessing.morphology import Closing

SPACING_DHW_MM = (5.0, 1.0, 1.0)
PROBABILITY_DHW = np.array([[[0.9, 0.9, 0.5, 0.9, 0.0, 0.6]]], dtype=np.float32)


@dataclass(frozen=True)
class Wrong:
    def apply(self, mask_DHW, probability_DHW, spacing_DHW_mm):
        return mask_DHW.astype(np.uint8)


def lesion(**fields):
    return lesion_mask(PROBABILITY_DHW, SPACING_DHW_MM, InferenceConfig(**fields))[0, 0].tolist()


def test_what_is_above_one_half_is_lesion_unless_the_arm_says_otherwise():
    assert lesion() == [True, True, False, True, False, True]
    assert lesion(threshold=0.75) == [True, True, False, True, False, False]
    assert lesion(threshold=0.25) == [True, True, True, True, False, True]


def test_post_processing_goes_in_its_order():
    closing, large = Closing(size_px=2), MinVolume(ml=0.02)  # Four voxels of 5 cubic millimetres.
    assert lesion(postprocessing=(closing, large)) == [True] * 6
    assert lesion(postprocessing=(large, closing)) == [False] * 6


def test_a_post_processing_that_returns_no_mask_is_named():
    with pytest.raises(BadInput, match=r"postprocessing Wrong \(.*\): it returns uint8 \(1, 1, 6\); return bool"):
        lesion(postprocessing=(Wrong(),))
