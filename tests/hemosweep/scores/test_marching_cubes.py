import math
from itertools import product

import numpy as np
import pytest

from hemosweep.arrays import Mask, Spacing
from hemosweep.scores.marching_cubes import CORNERS, _polygons, _triangles, element_areas_mm2, neighbour_codes

SPACINGS = [(1.0, 1.0, 1.0), (4.5, 0.45, 0.45), (1.0, 2.0, 3.0)]


def code_of(inside: Mask) -> int:
    """Code of eight voxels, given as an array of 2 x 2 x 2."""
    return int(neighbour_codes(inside)[1, 1, 1])


def surface_mm2(mask_DHW: Mask, spacing_DHW_mm: Spacing) -> float:
    return float(element_areas_mm2(spacing_DHW_mm)[neighbour_codes(mask_DHW)].sum())


def all_codes() -> list[Mask]:
    return [np.reshape([bool(code >> corner & 1) for corner in range(8)], (2, 2, 2)) for code in range(256)]


def test_a_voxel_is_another_corner_of_each_of_the_eight_elements_around_it() -> None:
    mask_DHW = np.zeros((3, 3, 3), dtype=bool)
    mask_DHW[1, 0, 2] = True
    codes = neighbour_codes(mask_DHW)
    assert codes.shape == (4, 4, 4)
    # Element (d, h, w) lies half a voxel before voxel (d, h, w): the last of the eight sees it as its first corner.
    expected = {(1 + d, h, 2 + w): 1 << CORNERS.index((1 - d, 1 - h, 1 - w)) for d, h, w in CORNERS}
    assert {tuple(map(int, place)): int(codes[tuple(place)]) for place in np.argwhere(codes)} == expected


def test_codes_name_the_eight_voxels_bit_by_bit() -> None:
    assert [code_of(inside) for inside in all_codes()] == list(range(256))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_half_of_the_voxels_are_parted_by_a_flat_rectangle_across_their_axis(axis: int) -> None:
    spacing_mm = (2.0, 3.0, 5.0)
    area_mm2 = (15.0, 10.0, 6.0)[axis]
    for half in (0, 1):
        inside = np.zeros((2, 2, 2), dtype=bool)
        inside[(slice(None),) * axis + (half,)] = True
        assert element_areas_mm2(spacing_mm)[code_of(inside)] == pytest.approx(area_mm2)


def test_areas_of_the_simple_elements_by_hand() -> None:
    areas_mm2 = element_areas_mm2((4.0, 6.0, 2.0))
    assert (areas_mm2[0], areas_mm2[255]) == (0.0, 0.0)
    # One corner is cut off by a triangle through (2, 0, 0), (0, 3, 0) and (0, 0, 1) mm.
    triangle_mm2 = 0.5 * math.sqrt(3**2 + 2**2 + 6**2)
    assert areas_mm2[1 << CORNERS.index((0, 0, 0))] == pytest.approx(triangle_mm2)
    # Two along the last axis: a rectangle of 2 mm by the slope over 2 and 3 mm.
    both = np.zeros((2, 2, 2), dtype=bool)
    both[0, 0, :] = True
    assert areas_mm2[code_of(both)] == pytest.approx(2.0 * math.sqrt(2**2 + 3**2))
    # Two opposite corners: two triangles.
    opposite = np.zeros((2, 2, 2), dtype=bool)
    opposite[0, 0, 0] = opposite[1, 1, 1] = True
    assert areas_mm2[code_of(opposite)] == pytest.approx(2 * triangle_mm2)


def test_three_corners_of_a_face_keep_a_flat_triangle_and_a_slope() -> None:
    # Half a unit square flat above the three, and at the missing corner a trapezium: its parallel sides are the
    # diagonals sqrt(2) and sqrt(2) / 2, 1 / sqrt(8) apart in the plane and 1 / 2 in height.
    inside = np.zeros((2, 2, 2), dtype=bool)
    inside[0] = [[True, True], [True, False]]
    slope = 1.5 * math.sqrt(2) / 2 * math.sqrt(1 / 8 + 1 / 4)
    assert element_areas_mm2((1.0, 1.0, 1.0))[code_of(inside)] == pytest.approx(0.5 + slope)


@pytest.mark.parametrize("spacing_mm", SPACINGS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 4, 2), (3, 5, 4)])
def test_the_surface_of_a_box_is_its_faces_bevelled_by_half_a_voxel(
    shape: tuple[int, int, int], spacing_mm: Spacing
) -> None:
    expected_mm2 = math.sqrt(sum((math.prod(spacing_mm) / mm) ** 2 for mm in spacing_mm))  # eight corners of 1/8 each
    for axis in range(3):
        one, other = (number for number in range(3) if number != axis)
        face_mm2 = math.prod((shape[number] - 1) * spacing_mm[number] for number in (one, other))
        bevel_mm = math.hypot(spacing_mm[one] / 2, spacing_mm[other] / 2)
        expected_mm2 += 2 * face_mm2 + 4 * (shape[axis] - 1) * spacing_mm[axis] * bevel_mm
    assert surface_mm2(np.ones(shape, dtype=bool), spacing_mm) == pytest.approx(expected_mm2)


@pytest.mark.parametrize("spacing_mm", SPACINGS)
def test_a_mask_and_its_complement_have_the_same_surface(spacing_mm: Spacing) -> None:
    areas_mm2 = element_areas_mm2(spacing_mm)
    assert areas_mm2 == pytest.approx(areas_mm2[::-1])
    assert np.all(areas_mm2[1:255] > 0.0)


@pytest.mark.parametrize("spacing_mm", SPACINGS)
def test_mirrored_or_turned_voxels_have_the_same_surface(spacing_mm: Spacing) -> None:
    areas_mm2 = element_areas_mm2(spacing_mm)
    for inside, axis in product(all_codes(), range(3)):
        assert areas_mm2[code_of(np.flip(inside, axis))] == pytest.approx(areas_mm2[code_of(inside)])
    turned_mm2 = element_areas_mm2((spacing_mm[2], spacing_mm[0], spacing_mm[1]))
    for inside in all_codes():
        assert turned_mm2[code_of(inside.transpose(2, 0, 1))] == pytest.approx(areas_mm2[code_of(inside)])


def test_the_triangles_of_a_polygon_add_up_to_its_vector_area() -> None:
    # By Stokes' theorem the vector area of a surface depends on its edge alone.
    for code in range(128):
        for polygon in _polygons(code):
            whole = np.cross(polygon, np.roll(polygon, -1, axis=0)).sum(axis=0) / 2.0
            triangles = _triangles(polygon)
            assert triangles.shape == (len(polygon) - 2, 3)
            assert triangles.sum(axis=0) == pytest.approx(whole)


def test_the_fan_of_the_largest_area_is_taken() -> None:
    # A square bent by one corner that is lifted: cut through that corner, or beside it.
    bent = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    through = 2 * math.sqrt(1 + 1) / 2
    beside = 0.5 + math.sqrt(1 + 1 + 1) / 2
    for first in range(4):
        area = np.linalg.norm(_triangles(np.roll(bent, first, axis=0)), axis=1).sum()
        assert area == pytest.approx(max(through, beside))
