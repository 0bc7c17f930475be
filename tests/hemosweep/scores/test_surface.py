import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from scipy.spatial.distance import cdist

from hemosweep.arrays import Mask, Spacing
from hemosweep.scores.marching_cubes import element_areas_mm2, neighbour_codes
from hemosweep.scores.surface import (
    NSD_TOLERANCE_MM,
    SurfaceDistances,
    average_distance_mm,
    hausdorff95_mm,
    normalised_surface_dice,
    surface_distances,
)

CT_MM = (4.5, 0.45, 0.45)


def box(shape: tuple[int, int, int], start: tuple[int, int, int], size: tuple[int, int, int]) -> Mask:
    mask_DHW = np.zeros(shape, dtype=bool)
    mask_DHW[tuple(slice(first, first + length) for first, length in zip(start, size, strict=True))] = True
    return mask_DHW


def one_slice_apart(size: tuple[int, int, int]) -> SurfaceDistances:
    """Distances of a box and the same one a slice higher, on a head CT's grid."""
    shape = (size[0] + 3, size[1] + 2, size[2] + 2)
    return surface_distances(box(shape, (1, 1, 1), size), box(shape, (2, 1, 1), size), CT_MM)


def weighted(distance_mm: list[float], area_mm2: list[float]) -> SurfaceDistances:
    """The same distances in both directions."""
    distances, areas = np.array(distance_mm), np.array(area_mm2)
    return SurfaceDistances(predicted_mm=distances, predicted_mm2=areas, reference_mm=distances, reference_mm2=areas)


@pytest.mark.parametrize(("axis", "step_mm"), [(0, 4.5), (1, 0.5), (2, 0.3)])
def test_two_voxels_apart_along_each_axis_are_as_far_as_its_spacing_says(axis: int, step_mm: float) -> None:
    shape = (6, 6, 6)
    far = [1, 1, 1]
    far[axis] += 3
    distances = surface_distances(
        box(shape, (1, 1, 1), (1, 1, 1)), box(shape, (far[0], far[1], far[2]), (1, 1, 1)), (4.5, 0.5, 0.3)
    )
    # Of each voxel's eight elements, of equal area, four are three steps from the other voxel and four are two.
    assert sorted(distances.predicted_mm) == pytest.approx([2 * step_mm] * 4 + [3 * step_mm] * 4)
    assert hausdorff95_mm(distances) == pytest.approx(3 * step_mm)
    assert average_distance_mm(distances) == pytest.approx(2.5 * step_mm)
    assert normalised_surface_dice(distances, 2.4 * step_mm) == pytest.approx(0.5)


def test_one_slice_apart_a_small_box_scores_776_where_counting_boundary_voxels_gives_508() -> None:
    # A box of 10 x 10 voxels by 3 slices.
    # On the planes between slices, the first box's surface is on planes 0 to 3, the other's on 1 to 4. Planes 1 to 3
    # hold the sides of one box and of the other, or its lid: the rims there coincide. What is off the other surface by
    # more than 1 mm is the whole lid on plane 0, 4.5 mm away, and of the lid on plane 3 all that is three steps or
    # more of 0.45 mm inside its rim: 5 x 5 elements of 9 x 9.
    pixel_mm2, side_mm2, bevel_mm = 0.45**2, 0.45 * 4.5, math.hypot(0.45, 4.5) / 2
    corner_mm2 = math.sqrt(pixel_mm2**2 + 2 * side_mm2**2) / 8
    lid_mm2 = 81 * pixel_mm2 + 4 * 9 * 0.45 * bevel_mm + 4 * corner_mm2
    sides_mm2 = 2 * (4 * 9 * side_mm2 + 4 * 4.5 * math.hypot(0.45, 0.45) / 2)
    expected = 1.0 - (lid_mm2 + 25 * pixel_mm2) / (2 * lid_mm2 + sides_mm2)
    assert expected == pytest.approx(0.776, abs=5e-4)
    assert normalised_surface_dice(one_slice_apart((3, 10, 10)), tolerance_mm=1.0) == pytest.approx(expected)
    # Of 100 + 36 + 100 boundary voxels the first 100 and the inner 4 x 4 of the last are more than 1 mm away.
    lower, upper = box((6, 12, 12), (1, 1, 1), (3, 10, 10)), box((6, 12, 12), (2, 1, 1), (3, 10, 10))
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (lower, upper)]
    to_upper_mm = ndimage.distance_transform_edt(~edges[1], sampling=CT_MM)[edges[0]]
    assert np.mean(to_upper_mm <= 1.0) == pytest.approx(1.0 - 116 / 236)


