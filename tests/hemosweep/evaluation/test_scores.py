import json

import numpy as np
import pytest

from hemosweep.evaluation.scores import CaseScores, score_case


def score(prediction: np.ndarray, reference: np.ndarray) -> CaseScores:
    return score_case(prediction, reference, voxel_ml=0.01, case_id="sub-001", fold=3, ivh="n/a")


def test_scores_by_hand() -> None:
    prediction, reference = np.zeros((5, 6, 7), dtype=bool), np.zeros((5, 6, 7), dtype=bool)
    reference[1:3, 2:4, 1:6] = True  # 20 voxels
    prediction[2:4, 2:4, 1:5] = True  # 16 voxels, 8 of them in the reference
    scores = score(prediction, reference)
    assert scores.dsc == 16 / 36
    assert scores.reference_ml == pytest.approx(0.20)
    assert scores.predicted_ml == pytest.approx(0.16)
    assert scores.false_positive_ml == pytest.approx(0.08)


def test_an_empty_reference_has_no_dsc_and_its_false_positives_are_told() -> None:
    nothing, some = np.zeros((2, 2, 2), dtype=bool), np.ones((2, 2, 2), dtype=bool)
    scores = score(some, nothing)
    assert scores.dsc is None
    assert (scores.reference_ml, scores.predicted_ml) == (0.0, pytest.approx(0.08))
    assert scores.false_positive_ml == pytest.approx(0.08)
    assert score(nothing, nothing).dsc is None


def test_an_empty_prediction_scores_zero() -> None:
    nothing, some = np.zeros((2, 2, 2), dtype=bool), np.ones((2, 2, 2), dtype=bool)
    scores = score(nothing, some)
    assert scores.dsc == 0.0
    assert (scores.predicted_ml, scores.false_positive_ml) == (0.0, 0.0)


def test_as_a_dictionary_the_scores_are_the_case_table_s_row_in_json() -> None:
    some = np.ones((2, 2, 2), dtype=bool)
    row = json.loads(json.dumps(score(some, some).as_dict(), allow_nan=False))
    assert list(row) == ["case_id", "dsc", "fold", "ivh", "reference_ml", "predicted_ml", "false_positive_ml"]
    assert row["case_id"] == "sub-001"
    assert (row["dsc"], row["fold"], row["ivh"]) == (1.0, 3, "n/a")
