from hypothesis import given, settings
from hypothesis import strategies as st

from hemosweep.stats.partition import moved_cases

FOLDS = {"c1": "0", "c2": "0", "c3": "1", "c4": "1", "c5": "2", "c6": "2"}
PARTITIONS = st.dictionaries(st.sampled_from([f"c{number}" for number in range(9)]), st.sampled_from("0123"))


def test_the_same_folds_move_no_case():
    assert moved_cases(FOLDS, FOLDS) == []
    assert moved_cases({}, FOLDS) == moved_cases(FOLDS, {}) == []


def test_what_a_fold_is_called_does_not_matter():
    assert moved_cases(FOLDS, {case: f"fold_{fold}" for case, fold in FOLDS.items()}) == []
    from_one = {case: str(int(fold) + 1) for case, fold in FOLDS.items()}
    assert moved_cases(FOLDS, from_one) == moved_cases(from_one, FOLDS) == []


def test_two_cases_that_changed_places_are_both_named_in_order():
    assert moved_cases(FOLDS, FOLDS | {"c6": "0", "c2": "2"}) == ["c2", "c6"]


def test_two_cases_that_changed_places_in_renamed_folds_are_both_named():
    folds = FOLDS | {"c7": "0", "c8": "1"}
    renamed = {case: str(int(fold) + 1) for case, fold in (folds | {"c2": "1", "c4": "0"}).items()}
    assert moved_cases(folds, renamed) == ["c2", "c4"]


def test_equal_shares_go_to_folds_of_the_same_name():
    # Each fold of A shares one case with each of B.
    crossed = {"c1": "0", "c2": "1", "c3": "0", "c4": "1"}
    assert moved_cases({"c1": "0", "c2": "0", "c3": "1", "c4": "1"}, crossed) == ["c2", "c3"]
    assert moved_cases({"c1": "1", "c2": "1", "c3": "0", "c4": "0"}, crossed) == ["c1", "c4"]
    assert moved_cases({"c1": "1", "c2": "1", "c3": "2", "c4": "2"}, crossed) == ["c1", "c4"]


def test_the_largest_share_is_the_same_fold_whatever_its_name():
    assert moved_cases({"c1": "0", "c2": "0", "c3": "0"}, {"c1": "0", "c2": "1", "c3": "1"}) == ["c1"]


def test_two_folds_that_b_puts_together_are_not_the_same():
    together = {case: "0" if fold == "1" else fold for case, fold in FOLDS.items()}
    assert moved_cases(FOLDS, together) == ["c3", "c4"]
    assert moved_cases(together, FOLDS) == ["c3", "c4"]


def test_cases_of_one_side_are_not_compared():
    assert moved_cases(FOLDS | {"c7": "0"}, FOLDS | {"c8": "0"}) == []
    assert moved_cases({"c1": "0", "c2": "0"}, {"c1": "0", "c3": "0"}) == []


@given(folds_a=PARTITIONS, folds_b=PARTITIONS)
@settings(deadline=None, max_examples=100)
def test_no_case_moves_exactly_where_the_same_cases_are_together(folds_a, folds_b):
    shared = sorted(folds_a.keys() & folds_b.keys())
    pairs = [(one, other) for one in shared for other in shared]
    same = all((folds_a[one] == folds_a[other]) == (folds_b[one] == folds_b[other]) for one, other in pairs)
    moved = moved_cases(folds_a, folds_b)
    assert (not moved) == same
    assert moved == sorted(set(moved))
    assert set(moved) <= set(shared)


@given(folds=PARTITIONS, names=st.permutations(["0", "1", "a", "fold_0"]))
@settings(deadline=None, max_examples=40)
def test_folds_renamed_in_any_way_move_no_case(folds, names):
    assert moved_cases(folds, {case: names[int(fold)] for case, fold in folds.items()}) == []
