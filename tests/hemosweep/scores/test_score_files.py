"""Files of scores: what names one, and the forms of other programs; more are in tests/e2e/test_compare_files.py."""

import json

import pytest

from hemosweep.errors import BadInput
from hemosweep.scores.case_facts import CaseFacts
from hemosweep.scores.score_files import FileScores, names_a_file, read_score_file


@pytest.mark.parametrize(
    "name", ["scores.csv", "SCORES.TSV", "deep/summary.json", "/anywhere/scores", "./scores", "../x"]
)
def test_a_reference_that_looks_like_a_file_names_one(name):
    assert names_a_file(name)


@pytest.mark.parametrize("name", ["patchsize/24x24x8", "patchsize/24x24x8@0", "0123abcd", "csv", "scores.csv.gz"])
def test_any_other_reference_names_a_file_where_there_is_one(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert not names_a_file(name)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.mkdir()
    assert not names_a_file(name)
    path.rmdir()
    path.touch()
    assert names_a_file(name)


def read(tmp_path, text, metric="dsc", name="scores.csv"):
    path = tmp_path / name
    path.write_text(text)
    return read_score_file(path, metric, None)


def test_what_a_file_knows_of_its_cases_is_read_with_the_scores(tmp_path):
    found = read(
        tmp_path,
        "Case_ID,DSC,fold,ivh,patient_id,reference_ml,false_positive_ml\n"
        " 001 ,0.5,0.0,YES,P1,0,1.5\n\n002,nan,1.0,,,2.5,\n003,1,,no,P1,,0\n",
    )
    assert found.scores == {"001": 0.5, "002": None, "003": 1.0}
    assert found.facts.folds == {"001": "0", "002": "1"}
    assert found.facts.ivh == {"001": "yes", "003": "no"}
    assert found.facts.patients == {"001": "P1", "003": "P1"}
    assert found.facts.without_lesion == {"001"}
    assert found.facts.false_positive_ml == {"001": 1.5, "003": 0.0}
    assert (found.program, found.labels, found.label, found.warnings) == (None, (), None, ())
    plain = read(tmp_path, "case_id;dsc\n001;0,5\n")
    assert (plain.scores, plain.facts.folds, plain.facts.ivh, plain.facts.patients) == ({"001": 0.5}, None, None, None)
    assert (plain.facts.without_lesion, plain.facts.false_positive_ml) == (frozenset(), {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("case_id,dsc\n001\n", r"scores\.csv, line 2: 1 cells where the header has 2; mend it"),
        ("case_id,dsc\n001,0.5,1\n", "line 2: 3 cells where the header has 2"),
        ("case_id,dsc\n", "no cases in it; give a header"),
        ("case_id,dsc,dsc\n001,0.5,0.5\n", "more than one column dsc; keep one of each"),
        ("case_id,nsd\n001,0.5\n", "no metric 'dsc'; its columns are case_id, nsd"),
        ("case,dsc\n001,0.5\n", "no column 'case_id'; its columns are case, dsc"),
        ("case_id,dsc\n,0.5\n", "a line without case_id; every case needs one"),
        ("case_id,dsc\n001,half\n", "case 001: dsc is 'half'; write a number, or nothing if it has none"),
        ("case_id,dsc\n001,1_0\n", "case 001: dsc is '1_0'; write a number, or"),
        ('case_id,dsc\n001,"0,5"\n', "case 001: dsc is '0,5'; write a number with a decimal point, or"),
        ("case_id,dsc\n001,0.5\n001,0.6\n", "more than one row for 001"),
        ('case_id,dsc\n001,"0.5\n', "save it as CSV again"),
        ("case_id,dsc\n\0,1\n", "is not UTF-8 text"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(tmp_path, text, said):
    with pytest.raises(BadInput, match=said):
        read(tmp_path, text)


def test_files_of_other_programs_have_their_scores_and_their_program(tmp_path):
    case = {"prediction_file": "a.nii.gz", "metrics": {"1": {"Dice": 0.5, "n_ref": 5}, "2": {"Dice": 0.0, "n_ref": 0}}}
    path = tmp_path / "summary.json"
    path.write_text(json.dumps({"metric_per_case": [case]}))
    first, second = (read_score_file(path, "dsc", label) for label in "12")
    nnunet = {"program": "nnU-Net", "labels": ("1", "2")}
    assert first == FileScores(scores={"a": 0.5}, label="1", facts=CaseFacts(with_lesion=frozenset({"a"})), **nnunet)
    assert second == FileScores(scores={"a": None}, label="2", warnings=second.warnings, **nnunet)
    assert second.warnings == (f"{path}: undefined, label 2 is not in the reference: a",)
    found = read(tmp_path, "id,tumor_dice\n001,0.5\n002,\nMean,0.5\n")
    assert found == FileScores(scores={"001": 0.5, "002": None}, program="MIST", labels=("tumor",), label="tumor")


def test_columns_that_nobody_asked_for_may_come_twice_and_a_fact_that_does_is_not_read(tmp_path):
    found = read(tmp_path, "case_id,dsc,,,note,note,ivh,ivh\n001,0.5,,,x,y,yes,no\n")
    assert (found.scores, found.facts.ivh) == ({"001": 0.5}, None)
    assert found.warnings == (f"{tmp_path / 'scores.csv'}: more than one column ivh, none is read; keep one",)


def test_lines_of_blanks_and_separators_are_no_cases(tmp_path):
    assert read(tmp_path, "\n , \ncase_id,dsc\n,\n001,0.5\n , \n\n").scores == {"001": 0.5}
    with pytest.raises(BadInput, match="no cases in it"):
        read(tmp_path, "case_id,dsc\n,\n")


def test_cases_of_mist_that_are_perfect_in_every_column_of_the_label_are_told_apart(tmp_path):
    text = (
        "id,a_dice,a_haus95,a_surf_dice,b_dice,patient_id,ivh\n"
        "both_empty,1.0,0.0,1,0.5,P1,1\nanother,1,0,1.0,1.0,P2,0\nunlike,1.0,0.1,1.0,1.0,P3,\n"
        "gap,1.0,,1.0,1.0,P3,\nword,1.0,far,1.0,1.0,P3,\nMean,1.0,0.0,1.0,1.0,,\n"
    )
    path = tmp_path / "results.csv"
    path.write_text(text)
    assert read_score_file(path, "dsc", "a").best == {"both_empty", "another"}
    found = read_score_file(path, "dsc", "b")
    assert found.best == {"another", "unlike", "gap", "word"}, "there is no distance of b to tell more"
    assert found.facts.ivh == {"both_empty": "yes", "another": "no"}
    assert found.facts.patients["word"] == "P3"
    assert read(tmp_path, "id,a_dice,a_volume\n1,1.0,7\n2,0.9,8\n", metric="volume").best == {"1"}
    ours = read(tmp_path, "case_id,dsc,hd95_mm\n001,1.0,0.0\n")
    assert ours.best == frozenset(), "our own scores of two empty masks are undefined"


def test_a_file_that_is_not_there_and_a_column_that_is_no_score_are_refused(tmp_path):
    with pytest.raises(BadInput, match="is a folder; give a file in it"):
        read_score_file(tmp_path, "dsc", None)
    with pytest.raises(BadInput, match="no such file; give a run"):
        read_score_file(tmp_path / "lost.csv", "dsc", None)
    for metric in ("case_id", "Fold", "IVH", "patient_id"):
        with pytest.raises(BadInput, match=f"--metric {metric}: '{metric}' is no score"):
            read_score_file(tmp_path / "lost.csv", metric, None)