def test_one_slice_apart_a_lesion_of_30_ml_scores_by_its_lids_share_of_the_surface() -> None:
    # As above with 2 mm, four steps: of the 79 x 79 elements within the lid on plane 6, 71 x 71 are too far.
    pixel_mm2, side_mm2, bevel_mm = 0.45**2, 0.45 * 4.5, math.hypot(0.45, 4.5) / 2
    corner_mm2 = math.sqrt(pixel_mm2**2 + 2 * side_mm2**2) / 8
    lid_mm2 = 79**2 * pixel_mm2 + 4 * 79 * 0.45 * bevel_mm + 4 * corner_mm2
    sides_mm2 = 5 * (4 * 79 * side_mm2 + 4 * 4.5 * math.hypot(0.45, 0.45) / 2)
    expected = 1.0 - (lid_mm2 + 71**2 * pixel_mm2) / (2 * lid_mm2 + sides_mm2)
    distances = one_slice_apart((6, 80, 80))
    assert normalised_surface_dice(distances) == pytest.approx(expected)
    assert hausdorff95_mm(distances) == pytest.approx(4.5)


def test_a_pixel_within_the_slice_is_forgiven_and_a_slice_is_not() -> None:
    shape = (5, 14, 14)
    reference = box(shape, (1, 2, 2), (3, 9, 9))
    within = surface_distances(box(shape, (1, 3, 2), (3, 9, 9)), reference, CT_MM)
    across = surface_distances(box(shape, (0, 2, 2), (3, 9, 9)), reference, CT_MM)
    assert normalised_surface_dice(within) == 1.0
    assert hausdorff95_mm(within) == pytest.approx(0.45)
    assert normalised_surface_dice(across) < 0.9


def test_identical_masks_lie_on_each_other() -> None:
    distances = one_slice_apart((2, 3, 4))
    assert distances.predicted_mm.max() > 0.0
    mask = box((4, 5, 6), (1, 1, 1), (2, 3, 4))
    same = surface_distances(mask, mask, CT_MM)
    assert (normalised_surface_dice(same), hausdorff95_mm(same), average_distance_mm(same)) == (1.0, 0.0, 0.0)


def test_a_distance_of_just_the_tolerance_is_within_it_however_it_is_rounded() -> None:
    # 0.3 and 0.4 mm make 0.5 mm, or 0.5000000000000001.
    for diagonal_mm in (math.hypot(0.3, 0.4), math.sqrt(0.3**2 + 0.4**2), np.nextafter(0.5, 1.0)):
        assert normalised_surface_dice(weighted([diagonal_mm], [1.0]), tolerance_mm=0.5) == 1.0
    assert normalised_surface_dice(weighted([0.5001], [1.0]), tolerance_mm=0.5) == 0.0


def test_the_95_percent_are_of_the_area_and_not_of_the_number_of_elements() -> None:
    # 96 elements of 1 mm2 at 1 mm and one at 9 mm, which is 4% of the area, then 6%.
    near = [1.0] * 96
    assert hausdorff95_mm(weighted([*near, 9.0], [*[1.0] * 96, 4.0])) == 1.0
    assert hausdorff95_mm(weighted([*near, 9.0], [*[1.0] * 96, 6.0])) == 9.0


def test_exactly_95_percent_are_enough_however_the_areas_are_rounded() -> None:
    # 57 elements of 60, whose areas add up to less than 0.95 times their sum in floating point.
    areas_mm2 = [0.7] * 60
    assert np.cumsum(areas_mm2)[56] < 0.95 * np.cumsum(areas_mm2)[59]
    assert hausdorff95_mm(weighted([*[1.0] * 57, *[9.0] * 3], areas_mm2)) == 1.0


