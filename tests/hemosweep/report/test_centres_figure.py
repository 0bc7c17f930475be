from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread

from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.report.slices.centres import (
    NEGATIVE_FRAME,
    POSITIVE_FRAME,
    REGIONS,
    draw_centres,
    informative_slices,
    region_look,
)
from hemosweep.sampling.centres import Centres, middle_centre

SHAPE_DHW = (12, 40, 30)
PATCH_DHW = (4, 8, 12)


def case(lesion_DHW=None):
    """An image of background only, so that its panels are the black of the picture."""
    nothing_DHW = np.zeros(SHAPE_DHW, dtype=bool)
    lesion_DHW = nothing_DHW if lesion_DHW is None else lesion_DHW
    return PreprocessedCase(
        case_id="sub-001",
        image_CDHW=np.full((1, *SHAPE_DHW), -1.0, dtype=np.float16),
        brain_DHW=nothing_DHW,
        lesion_DHW=lesion_DHW,
        reference_DHW=lesion_DHW,
        affine=np.eye(4),
        spacing_DHW_mm=(5.0, 1.0, 1.0),
        native_spacing_DHW_mm=(5.0, 1.0, 1.0),
        grid=Grid(native_DHW=SHAPE_DHW, full_DHW=SHAPE_DHW, crop_start_DHW=(0, 0, 0), crop_DHW=SHAPE_DHW),
    )


def centres(**voxels):
    index = [np.ravel_multi_index(voxel, SHAPE_DHW) for listed in voxels.values() for voxel in listed]
    counts = {name: len(listed) for name, listed in voxels.items()}
    return Centres(index_N=np.array(index, dtype=np.int64), counts=counts)


def panels(tmp_path, drawn, **more):
    """The figure's panels, left to right: pixels (rows, columns, RGB) of each."""
    path = tmp_path / "new" / "centres.png"
    draw_centres(more.pop("case", case()), drawn, PATCH_DHW, path, title="t", **more)
    picture = np.rint(imread(path)[..., :3] * 255).astype(int)
    # No letter and no dot is as wide as a panel: the page is white, a panel is not.
    on_page = (picture > 250).all(axis=-1)
    rows = np.flatnonzero((~on_page).mean(axis=1) > 0.8)
    picture, on_page = picture[rows[0] : rows[-1] + 1], on_page[rows[0] : rows[-1] + 1]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ~on_page.all(axis=0), [False]]).astype(int)))
    return [picture[:, start:stop] for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def rgb(colour):
    return tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))


def is_colour(panel, colour):
    return np.abs(panel - rgb(colour)).max(axis=-1) < 30


def is_shade(panel, colour):
    """True if a pixel is a colour mixed with black, as those of thin lines are."""
    bright = panel.max(axis=-1, keepdims=True)
    return (np.abs(panel / np.maximum(bright, 1) - np.divide(rgb(colour), max(rgb(colour)))).max(axis=-1) < 0.05) & (
        bright[..., 0] > 60
    )


def box(panel, colour, matches=is_colour):
    """First and last row and column of a colour, in voxels of the panel."""
    scale = np.divide(panel.shape[:2], SHAPE_DHW[1:])
    rows, columns = np.nonzero(matches(panel, colour))
    return rows.min() / scale[0], rows.max() / scale[0], columns.min() / scale[1], columns.max() / scale[1]


def test_a_dot_lies_at_its_voxel_the_patients_right_at_the_pictures_left(tmp_path):
    # Anterior (h = 35 of 40) and to the patient's right (w = 24 of 30), in RAS+ order.
    (panel,) = panels(tmp_path, centres(lesion=[(6, 35, 24)]))
    first_row, last_row, first_column, last_column = box(panel, REGIONS["lesion"][0])
    assert (first_row + last_row) / 2 == pytest.approx(4.5, abs=0.3)
    assert (first_column + last_column) / 2 == pytest.approx(5.5, abs=0.3)


def test_every_region_has_its_colour_in_the_order_of_the_counts(tmp_path):
    voxels = {
        "lesion": [(6, 5, 15)],
        "lesion_border": [(6, 15, 15)],
        "hyperdense": [(6, 25, 15)],
        "brain": [(6, 35, 15)],
    }
    (panel,) = panels(tmp_path, centres(**voxels))
    for name, [(_, h, _)] in voxels.items():
        first, last, _, _ = box(panel, REGIONS[name][0])
        assert (first + last) / 2 == pytest.approx(40 - h - 0.5, abs=0.3), name


def test_a_slice_shows_the_centres_of_its_neighbours_too(tmp_path):
    # Slice 3 is shown with the three positives of slices 2 to 4, and slice 9 with the negative.
    drawn = centres(lesion=[(2, 5, 5), (3, 15, 15), (4, 35, 25)], brain=[(9, 20, 15)])
    left, right = panels(tmp_path, drawn)
    first, last, _, _ = box(left, REGIONS["lesion"][0])
    assert (first, last) == (pytest.approx(4.5, abs=0.8), pytest.approx(34.5, abs=0.8))
    assert not is_colour(right, REGIONS["lesion"][0]).any()
    assert is_colour(right, REGIONS["brain"][0]).any()
    assert not is_colour(left, REGIONS["brain"][0]).any()


def test_frames_span_the_voxels_of_a_patch(tmp_path):
    # A patch of 8 x 12 around h = 10, w = 8 holds h = 6 ... 13 and w = 2 ... 13; in the display both axes are turned.
    (panel,) = panels(tmp_path, centres(lesion=[(6, 10, 8)], brain=[(6, 30, 20)]))
    assert box(panel, POSITIVE_FRAME) == pytest.approx((40 - 14, 40 - 6, 30 - 14, 30 - 2), abs=0.3)
    assert box(panel, NEGATIVE_FRAME) == pytest.approx((40 - 34, 40 - 26, 30 - 26, 30 - 14), abs=0.3)


