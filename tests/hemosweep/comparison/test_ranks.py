"""Ranks of the sides of a sweep's comparisons."""

import pytest

from hemosweep.comparison.ranks import rank_sides
from hemosweep.comparison.sides import read_sides
from hemosweep.scores.catalogue import DSC
from tests.recorded import LARGE, MIDDLE, SMALL, cases, in_memory


def test_arms_are_ranked_over_the_cases_that_all_of_them_have():
    store = in_memory({"s/a@0": cases(SMALL), "s/b@0": cases(MIDDLE), "s/c@0": cases(LARGE).iloc[1:]})
    a, b = read_sides(store, ("s/a", "s/b"), "dsc", ())
    c, _ = read_sides(store, ("s/c", "s/c"), "dsc", ())
    ranks = rank_sides({"a": a, "b": b, "c": c}, DSC)
    assert [rank.arm for rank in ranks] == ["c", "b", "a"]
    assert [rank.mean for rank in ranks] == pytest.approx([sum(dsc[1:]) / 7 for dsc in (LARGE, MIDDLE, SMALL)])


def test_without_sides_there_is_no_rank():
    assert rank_sides({}, DSC) == ()
