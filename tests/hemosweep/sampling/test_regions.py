from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.errors import BadInput
from hemosweep.sampling.centres import case_regions
from hemosweep.sampling.regions import brain_center, hyperdense, lesion_border
from hemosweep.sampling.restriction import Brain, BrainCenter, LesionBorder, Restriction, Volume

SPACING_DHW_MM = (5.0, 2.0, 1.0)


def box(shape: tuple[int, int, int], *spans: tuple[int, int]) -> Mask:
    """A mask of the voxels from the first to the last index, both included, along each axis."""
    mask = np.zeros(shape, dtype=bool)
    d, h, w = (slice(first, last + 1) for first, last in spans)
    mask[d, h, w] = True
    return mask


def test_border_of_one_voxel_is_the_cube_around_it_without_it() -> None:
    lesion = box((9, 15, 25), (4, 4), (7, 7), (12, 12))
    border = lesion_border(lesion, SPACING_DHW_MM, 10.0)
    # 10 mm are 2 slices, 5 rows and 10 columns to each side.
    expected = box((9, 15, 25), (2, 6), (2, 12), (2, 22)) & ~lesion
    np.testing.assert_array_equal(border, expected)
    assert border.sum() == 5 * 11 * 21 - 1


def test_border_follows_every_lesion_voxel_and_ends_with_the_volume() -> None:
    lesion = box((9, 15, 25), (0, 1), (13, 14), (0, 2)) | box((9, 15, 25), (8, 8), (0, 0), (24, 24))
    expected = box((9, 15, 25), (0, 2), (11, 14), (0, 6)) | box((9, 15, 25), (7, 8), (0, 2), (20, 24))
    np.testing.assert_array_equal(lesion_border(lesion, SPACING_DHW_MM, 4.0), expected & ~lesion)


def test_border_of_nothing_is_nothing_and_of_no_width_too() -> None:
    nothing = np.zeros((4, 5, 6), dtype=bool)
    assert not lesion_border(nothing, SPACING_DHW_MM, 10.0).any()
    assert not lesion_border(box((4, 5, 6), (1, 2), (1, 2), (1, 2)), SPACING_DHW_MM, 0.0).any()


def test_center_lies_midway_between_the_first_and_last_slice_with_brain() -> None:
    shape = (12, 20, 30)
    brain = box(shape, (1, 9), (3, 13), (4, 26))
    # Middles 5, 8 and 15; 6 mm are 1 slice, 3 rows and 6 columns.
    expected = box(shape, (4, 6), (5, 11), (9, 21))
    np.testing.assert_array_equal(brain_center(brain, SPACING_DHW_MM, 6.0), expected)


def test_center_does_not_follow_the_brain_s_mass_and_ends_with_the_volume() -> None:
    shape = (5, 9, 9)
    brain = box(shape, (0, 4), (0, 2), (0, 2))
    brain[2, 8, 8] = True
    np.testing.assert_array_equal(brain_center(brain, (5.0, 5.0, 5.0), 10.0), box(shape, (0, 4), (2, 6), (2, 6)))
    assert brain_center(brain, (5.0, 5.0, 5.0), 1000.0).all()


def test_of_an_even_number_of_slices_the_lower_middle_counts() -> None:
    brain = box((8, 1, 1), (2, 5), (0, 0), (0, 0))
    np.testing.assert_array_equal(brain_center(brain, (1.0, 1.0, 1.0), 0.0), box((8, 1, 1), (3, 3), (0, 0), (0, 0)))


def test_negative_regions_hold_no_lesion_and_lie_in_the_brain_but_for_the_volume(make_case) -> None:
    shape = (9, 15, 25)
    brain, lesion = box(shape, (1, 7), (2, 12), (3, 21)), box(shape, (4, 5), (6, 9), (19, 23))
    regions = (Volume(), Brain(), LesionBorder(half_width_mm=5.0), BrainCenter(half_width_mm=8.0))
    case = make_case(brain, lesion, spacing_DHW_mm=SPACING_DHW_MM)
    masks = case_regions(case, Restriction(regions=tuple((region, 1.0) for region in regions)))
    np.testing.assert_array_equal(masks["volume"], ~lesion)
    np.testing.assert_array_equal(masks["brain"], brain & ~lesion)
    # The lesion and 5 mm: slices 3 to 6, rows 4 to 11, columns 14 to 24, of which the brain ends at 21.
    near = box(shape, (3, 6), (4, 11), (14, 21))
    np.testing.assert_array_equal(masks["lesion_border"], near & ~lesion)
    # Middles 4, 7 and 12; 8 mm are 2 slices, 4 rows and 8 columns.
    np.testing.assert_array_equal(masks["brain_center"], box(shape, (2, 6), (3, 11), (4, 20)) & ~lesion)