def test_frames_are_drawn_once_on_the_slice_with_the_most_positives(tmp_path):
    drawn = centres(lesion=[(2, 20, 15), (9, 20, 15), (9, 22, 16)], brain=[(2, 8, 8), (9, 8, 8)])
    left, right = panels(tmp_path, drawn)
    for colour in (POSITIVE_FRAME, NEGATIVE_FRAME):
        assert [is_colour(panel, colour).any() for panel in (left, right)] == [False, True]


def test_lesion_and_regions_are_outlined_in_the_colour_of_their_dots(tmp_path):
    lesion_DHW, border_DHW = (np.zeros(SHAPE_DHW, dtype=bool) for _ in range(2))
    lesion_DHW[6, 18:22, 13:17] = True
    border_DHW[6, 10:30, 5:25] = True
    (panel,) = panels(
        tmp_path,
        centres(lesion=[(6, 20, 15)], lesion_border=[(6, 20, 15)]),
        case=case(lesion_DHW),
        regions={"lesion_border": border_DHW},
    )
    assert box(panel, REGIONS["lesion_border"][0], is_shade) == pytest.approx((10, 30, 5, 25), abs=0.2)
    # Four voxels each way around the centre of its dot, which hides nothing of it.
    assert box(panel, REGIONS["lesion"][0], is_shade) == pytest.approx((18, 22, 13, 17), abs=0.2)


def test_legend_counts_every_region_and_names_an_empty_one(tmp_path):
    drawn = centres(lesion=[(6, 10, 8), (6, 11, 8)], hyperdense=[], brain=[(0, 0, 0)])
    with mpl.rc_context({"svg.fonttype": "none"}):
        draw_centres(case(), drawn, PATCH_DHW, tmp_path / "c.svg", title="sub-001: 3 patch centres")
    text = (tmp_path / "c.svg").read_text(encoding="utf-8")
    for line in (
        "sub-001: 3 patch centres",
        "on the lesion (positive): 2",
        "hyperdense: 0 (empty)",
        "brain: 1",
        "positive patch, 8 x 12 x 4 voxels",
    ):
        assert f">{line}<" in text


def test_centres_beside_the_head_are_counted_and_not_drawn(tmp_path):
    # The picture ends with the stored head, from row 5 on of the whole image.
    depth, height, width = SHAPE_DHW
    whole = (depth, height + 5, width)
    grid = Grid(native_DHW=whole, full_DHW=whole, crop_start_DHW=(0, 5, 0), crop_DHW=SHAPE_DHW)
    voxels = [(6, 15, 8), (6, 2, 8), (6, 16, 8)]
    index = np.ravel_multi_index(np.array(voxels).T, whole)
    drawn = Centres(index_N=index, counts={"lesion": 1, "volume": 2})
    with mpl.rc_context({"svg.fonttype": "none"}):
        draw_centres(replace(case(), grid=grid), drawn, PATCH_DHW, tmp_path / "c.svg", title="t")
    text = (tmp_path / "c.svg").read_text(encoding="utf-8")
    assert ">whole image: 2, 1 of them outside the picture<" in text
    assert ">on the lesion (positive): 1<" in text


@pytest.mark.parametrize("region", ["lesion", "brain"])
def test_a_case_with_one_class_only_is_drawn(tmp_path, region):
    other = "brain" if region == "lesion" else "lesion"
    (panel,) = panels(tmp_path, centres(**{region: [(6, 10, 8)], other: []}))
    assert is_colour(panel, REGIONS[region][0]).any()


def slices(num_slices=20, **in_slices):
    voxels = {name: np.array([[d, 0, 0] for d in listed]).reshape(-1, 3) for name, listed in in_slices.items()}
    return informative_slices(voxels, num_slices)


def test_shown_slices_are_those_of_the_most_positives_and_of_what_is_seen_least():
    assert slices(lesion=[4, 5, 5, 6, 12], brain=[5, 5, 5], hyperdense=[16, 17]) == [5, 12, 16]


def test_shown_slices_never_share_a_centre():
    shown = slices(lesion=[5, 6, 7, 8, 9], brain=range(20))
    assert len(shown) == 3
    assert min(np.diff(shown)) >= 3


def test_fewer_slices_are_shown_where_no_others_hold_a_centre():
    assert slices(lesion=[5, 5], brain=[6]) == [5]


def test_a_lab_s_region_has_a_colour_and_a_name_of_its_own() -> None:
    look_of = {name: region_look(name) for name in ("skull", "lesion_border_2", "thin_rim")}
    assert look_of["skull"][1] == "skull"
    assert look_of["thin_rim"][1] == "thin rim"
    assert look_of["lesion_border_2"] == (region_look("lesion_border")[0], "around the lesion (2)")
    assert look_of["skull"][0] not in {colour for colour, _ in REGIONS.values()}
    assert region_look("skull") == look_of["skull"], "the same in every picture"


def test_the_one_patch_of_a_whole_head_is_framed(tmp_path):
    own = case()
    with mpl.rc_context({"svg.fonttype": "none"}):
        drawn = middle_centre(own, whole_image=False)
        draw_centres(own, drawn, PATCH_DHW, tmp_path / "c.svg", title="sub-001: one patch")
    text = (tmp_path / "c.svg").read_text(encoding="utf-8")
    assert ">middle of the head: 1<" in text
    assert ">the one patch, 8 x 12 x 4 voxels<" in text
    assert "positive" not in text
