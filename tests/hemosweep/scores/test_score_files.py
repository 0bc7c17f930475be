"""Files of scores: what names one, and the forms of other programs; more are in tests/e2e/test_compare_files.py."""

import json
import math

import pytest

from hemosweep.errors import BadInput
from hemosweep.scores.foreign_files import is_mist, mist_column, mist_rows, nnunet_scores
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


def test_a_table_of_mist_has_its_ids_and_a_metric_of_its_own():
    assert is_mist(["id", "tumor_dice"])
    assert is_mist(["x", "id", "tumor_lesion_wise_dice"])
    assert not is_mist(["id", "dice"])
    assert not is_mist(["id", "tumor_dsc"])
    assert not is_mist(["tumor_dice"])
    assert not is_mist(["id", "case_id", "tumor_dice"])


def test_a_column_of_mist_is_that_of_the_longest_metric_that_fits(tmp_path):
    columns = ["id", "a_dice", "a_lesion_wise_dice", "b_b_dice", "a_haus95"]
    assert mist_column(tmp_path, columns, "dsc", "b_b") == ("b_b_dice", ("a", "b_b"), "b_b")
    assert mist_column(tmp_path, columns, "lesion_wise_dice", None) == ("a_lesion_wise_dice", ("a",), "a")
    assert mist_column(tmp_path, columns, "HD95_mm", None) == ("a_haus95", ("a",), "a")
    with pytest.raises(
        BadInput, match=r"no metric 'nsd'; it has dsc, lesion_wise_dice, hd95_mm \(its columns are id, a_d"
    ):
        mist_column(tmp_path, columns, "nsd", None)
    with pytest.raises(BadInput, match="scores of labels a; b_b; choose one with --label"):
        mist_column(tmp_path, columns, "dsc", None)
    assert mist_rows([{"id": "Mean"}, {"id": "mean"}, {"id": "Std"}, {"id": "1"}]) == [{"id": "mean"}, {"id": "1"}]


def summary(*cases):
    return json.dumps({"metric_per_case": list(cases)})


def test_a_case_of_nnunet_is_named_by_its_prediction_or_else_its_reference(tmp_path):
    def case(dice, **files):
        return {"metrics": {"1": {"Dice": dice, "n_ref": 5}, "0": {"Dice": 1.0}}} | files

    found = nnunet_scores(
        tmp_path,
        summary(
            case(0.5, prediction_file="/out/case.1.nii.gz", reference_file="/ref/other.nii.gz"),
            case(0.6, prediction_file=None, reference_file="C:\\ref\\case_2.mha"),
            case(None, reference_file="case_3"),
        ),
        "dsc",
        None,
    )
    assert found.scores == [("case.1", 0.5), ("case_2", 0.6), ("case_3", None)]
    assert (found.labels, found.label, found.warnings) == (("1",), "1", ())


def test_an_overlap_with_an_empty_reference_is_undefined_and_its_case_named(tmp_path):
    cases = [
        {"prediction_file": f"{name}.nii.gz", "metrics": {"(1, 2)": {"Dice": dice, "n_ref": n, "FP": 3}}}
        for name, dice, n in (("b", 0.0, 0), ("a", float("nan"), 0), ("c", 0.7, 9))
    ]
    found = nnunet_scores(tmp_path / "s.json", summary(*cases), "Dice", "1,2")
    assert found.scores == [("b", None), ("a", None), ("c", 0.7)]
    assert found.warnings == (f"{tmp_path / 's.json'}: undefined, label (1, 2) is not in the reference: a, b",)
    others = nnunet_scores(tmp_path, summary(*cases), "FP", None)
    assert (others.scores, others.warnings) == ([("b", 3.0), ("a", 3.0), ("c", 3.0)], ())


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
    assert found.folds == {"001": "0", "002": "1"}
    assert found.ivh == {"001": "yes", "003": "no"}
    assert found.patients == {"001": "P1", "003": "P1"}
    assert found.without_lesion == {"001"}
    assert found.false_positive_ml == {"001": 1.5, "003": 0.0}
    assert (found.program, found.labels, found.label, found.warnings) == (None, (), None, ())
    plain = read(tmp_path, "case_id;dsc\n001;0,5\n")
    assert (plain.scores, plain.folds, plain.ivh, plain.patients) == ({"001": 0.5}, None, None, None)
    assert (plain.without_lesion, plain.false_positive_ml) == (frozenset(), {})


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
    path.write_text(summary(case))
    first, second = (read_score_file(path, "dsc", label) for label in "12")
    assert first == FileScores(scores={"a": 0.5}, program="nnU-Net", labels=("1", "2"), label="1")
    assert second == FileScores(
        scores={"a": None}, program="nnU-Net", labels=("1", "2"), label="2", warnings=second.warnings
    )
    assert second.warnings == (f"{path}: undefined, label 2 is not in the reference: a",)
    found = read(tmp_path, "id,tumor_dice\n001,0.5\n002,\nMean,0.5\n")
    assert found == FileScores(scores={"001": 0.5, "002": None}, program="MIST", labels=("tumor",), label="tumor")
    assert (found.folds, found.ivh, found.patients, found.without_lesion, found.false_positive_ml) == (
        *(None, None, None),
        frozenset(),
        {},
    )


