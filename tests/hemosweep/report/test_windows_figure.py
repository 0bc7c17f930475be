from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest

from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.report.slices import windows
from hemosweep.report.slices.windows import _neighbours, _place, _shared, draw_windows
from hemosweep.sampling.restriction import Restriction, Volume

IN_BRAIN = Restriction()
SHAPE_DHW = (12, 20, 24)


def case(lesion=(slice(5, 7), slice(8, 12), slice(4, 8)), shape_DHW=SHAPE_DHW):
    lesion_DHW = np.zeros(shape_DHW, dtype=bool)
    lesion_DHW[lesion] = True
    return PreprocessedCase(
        case_id="sub-001",
        image_CDHW=np.full((1, *shape_DHW), -1.0, dtype=np.float16),
        brain_DHW=np.ones(shape_DHW, dtype=bool),
        lesion_DHW=lesion_DHW,
        reference_DHW=lesion_DHW,
        affine=np.eye(4),
        spacing_DHW_mm=(5.0, 1.0, 1.0),
        native_spacing_DHW_mm=(5.0, 1.0, 1.0),
        grid=Grid(native_DHW=shape_DHW, full_DHW=shape_DHW, crop_start_DHW=(0, 0, 0), crop_DHW=shape_DHW),
    )


def drawn(tmp_path, own, patch_DHW, restriction=IN_BRAIN, **more):
    path = tmp_path / "new" / "windows.svg"
    with mpl.rc_context({"svg.fonttype": "none"}):
        draw_windows(own, restriction, patch_DHW, 0.5, path, title="sub-001: t", **more)
    return path.read_text(encoding="utf-8")


def test_the_picture_counts_the_windows_and_tells_their_mean_overlap(tmp_path):
    text = drawn(tmp_path, case(), (8, 8, 8))
    # More than half of 8 is shared by steps under 4: 2 steps over 12 - 8 slices, 4 over 20 - 8 rows, which are 3 each,
    # and 5 over 24 - 8 columns, which are 3.2 each. That makes 3 x 5 x 6 windows.
    for line in (
        "sub-001: t",
        "slice 6 of 12: windows",
        "windows beside it in this plane; 90 in all, of 8 x 8 x 8 voxels",
        "its neighbour; mean overlap 62.5% of rows, 60% of columns, 75% of slices",
    ):
        assert f">{line}<" in text, line


def test_windows_of_a_network_of_slices_share_none_that_they_need_not_share(tmp_path):
    text = drawn(tmp_path, case(), (4, 8, 8), slice_wise=True)
    assert ">windows beside it in this plane; 90 in all, of 8 x 8 x 4 voxels<" in text  # 12 slices: 3 x 5 x 6 windows
    assert ", 0% of slices<" in text


def test_windows_that_touch_no_brain_are_not_drawn(tmp_path):
    brain_DHW = np.zeros(SHAPE_DHW, dtype=bool)
    brain_DHW[0, 0, 0] = True
    text = drawn(tmp_path, replace(case(), brain_DHW=brain_DHW), (8, 8, 8))
    assert "; 1 in all," in text


def test_an_arm_that_draws_from_the_whole_image_shows_every_window_of_it(tmp_path):
    grid = Grid(native_DHW=(12, 28, 24), full_DHW=(12, 28, 24), crop_start_DHW=(0, 8, 0), crop_DHW=SHAPE_DHW)
    text = drawn(tmp_path, replace(case(), grid=grid), (8, 8, 8), Restriction(regions=((Volume(), 1.0),)))
    assert "windows beside it in this plane; 126 in all" in text  # 7 of them over 28 - 8 rows, not 5


def test_the_planes_and_the_windows_are_those_of_the_lesion():
    own = case()
    assert _place(own.lesion_DHW, own.brain_DHW) == (5, 8, 4)
    starts = ([0, 4], [0, 4, 8, 12], [0, 4, 8, 12, 16])
    kept_ZYX = np.ones((2, 4, 5), dtype=bool)
    first, second = _neighbours(kept_ZYX, starts, (8, 8, 8), (5, 8, 4))
    assert (first, second) == ((0, 1, 0), (0, 1, 1))
    kept_ZYX[:, :, 1:] = False
    assert _neighbours(kept_ZYX, starts, (8, 8, 8), (5, 8, 4)) == ((0, 1, 0),)


@pytest.mark.parametrize(("starts", "share"), [([0], "none"), ([0, 4], "50%"), ([0, 3, 6], "62.5%")])
def test_the_overlap_is_the_mean_share_of_neighbours(starts, share):
    assert _shared(starts, 8) == share


def test_a_case_without_a_lesion_and_smaller_than_a_patch_is_drawn(tmp_path):
    text = drawn(tmp_path, case(lesion=(slice(0, 0),), shape_DHW=(4, 6, 6)), (8, 8, 8))
    assert "; 1 in all," in text


def test_a_whole_head_lies_in_the_middle_of_its_window(tmp_path, monkeypatch):
    framed = []
    monkeypatch.setattr(
        windows, "_frame_windows", lambda axes, kept, starts, size, *_, **__: framed.append((starts, size))
    )
    drawn(tmp_path, case(), (16, 24, 24), centred=True)
    assert framed == [(([-2], [-2], [0]), (16, 24, 24))] * 2
