"""Ids that may be one patient's are told, and others are not."""

from pathlib import Path

import pytest

from hemosweep.data.case import Case
from hemosweep.qc.twins import twin_problems


def cases(*ids):
    """Cases of (case id, patient id)."""
    return [
        Case(case_id=case_id, patient_id=patient_id, ivh=None, ct_path=Path(case_id), lesion_path=None)
        for case_id, patient_id in ids
    ]


def of_patients(*patients):
    return cases(*((f"sub-{place:03}{'abc'[place]}", patient) for place, patient in enumerate(patients)))


@pytest.mark.parametrize(
    ("first", "other", "difference"),
    [
        ("MRN7a", "mrn7A", "upper and lower case"),
        ("7", "007", "leading zeros"),
        ("P7-01", "P07-1", "leading zeros"),
        ("P12", "\uff30\uff11\uff12", "character width"),
        ("MRN 12", "MRN12", "spaces"),
        ("MRN 12", "MRN\u00a012", "spaces"),
        ("MRN\u200b12", "MRN12", "spaces"),
        ("Mrn 7", "MRN007", "spaces and upper and lower case and leading zeros"),
    ],
)
def test_patients_whose_ids_differ_only_in_form_may_be_one(first, other, difference):
    (problem,) = twin_problems(of_patients(first, other))
    assert (problem.case_id, problem.kind, problem.severity) == ("", "patient-twins", "warning")
    assert "\n" not in problem.message
    for part in (repr(first), repr(other), "sub-000a", "sub-001b", "give both one patient_id in participants.tsv"):
        assert part in problem.message
    assert f"differ only by {difference};" in problem.message


@pytest.mark.parametrize(
    ("first", "other"),
    [("7", "70"), ("P7", "P8"), ("1-01", "10-1"), ("0", ""), ("Müller", "Muller"), ("P-7", "P_7"), ("A", "B")],
)
def test_patients_with_other_letters_or_numbers_are_two(first, other):
    assert list(twin_problems(of_patients(first, other))) == []


def test_each_of_several_is_told_beside_the_first():
    messages = [problem.message for problem in twin_problems(of_patients("P7", "p7", "P07"))]
    assert [("'p7'" in text, "'P07'" in text, "'P7'" in text) for text in messages] == [
        (True, False, True),
        (False, True, True),
    ]


def test_participants_whose_ids_differ_only_in_form_are_told_unless_their_patients_are():
    (problem,) = twin_problems(cases(("sub-01", "A"), ("sub-001", "B")))
    assert (problem.kind, problem.severity) == ("participant-twins", "warning")
    assert "participant ids 'sub-01' and 'sub-001' differ only by leading zeros" in problem.message
    (problem,) = twin_problems(cases(("sub-01", "1"), ("sub-001", "01")))
    assert problem.kind == "patient-twins"
    assert list(twin_problems(cases(("sub-01", "A"), ("sub-001", "A")))) == []
