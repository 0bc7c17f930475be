"""Duties of every weight map, as tests that its author runs on it."""

import numpy as np

from hemosweep.arrays import FloatArray
from hemosweep.components.protocols import WeightMap
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.testing.cases import tiny_cases
from hemosweep.testing.components import check_record


class WeightMapContract:
    """Tests of one weight map: `class TestMine(WeightMapContract): component = Mine()`."""

    component: WeightMap

    def test_its_record_keeps_it(self) -> None:
        check_record("weight_map", self.component, "weights")

    def test_it_has_a_weight_for_each_voxel_of_the_case_with_a_lesion_or_without(self) -> None:
        for case in tiny_cases():
            weight_DHW = self._weights(case)
            assert isinstance(weight_DHW, np.ndarray), f"{case.case_id}: a {type(weight_DHW).__name__}, no array"
            assert weight_DHW.dtype == np.float32, f"{case.case_id}: of type {weight_DHW.dtype}, not float32"
            assert weight_DHW.shape == case.lesion_DHW.shape, f"{case.case_id}: of shape {weight_DHW.shape}"
            assert np.isfinite(weight_DHW).all(), f"{case.case_id}: a weight is not finite"
            assert (weight_DHW >= 0.0).all(), f"{case.case_id}: a weight is negative"
            assert weight_DHW.any(), f"{case.case_id}: all weights are 0"

    def test_the_same_case_has_the_same_weights(self) -> None:
        for case, same in zip(tiny_cases(), tiny_cases(), strict=True):
            first, again = self._weights(case).copy(), self._weights(case).copy()
            assert np.array_equal(first, again), f"{case.case_id}: a second call gives other weights"
            assert np.array_equal(first, self._weights(same)), f"{case.case_id}: its copy has other weights"

    def test_the_case_stays_as_it_is(self) -> None:
        for case in tiny_cases():
            before = case.content_digest
            self._weights(case)
            assert case.content_digest == before, f"{case.case_id}: the weight map changes the case"

    def _weights(self, case: PreprocessedCase) -> FloatArray:
        return self.component.weights(case)
