"""Optional columns: how people and programs write them, and that an odd value is a warning and never an error."""

from pathlib import Path

import pytest

from hemosweep.scores.case_facts import CaseFacts, case_facts
from hemosweep.scores.score_table import ScoreTable

FILE = Path("b.csv")
MISSING = ["", "NaN", "n/a", "NA", "None", "-"]


def facts(delimiter=",", **columns):
    case_ids = [f"{place:03}" for place in range(1, len(next(iter(columns.values()))) + 1)]
    table = ScoreTable(path=FILE, columns=columns, repeated=frozenset(), delimiter=delimiter)
    return case_facts(table, case_ids)


@pytest.mark.parametrize("text", ["yes", "Yes", "Y", "y", "1", "1.0", "1.", "True", "TRUE", "true", "t", "1,0"])
def test_ivh_is_yes_however_it_is_written(text):
    assert facts(ivh=[text]) == CaseFacts(ivh={"001": "yes"})


@pytest.mark.parametrize("text", ["no", "NO", "N", "n", "0", "0.0", "False", "FALSE", "false", "f"])
def test_ivh_is_no_however_it_is_written(text):
    assert facts(ivh=[text]) == CaseFacts(ivh={"001": "no"})


def test_what_is_missing_is_not_known_in_any_column():
    for column in ("ivh", "fold", "patient_id", "reference_ml", "false_positive_ml"):
        assert facts(**{column: MISSING}) == CaseFacts(), column
    found = facts(ivh=["yes", "n/a"], fold=["nan", "0"], patient_id=["N/A", "P1"])
    assert (found.ivh, found.folds, found.patients) == ({"001": "yes"}, {"002": "0"}, {"002": "P1"})


def test_an_odd_ivh_label_is_a_warning_with_its_file_column_value_and_cases():
    found = facts(ivh=["yes", "maybe", "no", "maybe", "2"])
    assert found.ivh == {"001": "yes", "003": "no"}
    assert found.warnings == (
        "b.csv: ivh is 'maybe' (002, 004), '2' (005), taken as not known; write yes or no, or nothing",
    )


def test_of_many_odd_values_the_first_are_named():
    found = facts(ivh=["left"] * 7 + ["right", "both", "third", "fourth"])
    assert found.ivh is None
    assert found.warnings == (
        "b.csv: ivh is 'left' (001, 002, 003, 004, 005 and 2 more), 'right' (008), 'both' (009) and 2 more, "
        "taken as not known; write yes or no, or nothing",
    )


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (["0", "1", "2"], ["0", "1", "2"]),
        (["1", "2", "3"], ["1", "2", "3"]),
        (["fold_0", "fold_1", "Fold 2"], ["fold_0", "fold_1", "Fold 2"]),
        (["0.0", "1.0", "2.00"], ["0", "1", "2"]),
        (["0,0", "1,0", "-1"], ["0", "1", "-1"]),
        (["v1.0", "1e0", "1.0.0"], ["v1.0", "1e0", "1.0.0"]),
    ],
)
def test_folds_are_read_as_they_are(names, read):
    found = facts(fold=names)
    assert list(found.folds.values()) == read
    assert found.warnings == ()


def test_a_fold_between_two_is_a_warning():
    found = facts(fold=["0", "0.5", "inf", "1.0"])
    assert found.folds == {"001": "0", "004": "1"}
    (warning,) = found.warnings
    assert warning.startswith("b.csv: fold is '0.5' (002), 'inf' (003), taken as not known; write a name or a whole")


def test_volumes_that_cannot_be_are_a_warning_and_the_others_are_read():
    found = facts(reference_ml=["0", "2.5", "-1", "big", "inf", "1_0"], false_positive_ml=["x", "0", "", "1", "1", "1"])
    assert (found.without_lesion, found.with_lesion) == ({"001"}, {"002"})
    assert found.false_positive_ml == {"002": 0.0, "004": 1.0, "005": 1.0, "006": 1.0}
    first, second = found.warnings
    assert first.startswith("b.csv: reference_ml is '-1' (003), 'big' (004), 'inf' (005) and 1 more, taken as")
    assert second.startswith("b.csv: false_positive_ml is 'x' (001), taken as not known; write a volume in mL")
    assert facts(";", reference_ml=["2,5"]).with_lesion == {"001"}


def test_patients_that_a_program_read_as_numbers_are_the_same_patients():
    assert facts(patient_id=["17.0", "18.0", ""]).patients == {"001": "17", "002": "18"}
    assert facts(patient_id=["17.0", "18.5"]).patients == {"001": "17.0", "002": "18.5"}
    assert facts(patient_id=["007"]).patients == {"001": "007"}
    assert facts(patient_id=["Mu\u0308ller"]).patients == {"001": "M\u00fcller"}
