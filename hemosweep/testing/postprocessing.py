"""Duties of every post-processing, as tests that its author runs on it."""

from collections.abc import Iterator

import numpy as np

from hemosweep.arrays import FloatArray, Mask, Spacing
from hemosweep.components.protocols import PostProcessing
from hemosweep.testing.components import check_record

SHAPE_DHW = (5, 24, 20)


class PostProcessingContract:
    """Tests of one post-processing: `class TestMine(PostProcessingContract): component = Mine()`."""

    component: PostProcessing

    def test_its_record_keeps_it(self) -> None:
        check_record("postprocessing", self.component, "apply")

    def test_it_is_a_mask_of_the_same_grid(self) -> None:
        for name, mask_DHW, probability_DHW, spacing_DHW_mm in _predictions():
            changed_DHW = self.component.apply(mask_DHW, probability_DHW, spacing_DHW_mm)
            assert isinstance(changed_DHW, np.ndarray), f"{name}: a {type(changed_DHW).__name__}, no array"
            assert changed_DHW.dtype == bool, f"{name}: of type {changed_DHW.dtype}, not bool"
            assert changed_DHW.shape == mask_DHW.shape, f"{name}: of shape {changed_DHW.shape}"

    def test_the_same_prediction_gives_the_same_mask(self) -> None:
        for name, mask_DHW, probability_DHW, spacing_DHW_mm in _predictions():
            first, again = (self.component.apply(mask_DHW, probability_DHW, spacing_DHW_mm).copy() for _ in range(2))
            assert np.array_equal(first, again), f"{name}: a second call gives another mask"

    def test_mask_and_probability_stay_as_they_are(self) -> None:
        for name, mask_DHW, probability_DHW, spacing_DHW_mm in _predictions():
            mask_before, probability_before = mask_DHW.copy(), probability_DHW.copy()
            self.component.apply(mask_DHW, probability_DHW, spacing_DHW_mm)
            assert np.array_equal(mask_DHW, mask_before), f"{name}: the mask is changed in place"
            assert np.array_equal(probability_DHW, probability_before), f"{name}: the probability is changed"


def _predictions() -> Iterator[tuple[str, Mask, FloatArray, Spacing]]:
    """Probabilities, and the masks of what is above one half: of noise, of a lesion, of none, of one everywhere."""
    noise_DHW = np.random.default_rng(0).random(SHAPE_DHW, dtype=np.float32)
    lesion_DHW = np.full(SHAPE_DHW, np.float32(0.1))
    lesion_DHW[1:4, 6:16, 5:14] = 0.9
    maps = {"noise": noise_DHW, "lesion": lesion_DHW, "none": np.zeros_like(noise_DHW), "all": np.ones_like(noise_DHW)}
    for name, probability_DHW in maps.items():
        for spacing_DHW_mm in ((5.0, 0.5, 0.5), (1.0, 1.0, 1.2)):
            yield name, probability_DHW > 0.5, probability_DHW, spacing_DHW_mm
