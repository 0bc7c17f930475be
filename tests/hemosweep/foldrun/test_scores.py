"""Scores of a fold run as they are read: one check of every row."""

import json

import pytest

from hemosweep.errors import BadInput
from hemosweep.foldrun.scores import read_scores

ROW = {"case_id": "a", "fold": 0, "ivh": "no", "dsc": 0.5, "hd95_mm": None}


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([ROW, {name: value for name, value in ROW.items() if name != "dsc"}], "a row has no dsc"),
        ([{name: value for name, value in ROW.items() if name != "case_id"}], "a row has no case_id"),
        ([ROW | {"dsc": "0.5"}], "dsc is no number"),
        ([ROW | {"dsc": True}], "dsc is no number"),
        ([ROW | {"dsc": float("nan")}], "dsc is no number"),
        ([ROW | {"dsc": 1.7}], r"a dsc of 1\.7"),
        ([ROW | {"dsc": -0.1}], r"a dsc of -0\.1"),
        ([ROW | {"hd95_mm": [1.0]}], "hd95_mm is no number"),
        ([ROW | {"case_id": 7}], "case_id is no text"),
        ([[]], "a row is no object"),
        (None, "TypeError"),
    ],
    ids=str,
)
def test_rows_that_are_json_and_wrong_are_refused_in_one_line(tmp_path, rows, reason):
    (tmp_path / "scores.json").write_text(json.dumps({"metrics": {}, "rows": rows}))
    with pytest.raises(BadInput, match=rf"scores\.json is damaged \({reason}\); delete this folder") as raised:
        read_scores(tmp_path)
    assert "\n" not in str(raised.value)


def test_undefined_scores_are_none(tmp_path):
    rows = [ROW, ROW | {"dsc": None}]
    (tmp_path / "scores.json").write_text(json.dumps(rows))
    assert read_scores(tmp_path).rows == rows
