from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hemosweep.config import PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.data.nifti import Volume, read_volume, write_volume
from hemosweep.errors import BadInput
from hemosweep.intensity.band import Band
from hemosweep.intensity.window import Window
from hemosweep.phantom.case import make_phantom
from hemosweep.phantom.variant import PhantomVariant
from hemosweep.preprocessing.pipeline import prepare_images, preprocess_case
from hemosweep.preprocessing.record import PreprocessedCase

WriteCase = Callable[[str], Case]
AS_SCANNED = PreprocessingConfig()
COARSE = PreprocessingConfig(spacing_HWD_mm=(8.0, 8.0, 16.0))


def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    volume = read_volume(path)
    write_volume(path, Volume(array_DHW=change(volume.array_DHW), affine=volume.affine))


def at(case: PreprocessedCase, *native_DHW: int) -> tuple[int, ...]:
    return tuple(index - start for index, start in zip(native_DHW, case.grid.crop_start_DHW, strict=True))


def test_on_the_scanners_grid_the_head_is_cut_out_and_windowed(write_ball_case: WriteCase) -> None:
    case = preprocess_case(write_ball_case("sub-001"), AS_SCANNED)
    # The head's radius of 84 mm makes 20 of 22 slices of 8 mm, 42 of 50 rows and 42 of 54 columns of 4 mm; the
    # opening takes the tips of the scalp.
    assert case.grid.full_DHW == case.grid.native_DHW == (22, 50, 54)
    for size, whole in zip(case.grid.crop_DHW, (20, 42, 42), strict=True):
        assert whole - 2 <= size <= whole
    assert case.spacing_DHW_mm == case.native_spacing_DHW_mm == (8.0, 4.0, 4.0)
    image_DHW = case.image_CDHW[0]
    assert case.image_CDHW.shape == (1, *case.grid.crop_DHW)
    assert case.image_CDHW.dtype == np.float16
    assert image_DHW[at(case, 11, 25, 20)] == np.float16(-0.4)  # brain, 30 of 0 to 100 HU
    assert image_DHW[at(case, 11, 27, 34)] == np.float16(0.2)  # lesion, 60 HU
    assert (image_DHW[~case.brain_DHW] == -1.0).all()
    assert case.brain_DHW.sum() * 0.128 == pytest.approx(4 / 3 * np.pi * 70**3 / 1000, rel=0.06)  # mL
    np.testing.assert_array_equal(case.grid.crop(case.reference_DHW), case.lesion_DHW)
    assert case.lesion_DHW.sum() == case.reference_DHW.sum()
    assert case.warnings == ()


def test_on_a_coarser_grid_the_field_of_view_stays_and_the_reference_is_untouched(write_ball_case: WriteCase) -> None:
    raw = write_ball_case("sub-001")
    native, coarse = preprocess_case(raw, AS_SCANNED), preprocess_case(raw, COARSE)
    assert coarse.grid.full_DHW == (11, 25, 27)
    assert coarse.spacing_DHW_mm == (16.0, 8.0, 8.0)
    assert coarse.native_spacing_DHW_mm == (8.0, 4.0, 4.0)
    np.testing.assert_array_equal(coarse.reference_DHW, native.reference_DHW)
    assert 8 * coarse.lesion_DHW.sum() == pytest.approx(native.reference_DHW.sum(), rel=0.2)
    # The window is cut before voxels are averaged: bone beside the brain counts 100 HU, not 1000.
    inside = coarse.brain_DHW & ~coarse.lesion_DHW
    assert np.mean(coarse.image_CDHW[0][inside] > 0.9) < 0.02
    back = coarse.grid.to_native(coarse.lesion_DHW.astype(np.float32)) > 0.5
    before, after = (np.argwhere(mask).mean(axis=0) for mask in (native.reference_DHW, back))
    np.testing.assert_allclose(after, before, atol=0.51)  # a quarter of the coarser voxel


def test_a_spacing_that_does_not_divide_the_field_of_view_is_told_as_it_became(write_ball_case: WriteCase) -> None:
    case = preprocess_case(write_ball_case("sub-001"), PreprocessingConfig(spacing_HWD_mm=(9.0, 9.0, 9.0)))
    assert case.grid.full_DHW == (20, 22, 24)  # 176, 200 and 216 mm
    assert case.spacing_DHW_mm == pytest.approx((8.8, 200 / 22, 9.0))


def test_a_clipped_ct_is_usable_and_warned_of(write_ball_case: WriteCase) -> None:
    raw = write_ball_case("sub-001")
    rewrite(raw.ct_path, lambda hu_DHW: np.clip(hu_DHW, 0, 80))
    case = preprocess_case(raw, AS_SCANNED)
    assert case.warnings == ("CT is clipped to [0, 80] HU; bone is taken as its maximum",)
    assert case.lesion_DHW.sum() == case.reference_DHW.sum()


def test_a_lesion_outside_the_brain_is_warned_of(write_ball_case: WriteCase) -> None:
    raw = write_ball_case("sub-001")
    rewrite(raw.lesion_path, lambda mask_DHW: np.roll(mask_DHW, 20, axis=2))
    assert preprocess_case(raw, AS_SCANNED).warnings == ("more than 0.5% of the lesion lies outside the brain mask",)