@dataclass(frozen=True)
class Skull:
    """A region as a lab writes one; `shape` is what a mistake gives it."""

    shape: tuple[int, ...] | None = None
    kind: str = "bool"

    def mask(self, case):
        return np.ones(self.shape or case.brain_DHW.shape, dtype=self.kind)


def test_a_lab_s_region_never_gives_a_lesion_voxel(make_case) -> None:
    brain, lesion = box((3, 4, 5), (0, 2), (0, 3), (0, 4)), box((3, 4, 5), (1, 1), (1, 2), (1, 2))
    masks = case_regions(make_case(brain, lesion), Restriction(regions=((Skull(), 1.0), (Skull(), 2.0))))
    assert list(masks) == ["skull", "skull_2"]
    np.testing.assert_array_equal(masks["skull"], ~lesion)


@dataclass(frozen=True)
class Listed:
    """A region that gives no array."""

    def mask(self, case):
        return case.brain_DHW.tolist()


def test_a_region_that_gives_no_array_is_refused(make_case) -> None:
    brain = np.ones((3, 4, 5), dtype=bool)
    with pytest.raises(BadInput, match=r"region Listed .*: its mask of sub-001 is list; return bool \(3, 4, 5\)"):
        case_regions(make_case(brain, ~brain), Restriction(regions=((Listed(), 1.0),)))


@pytest.mark.parametrize("wrong", [Skull(shape=(3, 4)), Skull(kind="uint8"), Skull(shape=(3, 4, 6))], ids=str)
def test_a_region_that_is_no_mask_of_the_case_is_refused_with_its_file(make_case, wrong) -> None:
    brain = np.ones((3, 4, 5), dtype=bool)
    with pytest.raises(BadInput, match=r"region Skull \(test_regions\.py, line \d+\): its mask of sub-001 is"):
        case_regions(make_case(brain, ~brain), Restriction(regions=((wrong, 1.0),)))


FINE_DHW_MM = (5.0, 1.0, 1.0)
HEAD = (6, 80, 80)


def blood(*blobs: Mask) -> NDArray[np.float16]:
    """An image of brain at 30 HU with blood of 65 HU."""
    return np.where(np.any(blobs, axis=0), 65, 30).astype(np.float16)


def test_blood_apart_from_the_lesion_is_hyperdense_to_its_edge() -> None:
    brain, lesion, ivh = (
        box(HEAD, (0, 5), (5, 74), (5, 74)),
        box(HEAD, (1, 3), (15, 30), (15, 30)),
        box(HEAD, (1, 3), (45, 60), (40, 60)),
    )
    found = hyperdense(blood(lesion, ivh), brain, lesion, FINE_DHW_MM, 50.0, bone=95.0)
    # Only the four corners of each slice go: the opening's disk does not fit in.
    assert not (found & ~ivh).any()
    assert (ivh & ~found).sum() <= 3 * 4 * 3
    assert not (found & lesion).any()


def test_the_rim_of_the_lesion_is_not_hyperdense_though_its_mask_was_drawn_tight() -> None:
    brain, drawn = box(HEAD, (0, 5), (5, 74), (5, 74)), box(HEAD, (1, 3), (21, 38), (21, 38))
    seen = box(HEAD, (1, 3), (20, 39), (20, 39))
    assert not hyperdense(blood(seen), brain, drawn, FINE_DHW_MM, 50.0, bone=95.0).any()


