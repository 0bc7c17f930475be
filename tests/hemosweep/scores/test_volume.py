import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemosweep.scores.volume import abc2_ml, diameters_mm


def ellipsoid(semi_axes_mm, spacing_DHW_mm):
    """Voxels whose centre lies in an ellipsoid around the middle of the grid."""
    sizes = [2 * math.ceil(semi / mm) + 3 for semi, mm in zip(semi_axes_mm, spacing_DHW_mm, strict=True)]
    axes = [
        (np.arange(n) - n // 2) * mm / semi for n, mm, semi in zip(sizes, spacing_DHW_mm, semi_axes_mm, strict=True)
    ]
    d, h, w = np.meshgrid(*axes, indexing="ij")
    return d**2 + h**2 + w**2 <= 1.0


def stack(*lengths):
    """One slice for each length: a bar of one pixel by that many, all in one corner."""
    mask_DHW = np.zeros((len(lengths), 1, max(lengths)), dtype=bool)
    for slice_HW, length in zip(mask_DHW, lengths, strict=True):
        slice_HW[0, :length] = True
    return mask_DHW


def test_one_voxel_is_its_own_volume():
    # A and B are the diagonals of a square of 2 mm, 2 sqrt(2) mm each; C is 5 mm: 8 * 5 / 2 = 20 mm3.
    assert abc2_ml(np.ones((1, 1, 1), dtype=bool), (5.0, 2.0, 2.0)) == pytest.approx(0.020)


def test_a_cube_is_its_own_volume():
    mask_DHW = np.zeros((6, 20, 20), dtype=bool)
    mask_DHW[1:5, 3:13, 4:14] = True
    # 10 pixels of 0.5 mm: the diagonals are 5 sqrt(2) mm; 4 slices of 5 mm: 50 * 20 / 2 mm3.
    assert abc2_ml(mask_DHW, (5.0, 0.5, 0.5)) == pytest.approx(0.5)


def test_diameters_of_a_rectangle_of_3_by_4_mm():
    # A is the diagonal, 5 mm. At right angles to it, a line between the long sides is 3 / (4 / 5) = 3.75 mm long.
    assert diameters_mm(np.ones((3, 4), dtype=bool), (1.0, 1.0)) == pytest.approx((5.0, 3.75))
    assert diameters_mm(np.ones((4, 3), dtype=bool), (1.0, 1.0)) == pytest.approx((5.0, 3.75))
    assert diameters_mm(np.ones((6, 2), dtype=bool), (0.5, 2.0)) == pytest.approx((5.0, 3.75))


def test_diameters_of_a_plus_of_five_pixels():
    # The outline is an octagon: A joins opposite corners, (0, 1) and (3, 2), sqrt(10) mm apart. At right angles to it
    # through (1, 0) and (2, 3) lies the other such diameter.
    plus_HW = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)
    assert diameters_mm(plus_HW, (1.0, 1.0)) == pytest.approx((math.sqrt(10), math.sqrt(10)))


def test_slices_count_whole_above_three_quarters_half_from_one_quarter_and_not_at_all_below():
    # Of 100: 76 counts 1, 75 and 25 count 0.5 each, 24 counts 0; with the largest, C is 3 slices of 2 mm. The bar is
    # 100 x 1 mm: A = sqrt(10001), and the line across it is 1 / (100 / A) long.
    a_mm = math.sqrt(100**2 + 1)
    assert abc2_ml(stack(24, 25, 75, 76, 100), (2.0, 1.0, 1.0)) == pytest.approx(a_mm * (a_mm / 100) * 6 / 2 / 1000)


def test_a_sphere_on_thick_slices():
    # Radius 30 mm, slices of 10 mm through 0, +-10, +-20 and +-30 mm: the areas there are 1, 8/9, 5/9 and 0 of the
    # largest, so C = (1 + 2 * 1 + 2 * 0.5) * 10 mm = 40 mm, and 60 * 60 * 40 / 2 mm3 = 72 mL.
    assert abc2_ml(ellipsoid((30.0, 30.0, 30.0), (10.0, 0.25, 0.25)), (10.0, 0.25, 0.25)) == pytest.approx(
        72.0, rel=0.02
    )


