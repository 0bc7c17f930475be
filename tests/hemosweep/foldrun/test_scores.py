"""Scores of a fold run as they are read: one check of every row."""

import json

import pytest

from hemosweep.errors import BadInput
from hemosweep.foldrun.scores import FoldScores, read_scores, write_scores
from hemosweep.foldrun.seal import BrokenSeal
from hemosweep.scores.metric import MetricDescription
from hemosweep.scores.recorded import RecordedMetric
from hemosweep.testing.fold_runs import seal_untrained

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
        ([ROW | {"ivh": None}], "ivh is no text"),
        ([ROW | {"patient_id": 7}], "patient_id is no text"),
        ([ROW | {"hd95_mm": float("inf")}], "hd95_mm is no number"),
        ([ROW | {"fold": "0"}], "fold is no number"),
        ([ROW, ROW | {"dsc": 1.0001}], r"a dsc of 1\.0001"),
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


@pytest.mark.parametrize("dsc", [0, 0.0, 1, 1.0])
def test_a_dsc_of_none_or_of_all_voxels_is_read(tmp_path, dsc):
    (tmp_path / "scores.json").write_text(json.dumps([ROW | {"dsc": dsc}]))
    assert read_scores(tmp_path).rows[0]["dsc"] == dsc
    assert read_scores(tmp_path).metrics == {}


def test_what_is_written_is_read_with_what_computed_it(tmp_path):
    described = MetricDescription(name="nsd", label="NSD", higher_is_better=True, lowest=0.0, highest=1.0)
    metrics = {"nsd": RecordedMetric(digest="0123", description=described)}
    write_scores(tmp_path, FoldScores(rows=(ROW, ROW | {"case_id": "b"}), metrics=metrics))
    read = read_scores(tmp_path)
    assert read.rows == [ROW, ROW | {"case_id": "b"}]
    assert read.metrics == metrics


@pytest.mark.parametrize(
    ("text", "reason"), [("{", "JSONDecodeError"), ('{"rows": []}', "KeyError"), ("7", "TypeError"), ("{}", "KeyError")]
)
def test_scores_that_are_cut_short_or_lack_a_part_are_damaged(tmp_path, text, reason):
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(BadInput, match=rf"scores\.json is damaged \({reason}\)"):
        read_scores(tmp_path)


def test_without_scores_there_are_none(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_scores(tmp_path)


def test_scores_that_are_not_the_sealed_ones_are_a_broken_seal(tiny_spec, tmp_path):
    tiny_spec(digest=tmp_path.name).write(tmp_path)
    seal_untrained(tmp_path, [ROW | {"case_id": case_id} for case_id in "de"])
    (tmp_path / "scores.json").write_text("[]")
    with pytest.raises(BrokenSeal):
        read_scores(tmp_path)
