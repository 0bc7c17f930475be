import numpy as np
import pytest

from hemosweep.arrays import Mask
from hemosweep.scores.lesions import (
    LesionCounts,
    count_lesions,
    lesion_f1,
    lesion_precision,
    lesion_sensitivity,
)


def mask(*voxels: tuple[int, int, int]) -> Mask:
    array_DHW = np.zeros((5, 6, 7), dtype=bool)
    for voxel in voxels:
        array_DHW[voxel] = True
    return array_DHW


@pytest.mark.parametrize(
    ("second", "num_lesions"),
    [((1, 1, 2), 1), ((1, 2, 2), 1), ((2, 2, 2), 1), ((1, 1, 3), 2), ((3, 1, 1), 2)],
    ids=["face", "edge", "corner", "a voxel between them", "a slice between them"],
)
def test_voxels_that_touch_even_at_a_corner_are_one_lesion(second: tuple[int, int, int], num_lesions: int) -> None:
    counts = count_lesions(mask((1, 1, 1), second), mask((1, 1, 1), second))
    assert counts == LesionCounts(
        num_reference=num_lesions, num_found=num_lesions, num_predicted=num_lesions, num_right=num_lesions
    )


def test_one_voxel_finds_a_lesion_and_touching_without_overlap_does_not() -> None:
    reference = mask((0, 0, 0), (0, 0, 1), (0, 0, 2), (4, 5, 6))
    counts = count_lesions(mask((0, 0, 2), (0, 0, 3), (4, 5, 5)), reference)
    assert counts == LesionCounts(num_reference=2, num_found=1, num_predicted=2, num_right=1)


def test_one_prediction_may_find_several_lesions_and_a_lesion_make_several_predictions_right() -> None:
    bar, ends = mask(*((2, 2, column) for column in range(7))), mask((2, 2, 0), (2, 2, 3), (2, 2, 6))
    assert count_lesions(bar, ends) == LesionCounts(num_reference=3, num_found=3, num_predicted=1, num_right=1)
    assert count_lesions(ends, bar) == LesionCounts(num_reference=1, num_found=1, num_predicted=3, num_right=3)


def test_scores_by_hand() -> None:
    # Of four lesions three are found, by two of the five predicted ones.
    counts = LesionCounts(num_reference=4, num_found=3, num_predicted=5, num_right=2)
    assert lesion_sensitivity(counts) == 0.75
    assert lesion_precision(counts) == 0.4
    assert lesion_f1(counts) == pytest.approx(2 * 0.75 * 0.4 / 1.15)


@pytest.mark.parametrize(
    ("num_reference", "num_predicted", "sensitivity", "precision", "f1"),
    [(0, 0, None, None, None), (0, 3, None, 0.0, None), (2, 0, 0.0, None, 0.0), (2, 3, 0.0, 0.0, 0.0)],
    ids=["nothing anywhere", "nothing there", "nothing predicted", "nothing found"],
)
def test_scores_where_nothing_is_found(
    num_reference: int, num_predicted: int, sensitivity: float | None, precision: float | None, f1: float | None
) -> None:
    counts = LesionCounts(num_reference=num_reference, num_found=0, num_predicted=num_predicted, num_right=0)
    assert lesion_sensitivity(counts) == sensitivity
    assert lesion_precision(counts) == precision
    assert lesion_f1(counts) == f1
