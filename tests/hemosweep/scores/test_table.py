"""The case table: the types and the order of its columns."""

import math

import pytest

from hemosweep.errors import BadInput
from hemosweep.scores.table import AVERAGED_COLUMNS, CASE_COLUMNS, case_table, scores_by_case


def test_rows_become_a_table_in_the_order_of_the_case_ids_with_all_columns():
    table = case_table(
        [
            {"case_id": "010", "fold": 1.0, "dsc": None, "further": 7, "ivh": "yes", "patient_id": None},
            {"case_id": "002", "fold": 0, "dsc": 1, "hd95_mm": "2.5"},
        ]
    )
    assert table.columns.tolist() == [*CASE_COLUMNS, "further"]
    assert table["case_id"].tolist() == ["002", "010"]
    assert table["fold"].dtype == int
    assert table["dsc"].dtype == table["nsd"].dtype == table["hd95_mm"].dtype == float
    assert table["dsc"].tolist()[0] == 1.0
    assert math.isnan(table["dsc"][1])
    assert table["nsd"].isna().all()
    assert table["hd95_mm"][0] == 2.5
    assert (table["ivh"].tolist(), table["patient_id"].tolist()) == (["n/a", "yes"], ["n/a", "n/a"])


def test_volumes_are_not_among_the_columns_that_an_arm_is_judged_by():
    assert "dsc" in AVERAGED_COLUMNS
    assert not {"reference_ml", "predicted_ml"} & {*AVERAGED_COLUMNS}


def test_every_case_that_comes_twice_is_named():
    assert scores_by_case("A", [("b", 0.5), ("a", None)]) == {"b": 0.5, "a": None}
    with pytest.raises(BadInput, match="A: more than one row for a, b; keep one row a case"):
        scores_by_case("A", [("b", 0.5), ("a", None), ("b", 0.6), ("a", None), ("c", 1.0)])


def test_ids_are_text_in_nfc_whatever_the_rows_have():
    rows = [
        {"case_id": 7, "fold": 0, "patient_id": 8},
        {"case_id": "Mu\u0308ller", "fold": 1, "patient_id": "Mu\u0308ller"},
    ]
    table = case_table(rows)
    assert table["case_id"].tolist() == ["7", "M\u00fcller"]
    assert table["patient_id"].tolist() == ["8", "M\u00fcller"]