@pytest.mark.parametrize(
    ("value", "score"),
    [(1, 1.0), (0.5, 0.5), (None, None), (10**400, math.inf), (-(10**400), -math.inf)],
    ids=["whole", "share", "none", "beyond a double", "far below"],
)
def test_a_score_of_nnunet_is_a_number_or_none(tmp_path, value, score):
    entry = {"prediction_file": "a.nii.gz", "metrics": {"1": {"Dice": value}}}
    assert nnunet_scores(tmp_path, summary(entry), "Dice", None).scores == [("a", score)]


@pytest.mark.parametrize("value", [True, False, "0.5", [0.5], {}])
def test_a_score_of_nnunet_that_is_no_number_is_refused_with_its_case(tmp_path, value):
    entry = {"prediction_file": "a.nii.gz", "metrics": {"1": {"Dice": value}}}
    with pytest.raises(BadInput, match=r"case a: Dice is .*, not a number"):
        nnunet_scores(tmp_path, summary(entry), "Dice", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (summary(), "no cases in it"),
        ("{}", "not nnU-Net's summary.json"),
        ("[]", "not nnU-Net's summary.json"),
        ("{", "not nnU-Net's summary.json"),
        (summary({"metrics": {"1": {"Dice": 0.5}}}), "not nnU-Net's summary.json"),
        (summary({"prediction_file": "a", "metrics": 7}), "not nnU-Net's summary.json"),
    ],
)
def test_what_is_no_summary_of_nnunet_is_refused(tmp_path, text, said):
    with pytest.raises(BadInput, match=said):
        nnunet_scores(tmp_path, text, "dsc", None)


def test_a_label_is_chosen_by_its_name_or_its_numbers_and_an_unknown_one_lists_all(tmp_path):
    entry = {"prediction_file": "a", "metrics": {"1": {"Dice": 0.1}, "(1, 2)": {"Dice": 0.2}}}
    for label, score in (("1", 0.1), ("(1, 2)", 0.2), ("1,2", 0.2), ("1 2", 0.2)):
        assert nnunet_scores(tmp_path, summary(entry), "dsc", label).scores == [("a", score)]
    with pytest.raises(BadInput, match=r"no label '3'; it has 1; \(1, 2\)"):
        nnunet_scores(tmp_path, summary(entry), "dsc", "3")
    with pytest.raises(BadInput, match="no metric 'nsd'; it has dsc"):
        nnunet_scores(tmp_path, summary(entry), "nsd", "1")


def test_a_file_that_is_not_there_and_a_column_that_is_no_score_are_refused(tmp_path):
    with pytest.raises(BadInput, match="is a folder; give a file in it"):
        read_score_file(tmp_path, "dsc", None)
    with pytest.raises(BadInput, match="no such file; give a run"):
        read_score_file(tmp_path / "lost.csv", "dsc", None)
    for metric in ("case_id", "Fold", "IVH", "patient_id"):
        with pytest.raises(BadInput, match=f"--metric {metric}: '{metric}' is no score"):
            read_score_file(tmp_path / "lost.csv", metric, None)
