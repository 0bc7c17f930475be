import numpy as np
import pytest
from PIL import Image

from hemosweep.errors import BadInput
from hemosweep.report.slices.overlays import overlay, slices_that_matter
from hemosweep.report.slices.panels import LEGEND_INCHES

SPACING_DHW_MM = (5.0, 1.0, 1.0)


def head(num_slices=4):
    image_DHW = np.full((num_slices, 60, 60), -1000.0)
    image_DHW[:, 10:50, 12:48] = 30.0
    return image_DHW


def mask(num_slices=4, **areas):
    mask_DHW = np.zeros((num_slices, 60, 60), dtype=bool)
    for name, size in areas.items():
        mask_DHW[int(name[1:]), 30 : 30 + size, 20:22] = True
    return mask_DHW


def red(path):
    """Pixels in the prediction's colour."""
    with Image.open(path) as picture:
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    return (pixels[..., 0] > 200) & (pixels[..., 1:] < 60).all(axis=-1)


def test_the_three_slices_are_the_largest_reference_disagreement_and_prediction():
    # Voxels of reference, prediction, disagreement: 17, 16, 1 in slice 1; 2, 14, 12 in slice 2; 16, 18, 2 in slice 3.
    reference_DHW = mask(d1=8, d2=1, d3=8)
    reference_DHW[1, 38, 20] = True
    prediction_DHW = mask(d1=8, d2=7, d3=9)
    assert slices_that_matter(reference_DHW, prediction_DHW) == {
        1: ["largest reference"],
        2: ["largest disagreement"],
        3: ["largest prediction"],
    }


def test_slices_that_coincide_are_filled_in_by_lesion_area():
    reference_DHW = mask(6, d4=5, d3=3, d0=4)
    assert slices_that_matter(reference_DHW, reference_DHW) == {
        4: ["largest reference", "largest prediction"],
        0: [],
        3: [],
    }


def test_without_any_lesion_the_middle_slices_are_shown():
    assert slices_that_matter(mask(9), mask(9)) == {4: [], 3: [], 5: []}


def test_a_volume_of_two_slices_shows_both():
    assert set(slices_that_matter(mask(2, d0=3), mask(2))) == {0, 1}


def test_the_patients_left_is_at_the_pictures_right(tmp_path):
    # One slice, so one column of panels; without a prediction, the red that is left is in the legend.
    left_DHW, right_DHW, empty_DHW = (np.zeros((1, 60, 60), dtype=bool) for _ in range(3))
    left_DHW[0, 20:30, 16:24] = True
    right_DHW[0, 20:30, 38:44] = True
    num_red_right_half = []
    for prediction_DHW in (left_DHW, right_DHW, empty_DHW):
        path = tmp_path / "overlay.png"
        overlay(head(1), empty_DHW, prediction_DHW, SPACING_DHW_MM, path, title="sub-001", dsc=None)
        pixels = red(path)
        num_red_right_half.append(int(pixels[:, int(0.6 * pixels.shape[1]) :].sum()))
    in_left, in_right, in_legend = num_red_right_half
    assert in_left > in_legend + 100
    assert in_right <= in_legend


@pytest.mark.parametrize(
    ("reference_DHW", "prediction_DHW", "dsc"),
    [(mask(), mask(), None), (mask(d1=5), mask(), 0.0), (mask(), mask(d2=5), float("nan"))],
    ids=["both", "prediction", "reference"],
)
def test_empty_masks_draw_without_a_warning(tmp_path, reference_DHW, prediction_DHW, dsc):
    overlay(head(), reference_DHW, prediction_DHW, SPACING_DHW_MM, tmp_path / "o.png", title="sub-001", dsc=dsc)
    assert red(tmp_path / "o.png").any()


def test_masks_that_fill_the_picture_and_an_image_of_air_draw(tmp_path):
    full_DHW = np.ones((3, 8, 8), dtype=np.uint8)
    air_DHW = np.full((3, 8, 8), -1000, dtype=np.int16)
    overlay(air_DHW, full_DHW, full_DHW, SPACING_DHW_MM, tmp_path / "new" / "o.png", title="sub-001", dsc=1.0)
    assert red(tmp_path / "new" / "o.png").any()


def test_the_picture_is_cropped_to_the_head_and_keeps_its_proportions(tmp_path):
    # The head is 40 mm high and 36 x 2 mm wide, with 6 mm of margin on every side: 52 x 84 mm, two rows and three
    # columns of it. Uncropped it would be 60 x 120 mm.
    overlay(head(), mask(d1=5), mask(), (5.0, 1.0, 2.0), tmp_path / "o.png", title="sub-001", dsc=0.0)
    with Image.open(tmp_path / "o.png") as picture:
        width, height = picture.size
    assert width == 1890
    assert height == pytest.approx(2 * 630 * 52 / 84 + 300 * (0.36 + 0.12 * 3 + LEGEND_INCHES), abs=2)


def test_volumes_of_different_shapes_are_refused(tmp_path):
    with pytest.raises(BadInput, match="sub-001: CT"):
        overlay(head(4), mask(4), mask(3), SPACING_DHW_MM, tmp_path / "o.png", title="sub-001", dsc=None)
