"""A case, and the name of its patient in results."""

from pathlib import Path

from hemosweep.data.case import Case, patient_names


def case(case_id, patient_id):
    return Case(case_id=case_id, patient_id=patient_id, ivh=None, ct_path=Path(case_id), lesion_path=None)


def test_cases_of_a_patient_share_the_name_of_the_first_and_no_identifier_is_in_it():
    cases = [case("sub-3", "MRN 7"), case("sub-1", "MRN 9"), case("sub-2", "MRN 7")]
    assert patient_names(cases) == {"sub-3": "sub-2", "sub-1": "sub-1", "sub-2": "sub-2"}


def test_the_name_is_the_same_in_whatever_order_the_cases_come():
    cases = [case(f"sub-{number}", f"P{number % 2}") for number in range(6)]
    assert patient_names(cases) == patient_names(cases[::-1])
