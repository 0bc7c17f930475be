"""Duties of every region, as tests that its author runs on it."""

import numpy as np

from hemosweep.arrays import Mask
from hemosweep.components.protocols import Region
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.testing.cases import tiny_cases
from hemosweep.testing.components import check_record


class RegionContract:
    """Tests of one region: `class TestMine(RegionContract): component = Mine()`."""

    component: Region

    def test_its_record_keeps_it(self) -> None:
        check_record("region", self.component, "mask")

    def test_it_is_a_mask_of_the_case(self) -> None:
        for case in tiny_cases():
            mask_DHW = self._mask(case)
            assert isinstance(mask_DHW, np.ndarray), f"{case.case_id}: a {type(mask_DHW).__name__}, no array"
            assert mask_DHW.dtype == bool, f"{case.case_id}: of type {mask_DHW.dtype}, not bool"
            assert mask_DHW.shape == case.brain_DHW.shape, f"{case.case_id}: of shape {mask_DHW.shape}"

    def test_the_same_case_has_the_same_mask(self) -> None:
        for case, same in zip(tiny_cases(), tiny_cases(), strict=True):
            first, again = self._mask(case).copy(), self._mask(case).copy()
            assert np.array_equal(first, again), f"{case.case_id}: a second call gives another mask"
            assert np.array_equal(first, self._mask(same)), f"{case.case_id}: its copy has another mask"

    def test_the_case_stays_as_it_is(self) -> None:
        for case in tiny_cases():
            before = case.content_digest
            self._mask(case)
            assert case.content_digest == before, f"{case.case_id}: the region changes the case"

    def test_a_case_without_a_lesion_has_a_mask(self) -> None:
        for case in tiny_cases():
            if not case.lesion_DHW.any():
                assert self._mask(case).shape == case.brain_DHW.shape

    def _mask(self, case: PreprocessedCase) -> Mask:
        return self.component.mask(case)
