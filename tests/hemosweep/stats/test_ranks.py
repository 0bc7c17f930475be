"""Ranks of arms: the bootstrap distribution against all draws counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from hemosweep.stats import DSC, METRICS, find_metric
from hemosweep.stats.ranks import rank_arms


def arms(**scores):
    return {name: np.array(values, dtype=np.float64) for name, values in scores.items()}


def by_name(ranks):
    return {one.arm: one for one in ranks}


def test_arms_whose_order_is_the_same_in_every_case_keep_it_in_every_draw():
    ranks = rank_arms(arms(low=[[0.1, 0.4]], high=[[0.5, 0.8]], middle=[[0.2, 0.5]]), DSC)
    assert [(one.arm, one.rank, one.ci95) for one in ranks] == [
        ("high", 1, (1, 1)),
        ("middle", 2, (2, 2)),
        ("low", 3, (3, 3)),
    ]
    assert [one.shares for one in ranks] == [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]
    assert [one.mean for one in ranks] == pytest.approx([0.65, 0.35, 0.25])


def test_the_shares_are_those_of_all_draws_of_two_cases():
    # Both cases in half of the draws: a and b are 0.5 each, and either is the best; else one case twice: that case's
    # best is the first, c the second.
    ranks = by_name(rank_arms(arms(a=[[1.0, 0.0]], b=[[0.0, 1.0]], c=[[0.4, 0.4]]), DSC))
    assert ranks["c"].shares == pytest.approx((0.0, 0.5, 0.5), abs=0.02)
    for name in "ab":
        assert ranks[name].shares == pytest.approx((0.5, 0.25, 0.25), abs=0.02)
    assert ranks["c"].ci95 == (2, 3)
    assert ranks["a"].ci95 == (1, 3)


def test_the_seeds_of_an_arm_are_drawn_too():
    # Means of two draws of the seeds 0.9 and 0.1: 0.9 in a quarter, 0.5 in half, 0.1 in a quarter.
    ranks = by_name(rank_arms(arms(seeds=[[0.9, 0.9], [0.1, 0.1]], b=[[0.6, 0.6]], c=[[0.4, 0.4]]), DSC))
    assert ranks["seeds"].shares == pytest.approx((0.25, 0.5, 0.25), abs=0.02)
    assert (ranks["seeds"].num_seeds, ranks["b"].num_seeds) == (2, 1)
    assert ranks["b"].shares == pytest.approx((0.75, 0.25, 0.0), abs=0.02)


def test_equal_arms_share_their_ranks():
    ranks = by_name(rank_arms(arms(a=[[0.5, 0.7]], same=[[0.5, 0.7]], low=[[0.1, 0.1]]), DSC))
    assert ranks["a"].shares == pytest.approx((0.5, 0.5, 0.0), abs=0.02)
    assert ranks["same"].shares == pytest.approx((0.5, 0.5, 0.0), abs=0.02)
    assert {ranks["a"].rank, ranks["same"].rank} == {1, 2}


def test_the_best_distance_is_the_lowest():
    ranks = rank_arms(arms(far=[[9.0, 8.0]], near=[[1.0, 2.0]], middle=[[4.0, 5.0]]), METRICS["hd95_mm"])
    assert [one.arm for one in ranks] == ["near", "middle", "far"]


@pytest.mark.parametrize(
    ("scores", "metric"),
    [
        (arms(a=[[0.1, 0.2]], b=[[0.3, 0.4]]), DSC),
        (arms(), DSC),
        (arms(a=np.empty((1, 0)), b=np.empty((1, 0)), c=np.empty((1, 0))), DSC),
        (arms(a=[[0.1]], b=[[0.2]], c=[[0.3]]), find_metric("volume")),
    ],
    ids=["two arms", "no arm", "no case", "no better direction"],
)
def test_what_has_no_order_has_no_ranks(scores, metric):
    assert rank_arms(scores, metric) == ()


def test_the_same_scores_give_the_same_shares_also_in_parts(monkeypatch):
    rng = np.random.default_rng(3)
    scores = arms(**{name: rng.uniform(size=(2, 40)) for name in "abcd"})
    whole = rank_arms(scores, DSC)
    assert rank_arms(scores, DSC) == whole
    monkeypatch.setattr("hemosweep.stats.ranks.MAX_DRAWN", 40 * 1000)
    for one, other in zip(whole, rank_arms(scores, DSC), strict=True):
        assert replace(one, shares=(), ci95=(0, 0)) == replace(other, shares=(), ci95=(0, 0))
        assert one.shares == pytest.approx(other.shares, abs=0.02)
        assert sum(one.shares) == pytest.approx(1.0)