@pytest.mark.parametrize("semi_axes_mm", [(20.0, 15.0, 10.0), (12.0, 10.0, 25.0)])
def test_an_ellipsoid_on_thin_slices_is_cut_to_two_thirds(semi_axes_mm):
    spacing_DHW_mm = (0.25, 0.25, 0.25)
    d, h, w = semi_axes_mm
    expected_ml = (2 * h) * (2 * w) * (2 * d * (1 + math.sqrt(3)) / 4) / 2 / 1000
    mask_DHW = ellipsoid(semi_axes_mm, spacing_DHW_mm)
    assert abc2_ml(mask_DHW, spacing_DHW_mm) == pytest.approx(expected_ml, rel=0.03)
    volume_ml = 4 / 3 * math.pi * d * h * w / 1000
    assert abc2_ml(mask_DHW, spacing_DHW_mm) == pytest.approx(0.652 * volume_ml, rel=0.03)


def test_the_two_forms_of_an_ellipsoid_of_60_by_40_by_30_mm():
    mask_DHW = ellipsoid((15.0, 20.0, 30.0), (0.25, 0.25, 0.25))
    assert abc2_ml(mask_DHW, (0.25, 0.25, 0.25)) == pytest.approx(24.5, rel=0.03)
    assert abc2_ml(mask_DHW, (0.25, 0.25, 0.25), weighted=False) == pytest.approx(36.0, rel=0.03)
    assert np.count_nonzero(mask_DHW) * 0.25**3 / 1000 == pytest.approx(37.7, rel=0.01)


def test_each_slice_counts_whole_in_the_plain_form():
    # Slices of 24 to 100 of 100 pixels: five, 2 mm each, and A and B of the fullest as in the weighted form.
    mask_DHW = stack(24, 25, 75, 76, 100)
    weighted_ml, plain_ml = (abc2_ml(mask_DHW, (2.0, 1.0, 1.0), weighted=weighted) for weighted in (True, False))
    assert plain_ml == pytest.approx(weighted_ml * 10 / 6)


@pytest.mark.parametrize("degrees", [0, 30, 45, 77])
def test_an_ellipse_has_its_axes_as_diameters_however_it_lies(degrees):
    h, w = np.meshgrid(np.arange(200) - 100, np.arange(200) - 100, indexing="ij")
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    mask_HW = ((cosine * w + sine * h) / 80) ** 2 + ((cosine * h - sine * w) / 40) ** 2 <= 1.0
    assert diameters_mm(mask_HW, (0.5, 0.5)) == pytest.approx((80.0, 40.0), rel=0.025)


def test_separate_pieces_are_measured_one_by_one():
    mask_DHW = np.zeros((8, 60, 60), dtype=bool)
    mask_DHW[1:3, 2:12, 2:12] = True
    alone_ml = abc2_ml(mask_DHW, (5.0, 1.0, 1.0))
    mask_DHW[5:7, 40:50, 45:55] = True
    assert alone_ml == pytest.approx(1.0)
    assert abc2_ml(mask_DHW, (5.0, 1.0, 1.0)) == pytest.approx(2.0)


def test_pieces_that_touch_at_a_corner_are_one():
    mask_DHW = np.zeros((2, 4, 4), dtype=bool)
    mask_DHW[0, :2, :2] = mask_DHW[1, 2:, 2:] = True
    # One piece on two equal slices: 2 x 2 pixels of 1 mm, C of 2 mm.
    assert abc2_ml(mask_DHW, (1.0, 1.0, 1.0)) == pytest.approx(2 * math.sqrt(2) * 2 * math.sqrt(2) * 2 / 2 / 1000)


def test_an_empty_mask_has_no_volume():
    assert abc2_ml(np.zeros((3, 4, 5), dtype=bool), (5.0, 1.0, 1.0)) == 0.0


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9), st.floats(0.3, 3.0), st.floats(0.3, 3.0))
def test_no_pair_of_corners_is_farther_apart_than_the_first_diameter_nor_the_second_longer(seed, share, h_mm, w_mm):
    mask_HW = np.random.default_rng(seed).random((6, 7)) < share
    mask_HW[2, 3] = True
    a_mm, b_mm = diameters_mm(mask_HW, (h_mm, w_mm))
    corners = [(h + dh, w + dw) for h, w in np.argwhere(mask_HW) for dh in (0, 1) for dw in (0, 1)]
    points_K2 = np.array(corners) * (h_mm, w_mm)
    distance_KK = np.linalg.norm(points_K2[:, None] - points_K2[None], axis=-1)
    assert a_mm == pytest.approx(distance_KK.max())
    assert 0.0 < b_mm <= a_mm + 1e-9
    # Lines at right angles to A, none longer than B, sweep the whole outline.
    assert np.count_nonzero(mask_HW) * h_mm * w_mm <= a_mm * b_mm + 1e-9
