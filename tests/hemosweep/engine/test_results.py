import math

import pytest

from hemosweep.engine.results import remarks
from hemosweep.scores.table import CASE_COLUMNS, NUMBER_COLUMNS, case_table

ROW = dict.fromkeys(NUMBER_COLUMNS, 1.0) | {"ivh": "no"}


def test_a_case_table_has_its_columns_in_order_and_nan_for_an_undefined_score():
    undefined = {"case_id": "b", "dsc": None, "fold": 0, "hd95_mm": None, "voxel_precision": None}
    table = case_table([ROW | undefined, ROW | {"case_id": "a", "dsc": 0.5, "fold": 1}])
    assert table.columns.tolist() == list(CASE_COLUMNS)
    assert table["case_id"].tolist() == ["a", "b"]
    assert table["dsc"][0] == 0.5
    assert math.isnan(table["dsc"][1])
    assert math.isnan(table["hd95_mm"][1])
    assert math.isnan(table["voxel_precision"][1])
    assert all(table[name].dtype == float for name in NUMBER_COLUMNS)


def test_a_case_table_of_nothing_has_its_columns_too():
    assert case_table([]).columns.tolist() == list(CASE_COLUMNS)
    assert all(case_table([])[name].dtype == float for name in NUMBER_COLUMNS)


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"event": "cases_on_host", "num_cases": 48}, "the GPU's memory does not hold 48 of its cases"),
        ({"event": "not_compiled", "reason": "InductorError"}, "could not be compiled (InductorError, see its log)"),
        ({"event": "no_graph", "reason": "RuntimeError"}, "could not be captured as a CUDA graph (RuntimeError"),
    ],
)
def test_what_a_fold_run_did_the_slower_way_is_told(event, told):
    (line,) = remarks([{"event": "started"}, event, {"event": "compiled", "seconds": 20.0}, event], batch_size=64)
    assert told in line
