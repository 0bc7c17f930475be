import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemosweep.errors import BadInput
from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.tilt import straightening, tilt_deg

ORTHOGONAL = np.array([[0.5, 0, 0, -100], [0, 0.5, 0, -120], [0, 0, 4, 20], [0, 0, 0, 1.0]])


def sheared(*, along_h_mm=0.0, along_w_mm=0.0):
    """Slices 4 mm apart, each started this much further along the rows and columns than the one below."""
    affine = ORTHOGONAL.copy()
    affine[:3, 2] = (along_w_mm, along_h_mm, 4.0)
    return affine


def turned(affine, deg):
    """The whole grid turned about the left-right axis."""
    c, s = math.cos(math.radians(deg)), math.sin(math.radians(deg))
    return np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]]) @ affine


def at(affine, d, h, w):
    return affine @ (w, h, d, 1.0)


def test_an_orthogonal_grid_is_left_alone_also_when_it_is_oblique():
    assert straightening(ORTHOGONAL, (30, 512, 512)) is None
    assert straightening(turned(ORTHOGONAL, 20), (30, 512, 512)) is None


def test_rounding_in_a_header_is_no_tilt():
    # 29 steps of 0.008 mm are 0.23 mm, under half a pixel of 0.5 mm.
    assert straightening(sheared(along_h_mm=0.008), (30, 512, 512)) is None


def test_slices_of_a_tilted_scan_are_moved_by_whole_pixels_and_stay_in_the_patient():
    affine = sheared(along_h_mm=-1.1)  # 2.2 pixels down a slice: 0, -2, -4, -7
    moved, straight = straightening(affine, (4, 6, 5))
    assert moved.shifts_HW == ((7, 0), (5, 0), (3, 0), (0, 0))
    assert moved.straight_DHW == (4, 13, 5)
    np.testing.assert_allclose(np.linalg.norm(straight[:3, :3], axis=0), (0.5, 0.5, 4.0))
    gram = straight[:3, :3].T @ straight[:3, :3]
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-12)
    for index, (top, left) in enumerate(moved.shifts_HW):
        off_mm = at(straight, index, top, left) - at(affine, index, 0, 0)
        assert np.linalg.norm(off_mm) <= 0.25 + 1e-9


def test_values_are_copied_not_interpolated_and_the_way_back_is_exact():
    scan = np.arange(4 * 6 * 5, dtype=np.int16).reshape(4, 6, 5)
    moved, _ = straightening(sheared(along_h_mm=1.1, along_w_mm=-0.5), scan.shape)
    straight = moved.apply(scan, fill=-1024)
    assert straight.dtype == np.int16
    assert straight.shape == (4, 13, 8)
    np.testing.assert_array_equal(straight[1, 2:8, 2:7], scan[1])
    assert np.count_nonzero(straight == -1024) == 4 * 13 * 8 - scan.size
    np.testing.assert_array_equal(moved.revert(straight), scan)


def test_a_prediction_goes_back_on_the_tilted_grid():
    lesion = np.zeros((4, 6, 5), dtype=np.float32)
    lesion[2, 3, 1] = 1.0
    moved, _ = straightening(sheared(along_h_mm=1.1), lesion.shape)
    straight = moved.apply(lesion, fill=0)
    grid = Grid(
        native_DHW=lesion.shape,
        full_DHW=moved.straight_DHW,
        crop_start_DHW=(1, 4, 0),
        crop_DHW=(3, 9, 5),
        straightening=moved,
    )
    np.testing.assert_array_equal(grid.to_native(grid.crop(straight)), lesion)


@given(tilt=st.floats(-30, 30), turn=st.floats(-30, 30), pixel_mm=st.floats(0.3, 2.5), step_mm=st.floats(0.6, 8.0))
def test_any_gantry_tilt_is_found_and_undone(tilt, turn, pixel_mm, step_mm):
    affine = np.diag([pixel_mm, pixel_mm, step_mm, 1.0])
    affine[1, 2] = step_mm * math.tan(math.radians(tilt))
    affine = turned(affine, turn)
    assert tilt_deg(affine) == pytest.approx(abs(tilt), abs=1e-4)
    found = straightening(affine, (20, 8, 8))
    if found is None:
        assert abs(19 * step_mm * math.tan(math.radians(tilt))) <= 0.5 * pixel_mm + 1e-9
        return
    moved, straight = found
    assert tilt_deg(straight) == pytest.approx(0.0, abs=1e-4)
    np.testing.assert_allclose(np.linalg.norm(straight[:3, 2]), step_mm)
    assert min(min(shift) for shift in moved.shifts_HW) == 0
    for index, (top, left) in enumerate(moved.shifts_HW):
        off_mm = at(straight, index, top, left) - at(affine, index, 0, 0)
        # Half a pixel for the slice, half a pixel for the first one.
        assert np.linalg.norm(off_mm) <= 0.5 * pixel_mm + 1e-6


def test_rows_and_columns_that_are_not_at_right_angles_are_refused():
    skewed = ORTHOGONAL.copy()
    skewed[:3, 1] = (0.05, 0.5, 0.0)
    with pytest.raises(BadInput, match=r"rows and columns meet at 84\.3 degrees, not 90; convert"):
        straightening(skewed, (30, 512, 512))


def test_a_tilt_that_no_gantry_has_is_refused():
    with pytest.raises(BadInput, match="tilted by 51 degrees, more than any gantry"):
        straightening(sheared(along_h_mm=5.0), (30, 512, 512))
