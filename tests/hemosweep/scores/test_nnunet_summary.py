"""nnU-Net's summary.json as versions 2 and 1 write it; both through the command are in tests/e2e."""

import json
import math

import pytest

from hemosweep.errors import BadInput
from hemosweep.scores.nnunet_summary import nnunet_scores


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


def first_version(*cases):
    """As nnunet/evaluation/evaluator.py writes it: files and labels side by side, NaN for what has no value."""
    results = {"all": list(cases), "mean": {"1": {"Dice": 0.9}}}
    entries = {"name": "", "description": "", "timestamp": "2021-06-17", "task": "Task500", "author": "Fabian"}
    return json.dumps(entries | {"results": results, "id": "0123456789ab"})


def case_of_first(name, *, num_reference=9, num_predicted=9, **scores):
    counts = {"Total Positives Reference": num_reference, "Total Positives Test": num_predicted}
    return {
        "0": {"Dice": 1.0},
        "1": counts | scores,
        "2": {"Dice": 0.1},
        "test": f"/out/validation_raw/{name}.nii.gz",
        "reference": f"/gt/{name}.nii.gz",
    }


def test_the_first_version_has_the_same_labels_names_and_cases(tmp_path):
    text = first_version(
        case_of_first("b", Dice=0.5, Jaccard=0.33, **{"Hausdorff Distance 95": 3.5}),
        case_of_first("a", Dice=0.7, Jaccard=0.54, **{"Hausdorff Distance 95": 2.5}),
    )
    for metric, first, second in (
        *(("dsc", 0.5, 0.7), ("dice", 0.5, 0.7), ("Dice", 0.5, 0.7), ("IoU", 0.33, 0.54), ("jaccard", 0.33, 0.54)),
        *(("hd95_mm", 3.5, 2.5), ("HD95", 3.5, 2.5), ("Hausdorff Distance 95", 3.5, 2.5)),
    ):
        found = nnunet_scores(tmp_path, text, metric, "1")
        assert found.scores == [("b", first), ("a", second)], metric
    assert (found.labels, found.label, found.warnings, found.with_lesion) == (("1", "2"), "1", (), {"a", "b"})
    with pytest.raises(BadInput, match="scores of labels 1; 2; choose one with --label"):
        nnunet_scores(tmp_path, text, "dsc", None)
    with pytest.raises(
        BadInput, match="no metric 'nsd'; it has Total Positives Reference, Total Positives Test, dsc, i"
    ):
        nnunet_scores(tmp_path, text, "nsd", "1")


def test_the_second_version_knows_the_same_metrics_by_the_same_names(tmp_path):
    text = summary({"prediction_file": "a", "metrics": {"1": {"Dice": 0.6, "IoU": 0.4}}})
    for metric, score in (("dice", 0.6), ("DSC", 0.6), ("iou", 0.4)):
        assert nnunet_scores(tmp_path, text, metric, None).scores == [("a", score)]


@pytest.mark.parametrize("counted", [True, False])
def test_two_empty_masks_of_the_first_version_have_no_overlap(tmp_path, counted):
    empty = case_of_first("b", num_reference=0, num_predicted=0, Dice=math.nan)
    if not counted:
        empty["1"] = {"Dice": math.nan}
    found = nnunet_scores(tmp_path, first_version(case_of_first("a", Dice=0.7), empty), "dsc", "1")
    assert found.scores == [("a", 0.7), ("b", None)]
    assert found.warnings == (f"{tmp_path}: undefined, label 1 is not in the reference: b",)
    assert found.with_lesion == {"a"}


def test_a_false_positive_of_the_first_version_is_no_dice_of_zero(tmp_path):
    text = first_version(case_of_first("a", num_reference=0, Dice=0.0), case_of_first("b", num_predicted=0, Dice=0.0))
    assert nnunet_scores(tmp_path, text, "dsc", "1").scores == [("a", None), ("b", 0.0)]


def test_distances_that_the_first_version_leaves_out_are_named(tmp_path):
    name = "Hausdorff Distance 95"
    text = first_version(
        case_of_first("missed", num_predicted=0, **{name: math.nan}),
        case_of_first("invented", num_reference=0, **{name: math.nan}),
        case_of_first("empty", num_reference=0, num_predicted=0, **{name: math.nan}),
        case_of_first("found", **{name: 4.0}),
    )
    found = nnunet_scores(tmp_path, text, "hd95", "1")
    assert [score for _, score in found.scores[3:]] == [4.0]
    assert all(math.isnan(score) for _, score in found.scores[:3])
    (warning,) = found.warnings
    assert warning.startswith(f"{tmp_path}: {name} is NaN where one mask is empty, which leaves out invented, missed;")


@pytest.mark.parametrize(
    "text",
    [
        *('{"results": {}}', '{"results": {"all": [3]}}', '{"results": {"all": [{"1": {"Dice": 0.5}}]}}', '"results"'),
        *('{"results": {"all": [{"1": 3, "test": "a"}]}}', '{"results": [1]}'),
    ],
)
def test_what_is_no_summary_of_the_first_version_is_refused(tmp_path, text):
    with pytest.raises(BadInput, match=r"not nnU-Net's summary.json .* as version 2 writes it, nor results.all, as"):
        nnunet_scores(tmp_path, text, "dsc", None)
