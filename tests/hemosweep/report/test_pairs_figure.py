from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from hemosweep.data.case import Case
from hemosweep.data.nifti import Volume, write_volume
from hemosweep.errors import BadInput
from hemosweep.report.slices.pairs import ARROW_COLOUR, PairArm, draw_pair, largest_changes, most_different_slice
from tests.hemosweep.report.heads import boxed, head, write

SHAPE_DHW = (4, 40, 40)
LESION = (slice(1, 3), slice(20, 28), slice(20, 28))


def table(fold=0, **scores):
    rows = [{"case_id": name, "dsc": dsc, "fold": fold, "ivh": "no"} for name, dsc in scores.items()]
    return pd.DataFrame(rows).astype({"dsc": float})


def changed(a, b):
    return [(change.case_id, round(change.gain, 3)) for change in largest_changes(table(**a), table(**b))]


def test_two_largest_gains_come_first_then_the_two_largest_losses():
    a = {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5, "e": 0.5, "f": 0.5, "g": 0.5}
    b = {"a": 0.6, "b": 0.9, "c": 0.7, "d": 0.1, "e": 0.4, "f": 0.3, "g": 0.5}
    assert changed(a, b) == [("b", 0.4), ("c", 0.2), ("d", -0.4), ("f", -0.2)]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ({"a": 0.5, "b": 0.5}, {"a": 0.6, "b": 0.5}, [("a", 0.1)]),
        ({"b": 0.5, "a": 0.5, "c": 0.5}, {"b": 0.6, "a": 0.6, "c": 0.6}, [("a", 0.1), ("b", 0.1)]),
        ({"a": float("nan"), "b": 0.5}, {"a": 0.6, "b": 0.4}, [("b", -0.1)]),
        ({"a": 0.5, "b": 0.5}, {"b": 0.8, "c": 0.9}, [("b", 0.3)]),
        ({"a": 0.5}, {"a": 0.5}, []),
    ],
    ids=["no change is neither", "ties by id", "undefined is left out", "in both arms only", "nothing changed"],
)
def test_cases_that_cannot_be_shown_are_left_out(a, b, expected):
    assert changed(a, b) == expected


def test_the_slice_is_that_of_the_largest_disagreement_between_the_arms():
    first_DHW, second_DHW = (np.zeros(SHAPE_DHW, dtype=bool) for _ in range(2))
    first_DHW[1, :8], second_DHW[1, :8] = True, True
    second_DHW[2, :1], second_DHW[3, :2] = True, True
    assert most_different_slice(first_DHW, second_DHW) == 3


@pytest.fixture
def raw_cases(tmp_path):
    """Cases a and b: a square of blood in a square head."""
    ct = write(tmp_path / "ct.nii.gz", head(SHAPE_DHW, (slice(None), slice(4, 36), slice(4, 36)), LESION))
    mask = write(tmp_path / "mask.nii.gz", boxed(SHAPE_DHW, LESION))
    return [Case(case_id=name, patient_id="P", ivh=False, ct_path=ct, lesion_path=mask) for name in "ab"]


@pytest.fixture
def make_arm(tmp_path):
    """An arm whose predictions are given as a box of voxels, by case; other cases have none."""

    def make(name, fold=0, boxes=None, **scores):
        folder = tmp_path / name.replace("/", "_")
        for case_id in scores:
            write(folder / "predictions" / f"{case_id}.nii.gz", boxed(SHAPE_DHW, (boxes or {}).get(case_id)))
        return PairArm(name=name, cases=table(fold, **scores), fold_folders={fold: folder})

    return make


