"""Comparability of two sides: reasons that forbid a comparison, and warnings beside it."""

import pytest

from hemosweep.comparison.check_sides import check_sides
from hemosweep.comparison.sides import read_sides
from tests.recorded import MIDDLE, SMALL, cases, in_memory


def checked(a, b, **facts_of_b):
    store = in_memory({"s/a@0": a, "s/b@0": (b, facts_of_b)})
    return check_sides(*read_sides(store, ("s/a", "s/b"), "dsc", ()))


def test_runs_that_were_made_alike_have_neither_reasons_nor_warnings():
    check = checked(cases(SMALL), cases(MIDDLE))
    assert (check.reasons, check.warnings) == ((), ())


def test_every_reason_is_named():
    check = checked(cases(SMALL), cases(MIDDLE), dataset_digest="x", folds_digest="x", metric_digests="x")
    assert len(check.reasons) == 3


@pytest.mark.parametrize("fact", ["source_digest", "device_kind"])
def test_other_code_and_another_kind_of_device_are_warnings(fact):
    check = checked(cases(SMALL), cases(MIDDLE), **{fact: "another"})
    assert check.reasons == ()
    assert len(check.warnings) == 1


def test_cases_that_were_tested_in_other_folds_are_named_ten_at_most():
    check = checked(cases(SMALL), cases(MIDDLE, folds=[0, 1, 0, 1, 0, 1, 1, 0]))
    (reason,) = check.reasons
    assert reason.startswith("case folds differ: 007 (A: 0, B: 1), 008 (A: 1, B: 0)")


def test_other_cases_of_the_same_folds_are_a_warning():
    check = checked(cases(SMALL), cases(MIDDLE).iloc[:5])
    assert check.reasons == ()
    (warning,) = check.warnings
    assert warning.startswith("A was tested on 8 cases and B on 5")


def test_a_file_beside_a_run_is_not_checked_and_that_is_told(tmp_path):
    path = tmp_path / "scores.csv"
    cases(MIDDLE).to_csv(path, index=False)
    store = in_memory({"s/a@0": cases(SMALL)})
    beside_a_run = check_sides(*read_sides(store, ("s/a", str(path)), "dsc", ()))
    assert any("does not say which data" in warning for warning in beside_a_run.warnings)
    beside_a_file = check_sides(*read_sides(store, (str(path), str(path)), "dsc", ()))
    assert (beside_a_file.reasons, beside_a_file.warnings) == ((), ())
