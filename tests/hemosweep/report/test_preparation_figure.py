from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from hemosweep.errors import BadInput
from hemosweep.report.slices.preparation import GAP_MM, PANELS, draw_preparation

SHAPE_DHW = (20, 60, 48)
SPACING_DHW_MM = (6.0, 3.0, 3.0)
RED, AMBER = (255, 59, 48), (255, 176, 32)


@pytest.fixture
def brain_DHW() -> np.ndarray:
    mask_DHW = np.zeros(SHAPE_DHW, dtype=bool)
    mask_DHW[4:18, 10:50, 8:40] = True
    return mask_DHW


@pytest.fixture
def lesion_DHW() -> np.ndarray:
    """A block on the patient's right, in front and high up."""
    mask_DHW = np.zeros(SHAPE_DHW, dtype=bool)
    mask_DHW[13:16, 38:46, 30:38] = True
    return mask_DHW


def _draw(png: Path, names: tuple[str, ...], brain_DHW: np.ndarray, lesion_DHW: np.ndarray | None, **more: object):
    """Draw grey volumes; the picture in bytes (rows, columns, RGB)."""
    panels = {name: np.full(brain_DHW.shape, 0.5, dtype=np.float32) for name in names}
    draw_preparation(panels, brain_DHW, lesion_DHW, SPACING_DHW_MM, png, title="sub-007", **more)  # type: ignore[arg-type]
    return np.rint(imread(png)[..., :3] * 255).astype(int)


def _is_colour(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(picture - colour).max(axis=-1) < 40


def _cells(picture: np.ndarray, num_columns: int) -> list[np.ndarray]:
    """The picture's columns, without titles."""
    height, width, _ = picture.shape
    return [
        picture[height // 8 :, index * width // num_columns : (index + 1) * width // num_columns]
        for index in range(num_columns)
    ]


def test_columns_are_those_that_exist_in_the_order_of_the_paper(tmp_path, brain_DHW, lesion_DHW) -> None:
    every = _draw(tmp_path / "all.png", tuple(reversed(PANELS)), brain_DHW, lesion_DHW)
    two = _draw(tmp_path / "two.png", ("stripped", "ct"), brain_DHW, lesion_DHW)
    panel_mm = 48 * 3.0  # the margin reaches the border
    assert every.shape[1] / two.shape[1] == pytest.approx(
        (5 * (panel_mm + GAP_MM) + GAP_MM) / (2 * (panel_mm + GAP_MM) + GAP_MM), rel=0.01
    )
    assert every.shape[0] == two.shape[0]
    has_brain = [_is_colour(cell, AMBER).any() for cell in _cells(every, 5)]
    assert has_brain == [True, False, False, False, False]


def test_lesion_is_outlined_on_the_ct_before_and_after_stripping_only(tmp_path, brain_DHW, lesion_DHW) -> None:
    picture = _draw(tmp_path / "all.png", tuple(PANELS), brain_DHW, lesion_DHW)
    assert [_is_colour(cell, RED).any() for cell in _cells(picture, 5)] == [True, False, True, False, False]


@pytest.mark.parametrize("lesion", ["none", "empty"])
def test_without_a_lesion_nothing_is_red(tmp_path, brain_DHW, lesion) -> None:
    mask_DHW = None if lesion == "none" else np.zeros(SHAPE_DHW, dtype=bool)
    picture = _draw(tmp_path / "healthy.png", ("ct", "stripped"), brain_DHW, mask_DHW)
    assert not _is_colour(picture, RED).any()
    assert _is_colour(picture, AMBER).any()


def test_slice_of_the_largest_lesion_area_is_shown_the_right_way_round(tmp_path, brain_DHW, lesion_DHW) -> None:
    """Lesion to the patient's right and in front: at the picture's left, in the upper half of an axial slice."""
    picture = _draw(tmp_path / "one.png", ("stripped",), brain_DHW, lesion_DHW)
    rows, columns = np.nonzero(_is_colour(picture[60:], RED))  # below the title and its legend
    height, width, _ = picture.shape
    assert columns.mean() < 0.4 * width
    # Axial slices of 180 mm; the lesion's is the highest of the three. The coronal one of 120 mm is the last.
    mm = width / (48 * 3.0 + 2 * GAP_MM)
    axial_rows = rows[rows + 60 < height - 125 * mm]
    assert axial_rows.max() < height - (3 * (180 + GAP_MM) + 120 - 180 / 2) * mm
    assert np.count_nonzero(rows + 60 > height - 125 * mm) > 20


def test_coronal_row_has_the_true_aspect(tmp_path, brain_DHW) -> None:
    """A cube of 60 mm is a square there, though slices are twice as thick as pixels are wide."""
    cube_DHW = np.zeros(SHAPE_DHW, dtype=bool)
    cube_DHW[5:15, 20:40, 14:34] = True
    picture = _draw(tmp_path / "one.png", ("stripped",), brain_DHW, cube_DHW)
    height, width, _ = picture.shape
    mm = width / (48 * 3.0 + 2 * GAP_MM)
    rows, columns = np.nonzero(_is_colour(picture[int(height - 122 * mm) :], RED))
    assert np.ptp(rows) / mm == pytest.approx(60.0, abs=3.0)
    assert np.ptp(columns) / mm == pytest.approx(60.0, abs=3.0)


def test_window_says_what_is_black_and_white(tmp_path, brain_DHW) -> None:
    def grey(window: tuple[float, float] | None) -> int:
        windows = None if window is None else {"symmetric": window}
        picture = _draw(tmp_path / "grey.png", ("symmetric",), brain_DHW, None, windows=windows)
        return int(picture[picture.shape[0] // 2, picture.shape[1] // 2, 0])

    assert [grey(window) for window in (None, (0.5, 1.0), (0.0, 0.5))] == pytest.approx([128, 0, 255], abs=1)


def test_empty_brain_mask_shows_everything(tmp_path) -> None:
    picture = _draw(tmp_path / "none.png", ("ct",), np.zeros(SHAPE_DHW, dtype=bool), None)
    assert picture.shape[0] > picture.shape[1]


def test_only_the_finished_picture_is_left(tmp_path, brain_DHW) -> None:
    _draw(tmp_path / "deep" / "sub-007.png", ("ct",), brain_DHW, None)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["sub-007.png"]


def test_unknown_panels_and_volumes_of_other_shapes_are_refused(tmp_path, brain_DHW) -> None:
    with pytest.raises(BadInput, match=r"sub-007: panels mri; choose from ct, cta"):
        _draw(tmp_path / "x.png", ("mri",), brain_DHW, None)
    with pytest.raises(BadInput, match="panels none"):
        _draw(tmp_path / "x.png", (), brain_DHW, None)
    with pytest.raises(BadInput, match="not volumes of one shape"):
        _draw(tmp_path / "x.png", ("ct",), brain_DHW, np.zeros((20, 60, 47), dtype=bool))
    assert not list(tmp_path.iterdir())