def columns(path):
    """The picture's three columns, in bytes, without the title and the names of the contours."""
    picture = np.rint(imread(path)[..., :3] * 255).astype(int)[:-80]
    third = picture.shape[1] // 3
    return [picture[picture.shape[0] // 4 :, index * third : (index + 1) * third] for index in range(3)]


def is_colour(panel, colour):
    return np.abs(panel - colour).max(axis=-1) < 40


CYAN = (0x32, 0xD5, 0xF0)
RED, YELLOW = (255, 0, 0), tuple(int(ARROW_COLOUR[place : place + 2], 16) for place in (1, 3, 5))


def test_each_arms_prediction_is_red_in_a_panel_of_its_own_and_the_ct_is_bare(tmp_path, raw_cases, make_arm):
    # Arm B's prediction lies to the patient's left (small w), which is the right half of its panel.
    left = (slice(2, 3), slice(20, 28), slice(6, 14))
    a = make_arm("lesion", a=0.0)
    b = make_arm("lesion/symmetric", fold=3, boxes={"a": left}, a=0.2)
    draw_pair(a, b, raw_cases, tmp_path / "new" / "pair.png")
    ct, first, second = columns(tmp_path / "new" / "pair.png")
    assert not is_colour(ct, RED).any()
    assert not is_colour(first, RED).any()
    assert np.nonzero(is_colour(second, RED))[1].min() > 0.5 * second.shape[1]


def test_an_arrow_points_at_a_change_in_both_arms_if_it_is_worth_one(tmp_path, raw_cases, make_arm):
    one_pixel = (slice(2, 3), slice(20, 21), slice(20, 21))
    a = make_arm("a", a=0.0)
    for name, box, arrows in (("large", LESION, True), ("small", one_pixel, False)):
        draw_pair(a, make_arm(name, boxes={"a": box}, a=0.9), raw_cases, tmp_path / f"{name}.png")
        drawn = [bool(is_colour(panel, YELLOW).any()) for panel in columns(tmp_path / f"{name}.png")]
        assert drawn == [False, arrows, arrows], name


def test_arms_cases_and_scores_are_written_beside_their_panels(tmp_path, raw_cases, make_arm):
    a, b = make_arm("x|y", a=0.25, b=0.5), make_arm("x+y", boxes={"a": LESION, "b": LESION}, a=0.75, b=0.4)
    with mpl.rc_context({"svg.fonttype": "none"}):
        draw_pair(a, b, raw_cases, tmp_path / "pair.svg")
    text = (tmp_path / "pair.svg").read_text(encoding="utf-8")
    written = (
        "a",
        "slice 2 of 4, DSC +0.500",
        "x|y",
        "DSC 0.250",
        "x+y",
        "DSC 0.750",
        "b",
        "slice 2 of 4, DSC -0.100",
        "DSC 0.400",
    )
    places = [text.index(f">{line}<") for line in written]
    assert places == sorted(places)


def test_long_names_stay_inside_the_picture_and_beside_each_other(tmp_path, raw_cases, make_arm, saved_figures):
    name = "sub-a_$long$_identifier_of_a_case_in_a_study"
    cases = [replace(raw_cases[0], case_id=name)]
    a = make_arm("hyperdense|lesion/symmetric/augmented@0", **{name: 0.0})
    b = make_arm("hyperdense+lesion/symmetric/augmented@0", boxes={name: LESION}, **{name: 0.9})
    draw_pair(a, b, cases, tmp_path / "pair.png")
    (figure,) = saved_figures
    figure.draw_without_rendering()
    title = figure._suptitle.get_window_extent()
    assert title.x1 < figure.bbox.x1
    headings = [axes.title.get_window_extent() for axes in figure.axes]
    assert headings[0].x0 >= 0
    assert headings[0].x1 < headings[1].x0 < headings[1].x1 < headings[2].x0 < headings[2].x1 <= figure.bbox.x1
    assert title.y0 > max(heading.y1 for heading in headings)


@pytest.fixture
def with_ivh(tmp_path, raw_cases):
    """Case a with a mask of IVH to the patient's left."""

    def with_ivh(shape_DHW=SHAPE_DHW):
        ivh_DHW = np.zeros(shape_DHW, dtype=np.uint8)
        ivh_DHW[:, 20:28, 6:14] = 1
        path = tmp_path / "ivh.nii.gz"
        write_volume(path, Volume(array_DHW=ivh_DHW, affine=np.eye(4)))
        return [replace(raw_cases[0], ivh=True, ivh_path=path)]

    return with_ivh


def test_ivh_is_outlined_in_every_panel_of_a_case_that_has_a_mask_of_it(tmp_path, raw_cases, with_ivh, make_arm):
    a, b = make_arm("a", a=0.0), make_arm("b", boxes={"a": LESION}, a=0.9)
    for name, cases, outlined in (("without", raw_cases, False), ("with", with_ivh(), True)):
        draw_pair(a, b, cases, tmp_path / f"{name}.png")
        panels = columns(tmp_path / f"{name}.png")
        assert [bool(is_colour(panel, CYAN).any()) for panel in panels] == [outlined] * 3, name
    ct = panels[0]
    # Small w is the patient's left, which is the picture's right.
    assert np.nonzero(is_colour(ct, CYAN))[1].min() > 0.5 * ct.shape[1]


def test_a_mask_of_ivh_that_does_not_fit_costs_no_picture_and_is_told(tmp_path, with_ivh, make_arm):
    a, b = make_arm("a", a=0.0), make_arm("b", boxes={"a": LESION}, a=0.9)
    with mpl.rc_context({"svg.fonttype": "none"}):
        draw_pair(a, b, with_ivh((5, 40, 40)), tmp_path / "pair.svg")
    assert ">IVH mask: not usable<" in (tmp_path / "pair.svg").read_text(encoding="utf-8")


def test_arms_of_equal_scores_are_refused(tmp_path, raw_cases, make_arm):
    with pytest.raises(BadInput, match="x and y: no case has another DSC"):
        draw_pair(make_arm("x", a=0.5), make_arm("y", a=0.5), raw_cases, tmp_path / "pair.png")
