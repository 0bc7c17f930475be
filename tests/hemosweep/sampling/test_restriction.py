"""Restrictions: the regions and shares of each name, and what is refused."""

import math

import numpy as np
import pytest

from hemosweep.errors import BadInput
from hemosweep.sampling.restriction import (
    RESTRICTION_NAMES,
    Brain,
    BrainCenter,
    Hyperdense,
    LesionBorder,
    Restriction,
    Volume,
    restriction,
)

BORDER, CENTER, BLOOD = LesionBorder(half_width_mm=10.0), BrainCenter(half_width_mm=30.0), Hyperdense(above_hu=50.0)


@pytest.mark.parametrize(
    ("name", "regions"),
    [
        ("none", ((Volume(), 1.0),)),
        ("brain", ((Brain(), 1.0),)),
        ("brain+lesion", ((BORDER, 0.3), (Brain(), 0.7))),
        ("brain+lesion+center", ((BORDER, 0.3), (CENTER, 0.3), (Brain(), 0.4))),
        ("brain+lesion+hyperdense", ((BORDER, 0.3), (BLOOD, 0.3), (Brain(), 0.4))),
        ("lesion|hyperdense", ((BORDER, 0.3), (BLOOD, 0.3))),
    ],
)
def test_a_restriction_of_the_paper_has_its_regions_and_shares(name, regions):
    found = restriction(name).regions
    assert [region for region, _ in found] == [region for region, _ in regions]
    assert [share for _, share in found] == pytest.approx([share for _, share in regions])
    assert RESTRICTION_NAMES.count(name) == 1


def test_what_is_given_takes_the_place_of_the_defaults():
    given = {"border_share": 0.2, "ventricle_share": 0.5, "border_half_width_mm": 4.0}
    found = restriction("brain+lesion+center", **given, center_half_width_mm=8.0).regions
    assert [region for region, _ in found] == [LesionBorder(half_width_mm=4.0), BrainCenter(half_width_mm=8.0), Brain()]
    assert [share for _, share in found] == pytest.approx([0.2, 0.5, 0.3])
    assert restriction("lesion|hyperdense", hyperdense_hu=60.0).regions[1][0] == Hyperdense(above_hu=60.0)


@pytest.mark.parametrize(("border", "ventricle"), [(0.6, 0.5), (-0.1, 0.3), (0.3, -0.1), (1.1, 0.0), (0.0, 1.1)])
def test_shares_that_are_not_of_one_whole_are_refused(border, ventricle):
    with pytest.raises(BadInput, match=f"border_share={border}, ventricle_share={ventricle}: must be shares of one"):
        restriction("brain+lesion+center", border_share=border, ventricle_share=ventricle)


def test_shares_may_take_the_whole_or_nothing():
    assert restriction("brain+lesion+center", border_share=0.5, ventricle_share=0.5).shares["brain"] == 0.0
    assert restriction("brain+lesion", border_share=0.0, ventricle_share=0.0).shares["brain"] == 1.0
    with pytest.raises(BadInput, match=r"restriction 'lesion': choose one of none, brain, brain\+lesion, "):
        restriction("lesion")


@pytest.mark.parametrize(
    ("regions", "said"),
    [
        (([Brain(), 1.0],), "is no pair; give .region, share., such as"),
        (((Brain(),),), "is no pair"),
        (((Brain(), 1.0, 2.0),), "is no pair"),
        ((Brain(),), "is no pair"),
        ((("brain", 1.0),), "region='brain': is no component"),
        (((Brain(), True),), "its share is True; give a number of at least 0"),
        (((Brain(), "1"),), "its share is '1'"),
        (((Brain(), -0.1),), "its share is -0.1"),
        (((Brain(), math.inf),), "its share is inf"),
        (((Brain(), math.nan),), "its share is nan"),
        (((Brain(), 0.0), (Volume(), 0)), "none has a share to draw negatives from"),
        ((), "none has a share to draw negatives from"),
    ],
)
def test_what_is_no_region_with_its_share_is_refused(regions, said):
    with pytest.raises(BadInput, match=said):
        Restriction(regions=regions)


def test_regions_are_named_for_their_class_and_namesakes_are_numbered():
    near, far = LesionBorder(half_width_mm=0.0), LesionBorder(half_width_mm=20.0)
    found = Restriction(regions=((near, 0.5), (Brain(), 0), (far, 2), (BORDER, 0.25)))
    assert found.by_name == {
        "lesion_border": (near, 0.5),
        "brain": (Brain(), 0),
        "lesion_border_2": (far, 2),
        "lesion_border_3": (BORDER, 0.25),
    }
    assert str(found) == "lesion_border 0.5 + brain 0 + lesion_border_2 2 + lesion_border_3 0.25"
    assert Restriction().by_name == {"brain": (Brain(), 1.0)}


@pytest.mark.parametrize("region", [LesionBorder, BrainCenter])
@pytest.mark.parametrize("half_width_mm", [-1.0, math.inf, math.nan])
def test_a_half_width_that_is_no_length_is_refused(region, half_width_mm):
    with pytest.raises(BadInput, match=f"half_width_mm={half_width_mm}: must not be negative"):
        region(half_width_mm=half_width_mm)


@pytest.mark.parametrize("above_hu", [math.inf, math.nan])
def test_a_threshold_that_is_no_number_is_refused(above_hu):
    with pytest.raises(BadInput, match=f"above_hu={above_hu}: must be a number"):
        Hyperdense(above_hu=above_hu)


@pytest.mark.parametrize(
    ("top_hu", "seen_hu", "is_blood"), [(100, 94, True), (100, 96, False), (80, 79, True), (80, 80, False)]
)
def test_what_may_be_bone_is_not_hyperdense_also_where_the_window_ends_below_bone(make_case, top_hu, seen_hu, is_blood):
    brain = np.ones((4, 60, 60), dtype=bool)
    hu_DHW = np.full(brain.shape, 30.0)
    hu_DHW[1:3, 20:40, 20:40] = seen_hu
    image_CDHW = (2.0 * hu_DHW / top_hu - 1.0).astype(np.float16)[None]
    case = make_case(brain, ~brain, image_CDHW=image_CDHW, spacing_DHW_mm=(5.0, 1.0, 1.0), window_hu=(0.0, top_hu))
    assert Hyperdense().mask(case).any() == is_blood


def test_a_region_has_the_sizes_of_the_protocol_unless_others_are_given():
    assert (LesionBorder(), BrainCenter(), Hyperdense()) == (BORDER, CENTER, BLOOD)
    assert LesionBorder(half_width_mm=0.0).half_width_mm == 0.0, "a border of no width is one"
