import math

import numpy as np
import pytest

from hemosweep.scores.summary import summarise


def test_statistics_match_hand_computed_values():
    summary = summarise([0.2, 0.4, 0.9], ["yes", "no", "no"])
    assert summary.mean == pytest.approx(0.5)
    assert summary.std == pytest.approx(math.sqrt((0.09 + 0.01 + 0.16) / 2))
    assert (summary.median, summary.min, summary.max) == (0.4, 0.2, 0.9)
    assert (summary.num_cases, summary.num_undefined) == (3, 0)


def test_groups_split_by_ivh_and_unknown_ivh_is_in_neither():
    summary = summarise([0.2, 0.4, 0.6, 0.8, 1.0], ["yes", "yes", "no", "no", "n/a"])
    assert summary.ivh_mean == pytest.approx(0.3)
    assert summary.ivh_std == pytest.approx(math.sqrt(0.02))
    assert summary.no_ivh_mean == pytest.approx(0.7)
    assert summary.mean == pytest.approx(0.6)


def test_undefined_scores_are_counted_and_never_averaged():
    summary = summarise([0.5, math.nan, 0.7], ["no", "no", "no"])
    assert summary.mean == pytest.approx(0.6)
    assert (summary.num_cases, summary.num_undefined) == (3, 1)


def test_a_zero_score_stays_in():
    assert summarise([0.0, 1.0], ["no", "no"]).mean == 0.5


def test_values_that_do_not_exist_are_none():
    single = summarise([0.5], ["yes"])
    assert (single.mean, single.std, single.no_ivh_mean, single.ivh_std) == (0.5, None, None, None)
    empty = summarise([math.nan], ["yes"])
    assert (empty.mean, empty.median, empty.min, empty.max) == (None, None, None, None)
    assert (empty.num_cases, empty.num_undefined) == (1, 1)


def test_agrees_with_numpy_on_random_scores():
    scores = np.random.default_rng(0).random(50)
    summary = summarise(scores.tolist(), ["no"] * 50)
    assert summary.no_ivh_mean == pytest.approx(scores.mean())
    assert summary.std == pytest.approx(scores.std(ddof=1))
    assert summary.median == pytest.approx(np.median(scores))


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="shorter"):
        summarise([0.5], [])