def test_the_two_directions_of_the_hausdorff_distance_are_not_pooled() -> None:
    # A big prediction that fits, and a small reference of which half is far: 2% of both surfaces together.
    distances = SurfaceDistances(
        predicted_mm=np.zeros(98),
        predicted_mm2=np.ones(98),
        reference_mm=np.array([0.0, 7.0]),
        reference_mm2=np.ones(2),
    )
    assert hausdorff95_mm(distances) == 7.0


def test_the_average_is_taken_over_both_surfaces_together_by_area() -> None:
    distances = SurfaceDistances(
        predicted_mm=np.array([1.0, 3.0]),
        predicted_mm2=np.array([2.0, 1.0]),
        reference_mm=np.array([4.0]),
        reference_mm2=np.array([2.0]),
    )
    assert average_distance_mm(distances) == pytest.approx((2 * 1 + 1 * 3 + 2 * 4) / 5)


@pytest.mark.parametrize(
    ("prediction", "spacing_mm", "message"),
    [
        (np.zeros((2, 2, 2), dtype=bool), CT_MM, "an empty mask has no surface"),
        (np.ones((2, 2, 1), dtype=bool), CT_MM, r"prediction \(2, 2, 1\) and reference \(2, 2, 2\) differ"),
        (np.ones((2, 2, 2), dtype=bool), (4.5, 0.0, 0.45), "not three lengths"),
        (np.ones((2, 2, 2), dtype=bool), (4.5, math.nan, 0.45), "not three lengths"),
    ],
)
def test_what_has_no_distances_is_refused(prediction: Mask, spacing_mm: Spacing, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        surface_distances(prediction, np.ones((2, 2, 2), dtype=bool), spacing_mm)


def test_the_tolerance_lies_between_a_pixel_and_a_slice() -> None:
    assert CT_MM[1] < NSD_TOLERANCE_MM < CT_MM[0]


SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 7))
SPACINGS = st.tuples(*[st.sampled_from([0.45, 0.7, 1.0, 2.5, 4.5])] * 3)


@given(st.data(), SHAPES, SPACINGS)
def test_distances_are_those_of_every_pair_of_elements_and_of_a_distance_transform(
    data: st.DataObject, shape: tuple[int, int, int], spacing_mm: Spacing
) -> None:
    masks = [data.draw(hnp.arrays(bool, shape).filter(np.any), name) for name in ("prediction", "reference")]
    distances = surface_distances(masks[0], masks[1], spacing_mm)
    codes = [neighbour_codes(mask) for mask in masks]
    on_surface = [(code != 0) & (code != 255) for code in codes]
    places_mm = [np.argwhere(surface) * spacing_mm for surface in on_surface]
    pairs_mm = cdist(*places_mm)
    assert distances.predicted_mm == pytest.approx(pairs_mm.min(axis=1))
    assert distances.reference_mm == pytest.approx(pairs_mm.min(axis=0))
    transform_mm = ndimage.distance_transform_edt(~on_surface[1], sampling=spacing_mm)
    assert distances.predicted_mm == pytest.approx(transform_mm[on_surface[0]])
    areas_mm2 = element_areas_mm2(spacing_mm)
    assert distances.predicted_mm2 == pytest.approx(areas_mm2[codes[0][on_surface[0]]])
    assert distances.reference_mm2 == pytest.approx(areas_mm2[codes[1][on_surface[1]]])


def test_far_slices_are_searched_as_long_as_one_of_them_may_be_nearer() -> None:
    # Thin slices: the nearest target of the points on the left is eight slices away and not the one within the slice.
    points, targets = np.zeros((12, 3, 30), dtype=bool), np.zeros((12, 3, 30), dtype=bool)
    points[1, 1, ::3] = True
    targets[1, 1, 29] = targets[9, 1, 0] = True
    spacing_mm = (0.5, 1.0, 1.0)
    distances = surface_distances(points, targets, spacing_mm)
    places = [
        np.array(
            [[z + dz, y + dy, x + dx] for z, y, x in np.argwhere(mask) for dz, dy, dx in product((0, 1), repeat=3)]
        )
        for mask in (points, targets)
    ]
    expected_mm = [
        cdist(np.unique(places[one], axis=0) * spacing_mm, np.unique(places[1 - one], axis=0) * spacing_mm).min(axis=1)
        for one in (0, 1)
    ]
    assert distances.predicted_mm == pytest.approx(expected_mm[0])
    assert distances.reference_mm == pytest.approx(expected_mm[1])
