"""Duties of every region, as tests that its author runs on it."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from hemosweep.arrays import Mask, Shape, Spacing
from hemosweep.components.protocols import Region
from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.testing.components import check_record

SHAPE_DHW: Shape = (8, 40, 48)
SPACING_DHW_MM: Spacing = (5.0, 2.0, 2.0)


class RegionContract:
    """Tests of one region: `class TestMine(RegionContract): component = Mine()`."""

    component: Region

    def test_its_record_keeps_it(self) -> None:
        check_record("region", self.component, "mask")

    def test_it_is_a_mask_of_the_case(self) -> None:
        for case in _cases():
            mask_DHW = self._mask(case)
            assert isinstance(mask_DHW, np.ndarray), f"{case.case_id}: a {type(mask_DHW).__name__}, no array"
            assert mask_DHW.dtype == bool, f"{case.case_id}: of type {mask_DHW.dtype}, not bool"
            assert mask_DHW.shape == case.brain_DHW.shape, f"{case.case_id}: of shape {mask_DHW.shape}"

    def test_the_same_case_has_the_same_mask(self) -> None:
        for case, same in zip(_cases(), _cases(), strict=True):
            first, again = self._mask(case).copy(), self._mask(case).copy()
            assert np.array_equal(first, again), f"{case.case_id}: a second call gives another mask"
            assert np.array_equal(first, self._mask(same)), f"{case.case_id}: its copy has another mask"

    def test_the_case_stays_as_it_is(self) -> None:
        for case in _cases():
            before = case.content_digest
            self._mask(case)
            assert case.content_digest == before, f"{case.case_id}: the region changes the case"

    def test_a_case_without_a_lesion_has_a_mask(self) -> None:
        for case in _cases():
            if not case.lesion_DHW.any():
                assert self._mask(case).shape == case.brain_DHW.shape

    def _mask(self, case: PreprocessedCase) -> Mask:
        return self.component.mask(case)


def _cases() -> Iterator[PreprocessedCase]:
    """Phantoms: with a lesion, with two of them and a further channel, with one at the edge, and without."""
    d, h, w = np.ogrid[tuple(slice(size) for size in SHAPE_DHW)]
    brain_DHW = ((h - 20) / 17) ** 2 + ((w - 24) / 21) ** 2 + 0 * d < 1.0
    brain_DHW[0] = brain_DHW[-1] = False
    nothing_DHW = np.zeros(SHAPE_DHW, dtype=bool)
    large_DHW, small_DHW, edge_DHW = nothing_DHW.copy(), nothing_DHW.copy(), nothing_DHW.copy()
    large_DHW[2:5, 10:18, 12:20] = True
    small_DHW[6, 24:26, 30:32] = True
    edge_DHW[:3, :6, 20:28] = True
    case = _case("one", brain_DHW, large_DHW)
    yield case
    yield replace(
        _case("two", brain_DHW, large_DHW | small_DHW),
        image_CDHW=np.repeat(case.image_CDHW, 2, axis=0),
        window_hu=(-20.0, 120.0),
    )
    yield _case("edge", brain_DHW, edge_DHW)
    yield _case("without", brain_DHW, nothing_DHW)


def _case(case_id: str, brain_DHW: Mask, lesion_DHW: Mask) -> PreprocessedCase:
    """Noisy brain at 30 HU, the lesion and a ventricle full of blood at 65 HU."""
    blood_DHW = lesion_DHW.copy()
    blood_DHW[2:6, 18:26, 24:32] = True
    hu_DHW = np.where(blood_DHW, 65.0, 30.0) + np.random.default_rng(0).normal(0.0, 3.0, SHAPE_DHW)
    image_DHW = np.where(brain_DHW, (hu_DHW / 50.0 - 1.0).clip(-1.0, 1.0), -1.0)
    return PreprocessedCase(
        case_id=case_id,
        image_CDHW=image_DHW[None].astype(np.float16),
        brain_DHW=brain_DHW.copy(),
        lesion_DHW=lesion_DHW.copy(),
        reference_DHW=lesion_DHW.copy(),
        affine=np.diag([2.0, 2.0, 5.0, 1.0]),
        spacing_DHW_mm=SPACING_DHW_MM,
        native_spacing_DHW_mm=SPACING_DHW_MM,
        grid=Grid(native_DHW=SHAPE_DHW, full_DHW=SHAPE_DHW, crop_start_DHW=(0, 0, 0), crop_DHW=SHAPE_DHW),
    )