@pytest.mark.parametrize(("hu", "word"), [(-1000, "empty"), (0, "empty"), (None, "not like its neighbours")])
def test_an_odd_slice_in_the_head_is_the_first_thing_that_is_told(
    write_ball_case: WriteCase, hu: int | None, word: str
) -> None:
    raw = write_ball_case("sub-001")
    first, *others = prepare_images(raw, AS_SCANNED).head.warnings or ("",)
    assert (first, others) == ("", [])

    def spoil(hu_DHW: np.ndarray) -> np.ndarray:
        hu_DHW[12] = hu_DHW[12] + 100 if hu is None else hu
        return hu_DHW

    rewrite(raw.ct_path, spoil)
    first, *others = prepare_images(raw, AS_SCANNED).head.warnings
    assert first.startswith(f"slice 13 of 22 (counted from the feet) is {word}")
    assert not any(words in text for text in others for words in ("ends in the head", "holes", "pieces", "smaller"))


def test_a_scan_without_a_skull_is_refused(write_ball_case: WriteCase) -> None:
    raw = write_ball_case("sub-001")
    rewrite(raw.ct_path, lambda hu_DHW: np.where(hu_DHW > 500, -1000, hu_DHW).astype(np.int16))
    with pytest.raises(BadInput, match=r"case sub-001: no skull .* in sub-001_ct\.nii\.gz; is it a head CT\?"):
        preprocess_case(raw, AS_SCANNED)


def test_values_that_are_not_those_of_a_ct_are_told_with_the_refusal(write_ball_case: WriteCase) -> None:
    raw = write_ball_case("sub-001")
    rewrite(raw.ct_path, lambda hu_DHW: np.clip((hu_DHW + 100) * 4, 0, 900).astype(np.int16))
    with pytest.raises(BadInput, match=r"is it a head CT\? No value is below 0, .* it may be an MR image\."):
        preprocess_case(raw, AS_SCANNED)


def test_a_tilted_scan_exported_through_a_window_keeps_its_brain_and_nothing_else(tmp_path: Path) -> None:
    """Voxels left open by the straightened slices look no darker than the export's air, or air would be tissue."""
    phantom = make_phantom(0, size="small", seed=11, cta_share=0.0, variant=PhantomVariant(gantry_tilt_deg=18.0))
    case = Case(case_id="a", patient_id="p", ivh=None, ct_path=tmp_path / "ct.nii.gz", lesion_path=None)
    write_volume(case.ct_path, replace(phantom.ct, array_DHW=phantom.ct.array_DHW.clip(-20, 100)))
    images = prepare_images(case, AS_SCANNED)
    assert images.head.straightening is not None
    found, true = images.head.straightening.revert(images.head.brain_DHW), phantom.brain.array_DHW > 0
    assert 2 * np.count_nonzero(found & true) / (found.sum() + true.sum()) > 0.95
    head_ml = images.head.head_DHW.sum() * images.head.ct.voxel_ml
    assert 2000 < head_ml < 5000
    assert [text.split(":")[0] for text in images.head.warnings] == [
        "CT is clipped to [-20, 100] HU; bone is taken as its maximum",
        "no lesion mask",
        "gantry tilt of 18.0 degrees taken out; predictions go back on the tilted grid",
    ]


def test_a_shape_resizes_the_whole_image_and_a_spacing_may_make_it_finer(write_ball_case: WriteCase) -> None:
    raw = write_ball_case("sub-001")
    native = preprocess_case(raw, AS_SCANNED)
    shaped = preprocess_case(raw, PreprocessingConfig(shape_HWD=(25, 27, 44)))
    finer = preprocess_case(raw, PreprocessingConfig(spacing_HWD_mm=(8.0, 8.0, 4.0), make_finer=True))
    assert shaped.grid.full_DHW == finer.grid.full_DHW == (44, 25, 27)
    assert shaped.spacing_DHW_mm == (4.0, 8.0, 8.0)
    assert shaped.content_digest == finer.content_digest
    assert preprocess_case(raw, PreprocessingConfig(spacing_HWD_mm=(8.0, 8.0, 4.0))).grid.full_DHW == (22, 25, 27)
    back = shaped.grid.to_native(shaped.lesion_DHW.astype(np.float32)) > 0.5
    assert back.shape == native.reference_DHW.shape
    before, after = (np.argwhere(mask).mean(axis=0) for mask in (native.reference_DHW, back))
    np.testing.assert_allclose(after, before, atol=0.51)


def test_the_same_ct_in_other_intensities_are_further_channels(write_ball_case: WriteCase) -> None:
    config = PreprocessingConfig(ct_channels=(Window(low_hu=20.0, high_hu=40.0), Band(low_hu=20.0, high_hu=50.0)))
    case = preprocess_case(write_ball_case("sub-001"), config)
    brain, lesion = at(case, 11, 25, 20), at(case, 11, 27, 34)  # 30 and 60 HU.
    np.testing.assert_allclose([channel[brain] for channel in case.image_CDHW], [-0.4, 0.0, -1 / 3], atol=1e-3)
    np.testing.assert_allclose([channel[lesion] for channel in case.image_CDHW], [0.2, 1.0, -1.0], atol=1e-3)
    assert case.window_hu == (0.0, 100.0)
    assert (case.image_CDHW[:, ~case.brain_DHW] == -1.0).all()
