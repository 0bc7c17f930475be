import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from hemosweep.arrays import Mask
from hemosweep.scores.overlap import dice, voxel_precision, voxel_sensitivity


def mask(*voxels: int, size: int = 8) -> Mask:
    flat = np.zeros(size, dtype=bool)
    flat[list(voxels)] = True
    return flat.reshape(2, 2, -1)


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        (mask(0, 1, 2, 3), mask(2, 3, 4), 4 / 7),  # two in common of four and three
        (mask(0, 1), mask(0, 1), 1.0),
        (mask(0, 1), mask(2, 3), 0.0),
        (mask(*range(8)), mask(5), 2 / 9),
        (mask(), mask(5), 0.0),
        (mask(5), mask(), None),
        (mask(), mask(), None),
    ],
    ids=[
        "partial", "equal", "disjoint", "everything predicted", "nothing predicted", "nothing there", "both empty",
    ],
)  # fmt: skip
def test_dice_by_hand(prediction: Mask, reference: Mask, expected: float | None) -> None:
    assert dice(prediction, reference) == expected


@pytest.mark.parametrize(
    ("prediction", "reference", "sensitivity", "precision"),
    [
        (mask(0, 1, 2, 3), mask(2, 3, 4), 2 / 3, 2 / 4),
        (mask(0, 1), mask(0, 1), 1.0, 1.0),
        (mask(0, 1), mask(2, 3), 0.0, 0.0),
        (mask(*range(8)), mask(5), 1.0, 1 / 8),
        (mask(), mask(5), 0.0, None),
        (mask(5), mask(), None, 0.0),
        (mask(), mask(), None, None),
    ],
    ids=[
        "partial", "equal", "disjoint", "everything predicted", "nothing predicted", "nothing there", "both empty",
    ],
)  # fmt: skip
def test_sensitivity_and_precision_by_hand(
    prediction: Mask, reference: Mask, sensitivity: float | None, precision: float | None
) -> None:
    assert voxel_sensitivity(prediction, reference) == sensitivity
    assert voxel_precision(prediction, reference) == precision


def test_masks_of_different_shapes_are_an_error_even_where_they_would_broadcast() -> None:
    with pytest.raises(ValueError, match=r"\(1, 4, 4\) and reference \(3, 4, 4\) differ in shape"):
        dice(np.ones((1, 4, 4), dtype=bool), np.ones((3, 4, 4), dtype=bool))


MASKS = hnp.arrays(bool, (2, 3, 4))


@given(MASKS, MASKS)
def test_dice_lies_between_zero_and_one_and_treats_both_masks_alike(one: Mask, other: Mask) -> None:
    score = dice(one, other)
    if score is None:
        assert not other.any()
        return
    assert 0.0 <= score <= 1.0
    true_positive, false = (one & other).sum(), (one != other).sum()
    assert score == pytest.approx(2 * true_positive / (2 * true_positive + false))
    if one.any():
        assert dice(other, one) == score
