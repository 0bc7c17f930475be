"""`hemosweep compare` of score files as people have them: columns as other programs write them, summaries of both
versions of nnU-Net, and tables of MIST. A column that is optional stops no comparison."""

import json
import math

import pytest

A = {"001": 0.5, "002": 0.6, "003": 0.7, "004": 0.8}
B = {"001": 0.6, "002": 0.6, "003": 0.9, "004": 0.7}
# Differences 0.1, 0, 0.2, -0.1.
MEAN_DIFF = 0.05


@pytest.fixture
def table(tmp_path):
    """Writes a CSV file of columns; values as they are, so that a test decides how they look."""

    def write(name, **columns):
        lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def scores(table):
    def write(name, by_case, **columns):
        return table(name, case_id=list(by_case), dsc=list(by_case.values()), **columns)

    return write


@pytest.fixture
def summary(tmp_path):
    """Writes nnU-Net's summary.json of label 1 in the form of a version."""

    def write(name, by_case, version, **columns):
        count = {1: "Total Positives Reference", 2: "n_ref"}[version]
        labels = {
            case_id: {
                "0": {"Dice": 1.0},
                "1": {"Dice": dice, count: 9} | {key: columns[key][case_id] for key in columns},
            }
            for case_id, dice in by_case.items()
        }
        if version == 1:
            cases = [
                by_label | {"reference": f"/gt/{case_id}.nii.gz", "test": f"/validation_raw/{case_id}.nii.gz"}
                for case_id, by_label in labels.items()
            ]
            content = {"author": "Fabian", "description": "", "id": "0", "name": "", "task": "", "timestamp": "2021"}
            content["results"] = {"all": cases, "mean": {"1": {"Dice": 0.5}}}
        else:
            content = {
                "metric_per_case": [
                    {"metrics": by_label, "prediction_file": f"/out/{case_id}.nii.gz", "reference_file": "/gt"}
                    for case_id, by_label in labels.items()
                ]
            }
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return path

    return write


def remarks(result, *texts):
    """Warnings that have one of these texts in them."""
    return [warning for warning in result["warnings"] if any(text in warning for text in texts)]


@pytest.mark.parametrize(
    ("labels", "sizes"),
    [
        (["yes", "no", "Yes", "NO"], [2, 2]),
        (["Y", "N", "y", "n"], [2, 2]),
        (["1", "0", "1", "0"], [2, 2]),
        (["1.0", "0.0", "1.0", ""], [2, 1]),
        (["True", "False", "true", "FALSE"], [2, 2]),
        (["n/a", "NaN", "yes", "no"], [1, 1]),
    ],
    ids=["words", "letters", "numbers", "numbers with a gap", "booleans", "missing"],
)
def test_ivh_in_every_form_makes_the_two_groups(scores, compared, labels, sizes):
    result = compared(scores("a.csv", A), scores("b.csv", B, IVH=labels))
    assert [group["n"] for group in result["groups"]] == sizes
    assert result["mean_diff"] == pytest.approx(MEAN_DIFF)
    assert remarks(result, "b.csv") == []


def test_the_same_ivh_in_two_forms_is_no_contradiction(scores, compared):
    a, b = scores("a.csv", A, ivh=[1, 0, 1, 0]), scores("b.csv", B, ivh=["yes", "no", "True", "F"])
    assert remarks(compared(a, b), "agree") == []


def test_an_odd_value_in_an_optional_column_is_a_warning_and_the_comparison_goes_on(scores, compared):
    b = scores(
        "b.csv",
        B,
        ivh=["yes", "no", "maybe", "maybe"],
        fold=["0", "0.5", "1", "1"],
        patient_id=["P1", "nan", "n/a", ""],
        reference_ml=["1", "-3", "2", "much"],
        false_positive_ml=["?", "0", "0", "0"],
    )
    result = compared(scores("a.csv", A), b)
    assert (result["n"], result["mean_diff"]) == (4, pytest.approx(MEAN_DIFF))
    assert [group["n"] for group in result["groups"]] == [1, 1]
    assert result["patients"] is None, "two patients that are not known are not the same patient"
    said = remarks(result, "b.csv: ")
    assert [warning.partition(", taken")[0] for warning in said] == [
        f"{b}: fold is '0.5' (002)",
        f"{b}: ivh is 'maybe' (003, 004)",
        f"{b}: reference_ml is '-3' (002), 'much' (004)",
        f"{b}: false_positive_ml is '?' (001)",
    ]
    assert remarks(result, "in neither IVH group") == ["in neither IVH group, no label: 003, 004"]


