from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hemosweep.data.hounsfield import is_saturated, to_hounsfield
from hemosweep.data.nifti import read_volume


def head_DHW(dtype: type = np.int16) -> NDArray[np.generic]:
    """Four slices of 64 x 64: air with noise, a rim of bone from 300 to 1500 HU, tissue from 0 to 80 HU."""
    rng = np.random.default_rng(0)
    hu_DHW = rng.integers(-1010, -990, (4, 64, 64))
    hu_DHW[:, 10:54, 10:54] = rng.integers(300, 1500, (4, 44, 44))
    hu_DHW[:, 13:51, 13:51] = rng.integers(0, 80, (4, 38, 38))
    return hu_DHW.astype(dtype)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_values_in_hu_are_left_as_they_are(dtype: type) -> None:
    hu_DHW, warnings = to_hounsfield(head_DHW(dtype))
    assert hu_DHW.dtype == np.float32
    np.testing.assert_array_equal(hu_DHW, head_DHW())
    assert warnings == ()


def test_the_given_array_is_not_changed() -> None:
    values_DHW = head_DHW(np.float32) + np.float32(1024.0)
    before_DHW = values_DHW.copy()
    to_hounsfield(values_DHW)
    np.testing.assert_array_equal(values_DHW, before_DHW)


@pytest.mark.parametrize("padding", [-1500, -2000, -3024, -32768])
def test_padding_becomes_air_without_a_word(padding: int) -> None:
    values_DHW = head_DHW()
    values_DHW[:, :5, :5] = padding
    hu_DHW, warnings = to_hounsfield(values_DHW)
    np.testing.assert_array_equal(hu_DHW[:, :5, :5], -1024)
    np.testing.assert_array_equal(hu_DHW[:, 5:], head_DHW()[:, 5:])
    assert warnings == ()


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("padding", [-2000, -3024])
def test_negative_values_that_wrapped_around_are_mended(dtype: type, padding: int) -> None:
    values_DHW = head_DHW()
    values_DHW[0, :2, :5] = padding
    hu_DHW, warnings = to_hounsfield(values_DHW.astype(np.uint16).astype(dtype))
    np.testing.assert_array_equal(hu_DHW[0, :2, :5], -1024)
    np.testing.assert_array_equal(hu_DHW[1:], head_DHW()[1:])
    (text,) = warnings
    assert f"{np.count_nonzero(values_DHW < 0)} voxels above 32767 were negative values that wrapped around" in text


def test_values_up_to_65535_that_did_not_wrap_are_told() -> None:
    values_DHW = np.linspace(0, 65535, 4 * 64 * 64).reshape(4, 64, 64)
    hu_DHW, warnings = to_hounsfield(values_DHW)
    assert hu_DHW.max() == 65535
    assert warnings[0] == (
        "values run up to 65535, which is no CT in HU; convert the original series again without rescaling"
    )


@pytest.mark.parametrize("padding", [None, 0, -2000], ids=["none", "zero", "negative"])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_missing_intercept_is_made_up_for_and_told(dtype: type, padding: int | None) -> None:
    stored_DHW = head_DHW() + 1024
    if padding is not None:
        stored_DHW[:, :5] = padding
    hu_DHW, warnings = to_hounsfield(stored_DHW.astype(dtype))
    np.testing.assert_array_equal(hu_DHW[:, 5:], head_DHW()[:, 5:])
    assert hu_DHW.min() >= -1024
    (text,) = warnings
    assert text == (
        "soft tissue reads as water plus 1024: the rescale intercept is missing and -1024 is taken; convert the "
        "original series again to be sure of the HU"
    )


def test_bone_about_1074_hu_is_not_taken_for_tissue_without_intercept() -> None:
    clipped_DHW = head_DHW().clip(0)
    hu_DHW, warnings = to_hounsfield(clipped_DHW)
    np.testing.assert_array_equal(hu_DHW, clipped_DHW)
    assert warnings == (
        "nothing reads as air, the lowest value is 0 HU: the CT was clipped and the outline of the head may be lost; "
        "convert the original series again",
    )


def test_a_ct_clipped_below_bone_is_told_as_saturated() -> None:
    clipped_DHW = head_DHW().clip(-20, 100)
    hu_DHW, warnings = to_hounsfield(clipped_DHW)
    assert is_saturated(hu_DHW)
    assert warnings == ("CT is clipped to [-20, 100] HU; bone is taken as its maximum",)


def test_gray_values_of_a_picture_are_told_from_clipped_hu() -> None:
    gray_DHW = np.clip((head_DHW().astype(float) - 0.0) / 80.0 * 255.0, 0, 255).astype(np.uint8)
    assert any("from 0 to 255 like the gray values of a picture, not HU" in text for text in to_hounsfield(gray_DHW)[1])
    share_DHW = gray_DHW / np.float32(255.0)
    assert any("from 0 to 1 like the gray values of a picture" in text for text in to_hounsfield(share_DHW)[1])
    clipped_DHW = head_DHW().clip(0, 255)
    assert not any("picture" in text for text in to_hounsfield(clipped_DHW)[1])


def test_a_large_volume_is_judged_like_a_small_one() -> None:
    stored_DHW = np.kron(head_DHW() + 1024, np.ones((1, 5, 5), dtype=np.int16))
    hu_DHW, warnings = to_hounsfield(stored_DHW)
    assert hu_DHW.min() == -1010
    assert len(warnings) == 1


@pytest.mark.parametrize("value", [0, 1000, -1000])
def test_a_volume_of_one_value_is_let_through(value: int) -> None:
    hu_DHW, _ = to_hounsfield(np.full((2, 3, 4), value, dtype=np.int16))
    assert (hu_DHW == value).all()


@pytest.mark.realdata
def test_real_scans_of_eight_bits_are_told_as_saturated(real_data: Path) -> None:
    path = real_data / "phe_sich8" / "sub-0001" / "ct" / "sub-0001_ct.nii.gz"
    hu_DHW, warnings = to_hounsfield(read_volume(path).array_DHW)
    assert (hu_DHW.min(), hu_DHW.max()) == (-20.0, 100.0)
    assert warnings == ("CT is clipped to [-20, 100] HU; bone is taken as its maximum",)
