import json
import math
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hemosweep.arrays import Mask, Spacing
from hemosweep.errors import BadInput
from hemosweep.scores.catalogue import METRICS
from hemosweep.scores.kinds import Share
from hemosweep.scores.masks import Masks
from hemosweep.scores.score_case import score_case
from hemosweep.scores.table import AVERAGED_COLUMNS, CASE_COLUMNS, NUMBER_COLUMNS

SPACING_MM = (5.0, 1.0, 2.0)


def score(prediction: Mask, reference: Mask, spacing_DHW_mm: Spacing = SPACING_MM) -> dict[str, float | None]:
    return score_case(prediction, reference, spacing_DHW_mm=spacing_DHW_mm)


def approximately(expected: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value is None else pytest.approx(value, abs=1e-9) for name, value in expected.items()}


def test_scores_by_hand() -> None:
    prediction, reference = np.zeros((5, 6, 7), dtype=bool), np.zeros((5, 6, 7), dtype=bool)
    reference[1:3, 2:4, 1:6] = True  # 20 voxels of 0.01 mL
    prediction[2:4, 2:4, 1:5] = True  # 16 voxels, 8 of them in the reference
    prediction[0, 5, 6] = True  # and one on its own
    scores = score(prediction, reference)
    assert scores["dsc"] == 16 / 37
    assert scores["reference_ml"] == pytest.approx(0.20)
    assert scores["predicted_ml"] == pytest.approx(0.17)
    assert scores["false_positive_ml"] == pytest.approx(0.09)
    assert scores["volume_difference_ml"] == pytest.approx(-0.03)
    assert scores["absolute_volume_difference_ml"] == pytest.approx(0.03)
    assert (scores["voxel_sensitivity"], scores["voxel_precision"]) == (8 / 20, 8 / 17)
    assert (scores["lesion_sensitivity"], scores["lesion_precision"], scores["lesion_f1"]) == (
        1.0,
        0.5,
        pytest.approx(2 / 3),
    )


@pytest.mark.parametrize(("axis", "step_mm"), [(0, 5.0), (1, 1.0), (2, 2.0)])
def test_distances_count_each_axis_in_its_own_spacing(axis: int, step_mm: float) -> None:
    reference = np.zeros((6, 6, 6), dtype=bool)
    reference[1, 1, 1] = True
    scores = score(np.roll(reference, 3, axis), reference)
    assert (scores["hd95_mm"], scores["assd_mm"]) == (pytest.approx(3 * step_mm), pytest.approx(2.5 * step_mm))
    # 2 mm are two steps of the second axis, of the others none.
    assert scores["nsd"] == pytest.approx(0.5 if axis == 1 else 0.0)


NOTHING = np.zeros((2, 3, 4), dtype=bool)
SOME = NOTHING.copy()
SOME[0, 0, 1:3] = True  # two voxels, 0.02 mL
DIAGONAL_MM = math.sqrt((2 * 5) ** 2 + (3 * 1) ** 2 + (4 * 2) ** 2)


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        (
            NOTHING,
            NOTHING,
            dict.fromkeys(AVERAGED_COLUMNS) | {"volume_difference_ml": 0.0, "absolute_volume_difference_ml": 0.0},
        ),
        (
            SOME,
            NOTHING,
            {
                "dsc": None,
                "nsd": 0.0,
                "hd95_mm": DIAGONAL_MM,
                "assd_mm": DIAGONAL_MM,
                "volume_difference_ml": 0.02,
                "absolute_volume_difference_ml": 0.02,
                "lesion_f1": None,
                "lesion_sensitivity": None,
                "lesion_precision": 0.0,
                "voxel_sensitivity": None,
                "voxel_precision": 0.0,
            },
        ),
        (
            NOTHING,
            SOME,
            {
                "dsc": 0.0,
                "nsd": 0.0,
                "hd95_mm": DIAGONAL_MM,
                "assd_mm": DIAGONAL_MM,
                "volume_difference_ml": -0.02,
                "absolute_volume_difference_ml": 0.02,
                "lesion_f1": 0.0,
                "lesion_sensitivity": 0.0,
                "lesion_precision": None,
                "voxel_sensitivity": 0.0,
                "voxel_precision": None,
            },
        ),
    ],
    ids=["both empty", "reference empty", "prediction empty"],
)
def test_empty_masks_have_the_scores_of_the_table(prediction: Mask, reference: Mask, expected: dict[str, Any]) -> None:
    scores = score(prediction, reference)
    assert {name: scores[name] for name in AVERAGED_COLUMNS} == approximately(expected)
    assert scores["false_positive_ml"] == pytest.approx(0.02 if prediction.any() else 0.0)
    json.dumps(scores, allow_nan=False)


def test_a_lesion_missed_altogether_costs_at_least_what_the_worst_prediction_of_it_does() -> None:
    reference, far = np.zeros((3, 4, 5), dtype=bool), np.zeros((3, 4, 5), dtype=bool)
    reference[0, 0, 0] = far[-1, -1, -1] = True
    missed, worst = score(np.zeros_like(reference), reference), score(far, reference)
    assert missed["hd95_mm"] is not None
    assert worst["hd95_mm"] is not None
    assert missed["hd95_mm"] >= worst["hd95_mm"]


def test_masks_of_different_shapes_are_an_error_even_where_they_would_broadcast() -> None:
    with pytest.raises(ValueError, match=r"\(1, 4, 4\) and reference \(3, 4, 4\) differ in shape"):
        score(np.ones((1, 4, 4), dtype=bool), np.ones((3, 4, 4), dtype=bool))