def test_blood_that_goes_on_beyond_the_lesion_is_hyperdense_from_its_rim_of_2_mm_on() -> None:
    brain, lesion = box(HEAD, (0, 5), (5, 74), (5, 74)), box(HEAD, (1, 3), (21, 38), (21, 38))
    beside, below = box(HEAD, (1, 3), (21, 38), (39, 52)), box(HEAD, (1, 3), (39, 52), (21, 38))
    found = hyperdense(blood(lesion, beside, below), brain, lesion, FINE_DHW_MM, 50.0, bone=95.0)
    # Columns and rows 39 and 40 are the rim.
    assert np.flatnonzero(found[2, 30]).tolist() == list(range(41, 53))
    assert np.flatnonzero(found[2, :, 30]).tolist() == list(range(41, 53))
    # The rim lies in plane: slices are too thick for partial volume to reach the next one.
    above = box(HEAD, (4, 4), (21, 38), (21, 38))
    assert hyperdense(blood(lesion, above), brain, lesion, FINE_DHW_MM, 50.0, bone=95.0)[4, 30, 30]


def test_what_is_thin_small_or_at_the_brain_s_border_is_not_blood() -> None:
    brain, none = box(HEAD, (0, 5), (5, 74), (5, 74)), np.zeros(HEAD, dtype=bool)
    falx = box(HEAD, (0, 5), (10, 70), (40, 42))  # 3 mm thick, 5.5 mL
    pineal = box(HEAD, (2, 2), (38, 44), (56, 62))  # 7 x 7 x 5 mm: 0.245 mL
    inner_table = box(HEAD, (0, 5), (5, 8), (20, 60))  # the brain's outermost 4 mm
    assert not hyperdense(blood(falx, pineal, inner_table), brain, none, FINE_DHW_MM, 50.0, bone=95.0).any()
    larger = box(HEAD, (2, 3), (38, 44), (56, 62))  # 0.49 mL
    assert (hyperdense(blood(falx, larger), brain, none, FINE_DHW_MM, 50.0, bone=95.0) & larger).any()


def test_bone_within_the_brain_mask_is_not_blood_nor_what_partial_volume_makes_of_it() -> None:
    brain, none = box(HEAD, (0, 5), (5, 74), (5, 74)), np.zeros(HEAD, dtype=bool)
    ridge, edge = box(HEAD, (0, 2), (20, 31), (20, 40)), box(HEAD, (0, 2), (18, 33), (18, 42))
    image = np.where(ridge, 100, np.where(edge, 65, 30)).astype(np.float16)
    assert not hyperdense(image, brain, none, FINE_DHW_MM, 50.0, bone=95.0).any()


def test_noise_alone_is_not_hyperdense() -> None:
    rng = np.random.default_rng(0)
    brain, none = box(HEAD, (0, 5), (5, 74), (5, 74)), np.zeros(HEAD, dtype=bool)
    assert not hyperdense(rng.normal(35.0, 5.0, HEAD), brain, none, FINE_DHW_MM, 50.0, bone=95.0).any()


def test_the_opening_reaches_one_voxel_at_least_on_coarse_grids() -> None:
    brain, none = box((4, 30, 30), (0, 3), (2, 27), (2, 27)), np.zeros((4, 30, 30), dtype=bool)
    line, block = box((4, 30, 30), (1, 1), (8, 20), (8, 8)), box((4, 30, 30), (1, 2), (12, 18), (14, 20))
    found = hyperdense(blood(line, block), brain, none, (6.0, 2.2, 2.2), 50.0, bone=95.0)
    assert not (found & line).any()
    assert (found & block).sum() > 60


