import numpy as np
import pytest
from matplotlib.image import imread

from hemosweep.report.slices.prediction import GAP_MM, draw_prediction, shown_slices

SHAPE_DHW = (12, 60, 50)
RED = (255, 59, 48)


def block(slices, rows, columns):
    mask_DHW = np.zeros(SHAPE_DHW, dtype=bool)
    mask_DHW[slice(*slices), slice(*rows), slice(*columns)] = True
    return mask_DHW


BRAIN_DHW = block((2, 11), (10, 50), (8, 42))
NOTHING_DHW = np.zeros(SHAPE_DHW, dtype=bool)


def draw(png, lesion_DHW, brain_DHW=BRAIN_DHW, spacing_DHW_mm=(5.0, 2.0, 2.0)):
    """Draw on a grey head; the picture in bytes (rows, columns, RGB), without the two lines of text."""
    ct_DHW = np.full(SHAPE_DHW, 40.0, dtype=np.float32)
    draw_prediction(ct_DHW, brain_DHW, lesion_DHW, spacing_DHW_mm, png, title="sub-007", finding="12.3 mL")
    return np.rint(imread(png)[..., :3] * 255).astype(int)[95:]


def is_red(picture):
    return np.abs(picture - RED).max(axis=-1) < 40


def test_the_slices_are_the_largest_and_the_middle_of_what_is_below_and_above():
    lesion_DHW = block((2, 11), (20, 24), (20, 24))
    lesion_DHW[6, 20:30, 20:30] = True
    assert shown_slices(BRAIN_DHW, lesion_DHW) == [4, 6, 8]


def test_a_false_spot_far_from_the_lesion_leaves_the_lesion_on_every_slice():
    lesion_DHW = block((5, 8), (20, 30), (20, 30))
    lesion_DHW[6, 30, 30] = True
    lesion_DHW[[0, 11], 20, 20] = True
    assert shown_slices(BRAIN_DHW, lesion_DHW) == [5, 6, 7]


@pytest.mark.parametrize(
    ("slices", "shown"),
    [((5, 6), [4, 5, 6]), ((5, 7), [4, 5, 6]), ((0, 1), [0, 1, 2]), ((11, 12), [9, 10, 11])],
)
def test_around_a_lesion_of_few_slices_its_neighbours_fill_in(slices, shown):
    assert shown_slices(BRAIN_DHW, block(slices, (20, 24), (20, 24))) == shown


def test_without_a_lesion_the_slices_are_spread_over_the_brain_and_without_that_over_the_scan():
    assert shown_slices(BRAIN_DHW, NOTHING_DHW) == [4, 6, 8]
    assert shown_slices(NOTHING_DHW, NOTHING_DHW) == [2, 5, 8]


def test_a_scan_of_two_slices_shows_both():
    assert shown_slices(BRAIN_DHW[2:4], NOTHING_DHW[:2]) == [0, 1]


def test_the_lesion_is_outlined_in_the_lower_row_alone_and_the_right_way_round(tmp_path):
    # On the patient's right and in front: at a panel's left, in its upper half.
    picture = draw(tmp_path / "case.png", block((6, 7), (40, 46), (36, 40)))
    height, width, _ = picture.shape
    rows, columns = np.nonzero(is_red(picture))
    assert rows.min() > height / 2
    assert rows.max() < 0.75 * height
    assert width / 3 < columns.min()
    assert columns.max() < width / 2


def test_an_empty_mask_gives_a_picture_without_red(tmp_path):
    assert not is_red(draw(tmp_path / "case.png", NOTHING_DHW)).any()
    assert not is_red(draw(tmp_path / "none.png", NOTHING_DHW, NOTHING_DHW)).any()


def test_panels_have_the_true_aspect(tmp_path):
    # The brain's 40 x 34 pixels of 1 x 2 mm and 16 mm around, to the border: 60 rows, 50 columns, so 60 x 100 mm.
    picture = draw(tmp_path / "case.png", block((6, 7), (20, 40), (20, 30)), spacing_DHW_mm=(5.0, 1.0, 2.0))
    mm = picture.shape[1] / (3 * (100 + GAP_MM) + GAP_MM)
    rows, columns = np.nonzero(is_red(picture))
    assert np.ptp(rows) / mm == pytest.approx(20.0, abs=1.5)
    assert np.ptp(columns) / mm == pytest.approx(20.0, abs=1.5)


def test_only_the_finished_picture_is_left(tmp_path):
    draw(tmp_path / "deep" / "case.png", NOTHING_DHW)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["case.png"]