def test_a_column_of_something_else_that_is_called_ivh_leaves_the_groups_out(scores, main):
    code, stdout, stderr = main("compare", scores("a.csv", A), scores("b.csv", B, ivh=[0.3, 12.1, 4.0, 7.5]))
    assert (code, stderr) == (0, "")
    assert "ivh is '0.3' (001), '12.1' (002), '4.0' (003) and 1 more, taken as not known; write yes or no" in stdout
    assert "no IVH" not in stdout


@pytest.mark.parametrize("names", [["0", "0", "1", "1"], ["fold_0", "fold_0", "fold_1", "fold_1"], [1, 1, 2, 2]])
def test_folds_of_any_name_are_the_same_folds(scores, compared, names):
    a = scores("a.csv", A, fold=["0.0", "0.0", "1.0", "1.0"])
    result = compared(a, scores("b.csv", B, fold=names))
    assert [(fold["fold"], fold["n"]) for fold in result["folds"]["means"]] == [("0", 2), ("1", 2)]
    assert remarks(result, "fold") == []


@pytest.mark.parametrize("metric", ["dsc", "dice", "Dice"])
@pytest.mark.parametrize("versions", [(1, 1), (1, 2), (2, 1)])
def test_summaries_of_both_versions_of_nnunet_are_compared(summary, compared, versions, metric):
    a, b = summary("a.json", A, versions[0]), summary("b.json", B, versions[1])
    result = compared(a, b, "--metric", metric)
    assert (result["n"], result["mean_diff"], result["warnings"]) == (4, pytest.approx(MEAN_DIFF), [])
    assert result["metric"]["higher_is_better"] is True


def test_a_summary_of_the_first_version_is_compared_with_a_table(summary, scores, compared):
    name = "Hausdorff Distance 95"
    distances = {"001": 4.0, "002": 5.0, "003": 3.0, "004": 2.0}
    b = summary("summary.json", B, 1, **{name: distances})
    a = scores("a.csv", A, hd95_mm=[5.0, 6.0, 4.0, 4.0])
    result = compared(a, b, "--metric", "hd95_mm", "--label", "1")
    assert (result["mean_diff"], result["wins"]) == (pytest.approx(-1.25), 4)
    same = compared(summary("a.json", A, 1, **{name: distances}), b, "--metric", name)
    assert (same["status"], same["metric"]["higher_is_better"]) == ("identical", False)


def test_two_empty_masks_have_no_dice_in_the_first_version(summary, scores, compared):
    b = summary("b.json", B | {"005": math.nan}, 1)
    result = compared(scores("a.csv", A | {"005": 0.5}), b)
    assert (result["n"], result["excluded"]) == (4, ["005"])
    assert result["warnings"][0] == f"{b}: undefined, label 1 is not in the reference: 005"


@pytest.fixture
def mist(table):
    """Writes MIST's results.csv with the statistics below; 003 and 004 have the best scores."""

    def write(**columns):
        rows = {
            "id": ["001", "002", "003", "004", "Mean"],
            "blood_dice": [0.6, 1.0, 1.0, 1.0, 0.9],
            "blood_haus95": [5.0, 1.0, 0.0, 0.0, 1.5],
        }
        return table("results.csv", **rows, **columns)

    return write


@pytest.mark.parametrize("metric", ["dsc", "hd95_mm"])
def test_cases_of_mist_that_may_be_empty_in_both_masks_are_named(mist, scores, compared, metric):
    result = compared(scores("a.csv", A, hd95_mm=[3.0, 4.0, 5.0, 6.0]), mist(), "--metric", metric)
    (warning,) = remarks(result, "empty in both masks")
    assert "MIST scores a case that is empty in both masks as perfect, which is undefined here; it may be so" in warning
    assert "in 003, 004: look at" in warning


def test_a_case_with_a_lesion_or_without_another_score_is_not_named(mist, scores, summary, compared):
    a = scores("a.csv", A, reference_ml=[1, 1, 2.5, 0])
    (warning,) = remarks(compared(a, mist()), "empty in both masks")
    assert "may be so in 004: look" in warning
    assert remarks(compared(scores("c.csv", A | {"003": "nan", "004": ""}), mist()), "empty in both masks") == []
    assert remarks(compared(summary("a.json", A, 1), mist()), "empty in both masks") == []
    volumes = mist(reference_ml=[1, 1, 1, 0, 1], ivh=["Y", "N", "?", "y", ""])
    result = compared(scores("d.csv", A), volumes)
    (warning,) = remarks(result, "empty in both masks")
    assert "may be so in 004: look" in warning
    assert [group["n"] for group in result["groups"]] == [2, 1]
    assert remarks(result, "ivh is") == [
        f"{volumes}: ivh is '?' (003), taken as not known; write yes or no, or nothing"
    ]