def test_depths_and_smoothing_are_in_mm_along_each_axis() -> None:
    spacing_DHW_mm = (5.0, 2.0, 0.5)
    brain, none = box(HEAD, (0, 5), (5, 74), (5, 74)), np.zeros(HEAD, dtype=bool)
    # The border of 4 mm: 2 rows of 2 mm, 8 columns of 0.5 mm.
    found = hyperdense(blood(brain), brain, none, spacing_DHW_mm, 50.0, bone=95.0)
    assert np.flatnonzero(found[2, 40]).tolist() == list(range(13, 67))
    assert np.flatnonzero(found[2, :, 40]).tolist() == list(range(7, 73))
    # The rim of 2 mm: 1 row, 4 columns.
    lesion = box(HEAD, (1, 3), (21, 38), (21, 38))
    beside, below = box(HEAD, (1, 3), (21, 38), (39, 60)), box(HEAD, (1, 3), (39, 60), (21, 38))
    found = hyperdense(blood(lesion, beside, below), brain, lesion, spacing_DHW_mm, 50.0, bone=95.0)
    assert np.flatnonzero(found[2, 30]).tolist() == list(range(43, 61))
    assert np.flatnonzero(found[2, :, 30]).tolist() == list(range(40, 61))
    # Smoothed by 1 mm, an edge of 30 and 65 HU reaches 60 HU 1.07 mm within: 2 columns of 0.5 mm. A row of 2 mm takes
    # a ninth from either neighbour, so that the outermost has 61 HU.
    found = hyperdense(blood(box(HEAD, (1, 3), (20, 49), (20, 59))), brain, none, spacing_DHW_mm, 60.0, bone=95.0)
    assert np.flatnonzero(found[2, 35]).tolist() == list(range(22, 58))
    assert np.flatnonzero(found[2, :, 40]).tolist() == list(range(20, 50))


@pytest.mark.parametrize(("rows", "columns", "stays"), [(3, 9, True), (2, 9, False), (3, 8, False)])
def test_what_is_thinner_than_the_opening_s_disk_goes_along_either_axis(rows, columns, stays) -> None:
    # A disk of 2 mm is 3 rows of 2 mm and 9 columns of 0.5 mm.
    brain, none = box(HEAD, (0, 5), (5, 74), (5, 74)), np.zeros(HEAD, dtype=bool)
    seen = box(HEAD, (0, 5), (30, 29 + rows), (30, 29 + columns)) | box(HEAD, (0, 5), (50, 60), (20, 60))
    found = hyperdense(blood(seen), brain, none, (20.0, 2.0, 0.5), 47.0, bone=95.0)
    assert found[2, 55, 40]
    assert found[2, 25:40].any() == stays


def test_on_the_coarsest_grids_border_rim_and_opening_are_one_voxel() -> None:
    shape, spacing_DHW_mm = (4, 30, 30), (6.0, 10.0, 10.0)
    brain, lesion = box(shape, (0, 3), (2, 27), (2, 27)), box(shape, (1, 2), (10, 14), (10, 14))
    found = hyperdense(blood(brain), brain, lesion, spacing_DHW_mm, 50.0, bone=95.0)
    assert np.flatnonzero(found[1, 12]).tolist() == [*range(3, 9), *range(16, 27)]
    assert np.flatnonzero(found[1, :, 12]).tolist() == [*range(3, 9), *range(16, 27)]
    lines = (
        box(shape, (1, 2), (5, 20), (5, 6))
        | box(shape, (1, 2), (5, 6), (12, 25))
        | box(shape, (1, 2), (15, 17), (20, 22))
    )
    found = hyperdense(blood(lines), brain, ~brain & False, spacing_DHW_mm, 50.0, bone=95.0)
    # Of the block of 3 by 3 a cross of five stays, 3 mL over two slices; the lines are two wide.
    assert np.argwhere(found[1]).tolist() == [[15, 21], [16, 20], [16, 21], [16, 22], [17, 21]]


@pytest.mark.parametrize(("thickness_mm", "is_blood"), [(3.0, True), (2.9, False)])
def test_a_component_counts_from_three_tenths_of_a_millilitre_up(thickness_mm, is_blood) -> None:
    # 100 voxels of 1 by 1 mm in one slice of 3 mm are 0.3 mL; the opening takes some of each corner.
    brain, none = box(HEAD, (0, 5), (5, 74), (5, 74)), np.zeros(HEAD, dtype=bool)
    seen = box(HEAD, (2, 2), (30, 39), (30, 39))
    whole = hyperdense(blood(seen), brain, none, (100.0, 1.0, 1.0), 50.0, bone=95.0).sum()
    thickness_mm *= 100 / whole
    assert hyperdense(blood(seen), brain, none, (thickness_mm, 1.0, 1.0), 50.0, bone=95.0).any() == is_blood
