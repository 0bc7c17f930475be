import pytest

from hemosweep.external.names import safe_names


def test_an_id_that_is_safe_everywhere_stays():
    assert safe_names(["sub-02", "sub-01_ses-1"]) == {"sub-02": "sub-02", "sub-01_ses-1": "sub-01_ses-1"}


@pytest.mark.parametrize("case_id", ["jürgen", "a b", "a.b", "-a", "sub_0001", "x" * 61])
def test_an_id_that_another_program_may_misread_becomes_a_number(case_id):
    assert safe_names([case_id, "sub-1"]) == {case_id: "case_001", "sub-1": "sub-1"}


def test_ids_that_differ_in_capitals_alone_become_numbers():
    assert safe_names(["Sub", "sub"]) == {"Sub": "case_001", "sub": "case_002"}


def test_a_number_that_is_taken_is_passed_over():
    assert safe_names(["a b", "case_001"]) == {"a b": "case_002", "case_001": "case_001"}