def test_the_scores_are_the_numbers_of_the_case_table_in_json() -> None:
    some = np.ones((2, 2, 2), dtype=bool)
    row = json.loads(json.dumps(score(some, some), allow_nan=False))
    assert {*row, "case_id", "fold", "ivh", "patient_id"} == {*CASE_COLUMNS}
    assert CASE_COLUMNS[:5] == ("case_id", "dsc", "fold", "ivh", "patient_id")
    assert row["dsc"] == 1.0


def test_naming_the_columns_takes_no_arrays() -> None:
    # Runs are listed and compared by them, in a fraction of the second that SciPy takes to import.
    code = "import sys, hemosweep.scores.table; print({'numpy', 'scipy'} & sys.modules.keys())"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


def test_every_metric_can_be_compared_in_its_better_direction() -> None:
    lower = {"hd95_mm", "assd_mm", "absolute_volume_difference_ml"}
    directions = {name: METRICS[name].higher_is_better for name in AVERAGED_COLUMNS}
    assert directions == {name: name not in lower for name in AVERAGED_COLUMNS} | {"volume_difference_ml": None}


SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6))
SPACINGS = st.tuples(*[st.sampled_from([0.45, 0.7, 1.0, 2.5, 4.5])] * 3)


@st.composite
def mask_pairs(draw: st.DrawFn) -> tuple[Mask, Mask]:
    shape = draw(SHAPES)
    return draw(hnp.arrays(bool, shape)), draw(hnp.arrays(bool, shape))


@given(mask_pairs(), SPACINGS)
def test_prediction_and_reference_change_places(masks: tuple[Mask, Mask], spacing_mm: Spacing) -> None:
    there, back = ((score(one, other, spacing_mm)) for one, other in (masks, masks[::-1]))
    for name in ("nsd", "hd95_mm", "assd_mm", "absolute_volume_difference_ml"):
        assert there[name] == approximately(back)[name], name
    for kind in ("lesion", "voxel"):
        assert there[f"{kind}_sensitivity"] == back[f"{kind}_precision"]
        assert there[f"{kind}_precision"] == back[f"{kind}_sensitivity"]
    assert there["volume_difference_ml"] == -back["volume_difference_ml"]
    if all(mask.any() for mask in masks):
        assert (there["dsc"], there["lesion_f1"]) == (back["dsc"], back["lesion_f1"])


@given(mask_pairs(), SPACINGS, st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 3))
def test_air_around_the_masks_changes_nothing(
    masks: tuple[Mask, Mask], spacing_mm: Spacing, width: tuple[tuple[int, int], ...]
) -> None:
    assume(all(mask.any() for mask in masks))  # the penalty for an empty one grows with the image
    padded = [np.pad(mask, width) for mask in masks]
    assert (score(padded[0], padded[1], spacing_mm)) == approximately(score(*masks, spacing_mm))


@given(mask_pairs(), SPACINGS, st.permutations(range(3)), st.sets(st.integers(0, 2)))
def test_turning_or_mirroring_the_image_changes_nothing(
    masks: tuple[Mask, Mask], spacing_mm: Spacing, order: list[int], mirrored: set[int]
) -> None:
    turned = [np.flip(mask.transpose(order), tuple(mirrored)) for mask in masks]
    turned_mm = (spacing_mm[order[0]], spacing_mm[order[1]], spacing_mm[order[2]])
    assert (score(turned[0], turned[1], turned_mm)) == approximately(score(*masks, spacing_mm))


@given(hnp.arrays(bool, SHAPES).filter(np.any), SPACINGS)
def test_a_perfect_prediction_has_perfect_scores(mask: Mask, spacing_mm: Spacing) -> None:
    scores = score(mask, mask.copy(), spacing_mm)
    best = {name: 1.0 if METRICS[name].higher_is_better else 0.0 for name in AVERAGED_COLUMNS}
    assert {name: scores[name] for name in AVERAGED_COLUMNS} == best


@given(mask_pairs(), SPACINGS)
def test_every_score_stays_within_its_bounds(masks: tuple[Mask, Mask], spacing_mm: Spacing) -> None:
    diagonal_mm = math.hypot(*(size * mm for size, mm in zip(masks[0].shape, spacing_mm, strict=True)))
    for name, value in (score(*masks, spacing_mm)).items():
        if value is None:
            assert not all(mask.any() for mask in masks), name
        elif name in ("hd95_mm", "assd_mm"):
            assert 0.0 <= value <= diagonal_mm * (1.0 + 1e-12), name
        elif not name.endswith("_ml"):
            assert 0.0 <= value <= 1.0, name


def test_every_column_of_numbers_is_a_metric_and_every_metric_a_column() -> None:
    assert {*NUMBER_COLUMNS} == {*METRICS}
    assert {*NUMBER_COLUMNS} - {*AVERAGED_COLUMNS} == {"reference_ml", "predicted_ml", "false_positive_ml"}


@dataclass(frozen=True)
class Constant(Share):
    value: float | None
    name = "constant"
    label = "constant"

    def score(self, masks: Masks) -> float | None:
        return self.value


def test_a_score_is_none_or_a_finite_number() -> None:
    mask = np.ones((2, 2, 2), dtype=bool)

    def constant(value: float | None) -> dict[str, float | None]:
        return score_case(mask, mask, spacing_DHW_mm=SPACING_MM, metrics=[Constant(value)])

    assert constant(None) == {"constant": None}
    found = constant(np.float32(0.5))  # type: ignore[arg-type]
    assert found == {"constant": 0.5}
    assert type(found["constant"]) is float
    for value in (math.nan, math.inf, -math.inf):
        with pytest.raises(BadInput, match=f"metric constant is {value}; return None where it is undefined"):
            constant(value)
