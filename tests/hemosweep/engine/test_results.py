import math

from hemosweep.engine.results import case_table

ROW = {"ivh": "no", "reference_ml": 1.0, "predicted_ml": 1.0, "false_positive_ml": 0.0}


def test_a_case_table_has_its_columns_in_order_and_nan_for_an_undefined_score():
    rows = [{"case_id": "b", "dsc": None, "fold": 0} | ROW, {"case_id": "a", "dsc": 0.5, "fold": 1} | ROW]
    table = case_table(rows)
    assert table.columns.tolist() == [
        "case_id",
        "dsc",
        "fold",
        "ivh",
        "reference_ml",
        "predicted_ml",
        "false_positive_ml",
    ]
    assert table["case_id"].tolist() == ["a", "b"]
    assert table["dsc"][0] == 0.5
    assert math.isnan(table["dsc"][1])
    assert table["dsc"].dtype == float


def test_a_case_table_of_nothing_has_its_columns_too():
    assert (
        case_table([]).columns.tolist() == case_table([{"case_id": "a", "dsc": 1.0, "fold": 0} | ROW]).columns.tolist()
    )
    assert case_table([])["dsc"].dtype == float
