import math
import time

import numpy as np
import pytest

from hemosweep.errors import BadInput
from hemosweep.stats import DSC, find_metric, scores_by_case
from hemosweep.stats.paired import paired_comparison
from hemosweep.stats.pairing import pair


def test_ids_are_text_and_order_does_not_matter():
    pairs = pair([{"1": 0.1, "001": 0.3}], [{"001": 0.4, "1": 0.2}], DSC)
    assert pairs.case_ids == ("001", "1")
    assert pairs.diff_N == pytest.approx([0.1, 0.1])


def test_a_duplicate_id_is_refused_and_every_one_named():
    with pytest.raises(BadInput, match="B: more than one row for s1, s3; keep one row a case"):
        scores_by_case("B", [("s3", 0.1), ("s1", 0.1), ("s2", 0.1), ("s1", 0.2), ("s3", 0.1)])
    assert scores_by_case("A", [("s2", 0.1), ("s1", None)]) == {"s2": 0.1, "s1": None}


def test_disjoint_ids_are_refused_with_ids_of_both_sides():
    with pytest.raises(BadInput, match=r"A \(x, y\) and B \(x1, y1\) share no case id"):
        pair([{"x": 0.5, "y": 0.5}], [{"x1": 0.5, "y1": 0.5}], DSC)
    with pytest.raises(BadInput, match=r"A \(c00, .*, c09 and 30 more\) and B \(no cases\) share no case id"):
        pair([{f"c{place:02}": 0.5 for place in range(40)}], [{}], DSC)


def test_an_arm_without_scores_is_refused():
    with pytest.raises(BadInput, match="B has no scores"):
        pair([{"x": 0.5}], [], DSC)


def test_none_is_as_nan():
    pairs = pair([{"x": 0.5, "y": None}], [{"x": 0.5, "y": 0.5}], DSC)
    assert pairs.excluded == ("y",)
    assert pairs.warnings == ("excluded, not computed (NaN) in A: y",)


def test_every_excluded_case_is_named_with_its_reason():
    a = {"s1": 0.5, "only_a": 0.5, "nan_a": math.nan, "inf_b": 0.5}
    b = {"s1": 0.6, "only_b": 0.5, "nan_a": 0.5, "inf_b": -math.inf}
    pairs = pair([a], [b], DSC)
    assert pairs.case_ids == ("s1",)
    assert pairs.excluded == ("inf_b", "nan_a", "only_a", "only_b")
    assert pairs.warnings == (
        "excluded, not scored in A: only_b",
        "excluded, not scored in B: only_a",
        "excluded, not computed (NaN) in A: nan_a",
        "excluded, infinite in B: inf_b",
    )


def test_a_case_of_one_arm_only_is_named_once_whatever_its_score():
    pairs = pair([{"s1": 0.5, "s2": math.nan}], [{"s1": 0.5}], DSC)
    assert pairs.warnings == ("excluded, not scored in B: s2",)


@pytest.mark.parametrize(
    ("largest", "resolution"), [(0.0, 1e-9), (0.4, 1e-9), (1.0, 1e-9), (80.0, 1e-7), (100.0, 1e-7), (300.0, 1e-6)]
)
def test_nine_digits_count(largest, resolution):
    pairs = pair([{"x": largest}], [{"x": 0.0}], find_metric("volume"))
    assert pairs.resolution == pytest.approx(resolution)


def test_steps_are_the_differences_rounded_to_nine_digits():
    rng = np.random.default_rng(0)
    a, b = ({str(place): value for place, value in enumerate(rng.uniform(size=50).tolist())} for _ in range(2))
    pairs = pair([a], [b], DSC)
    assert (pairs.steps_N / 1e9).tolist() == pytest.approx(np.round(pairs.diff_N, 9).tolist(), abs=1e-16)
    assert pair([{"x": 0.3}], [{"x": 0.1 + 0.2}], DSC).steps_N.tolist() == [0]


def test_many_cases_are_paired_in_time():
    scores = {f"{number:05}": 0.5 for number in range(20_000)}
    start = time.perf_counter()
    assert len(pair([scores], [scores], DSC).case_ids) == 20_000
    assert time.perf_counter() - start < 2.0, "it grows with the cases, not with their square"


def test_one_id_in_two_unicode_forms_is_one_case():
    pairs = pair([{"M\u00fcller": 0.1, "b": 0.2}], [{"Mu\u0308ller": 0.4, "b": 0.2}], DSC)
    assert (pairs.case_ids, pairs.excluded) == (("M\u00fcller", "b"), ())
    with pytest.raises(BadInput, match="M\u00fcller is there twice, in two Unicode forms"):
        pair([{"M\u00fcller": 0.1, "Mu\u0308ller": 0.2}], [{"M\u00fcller": 0.1}], DSC)


def test_facts_of_the_cases_are_joined_in_either_unicode_form():
    composed, decomposed = [f"M\u00fcller{place}" for place in range(6)], [f"Mu\u0308ller{place}" for place in range(6)]
    result = paired_comparison(
        {case_id: 0.1 * place for place, case_id in enumerate(composed)},
        {case_id: 0.1 * place + 0.01 * place**2 for place, case_id in enumerate(decomposed)},
        ivh=dict.fromkeys(decomposed[:3], "yes") | dict.fromkeys(decomposed[3:], "no"),
        folds_a={case_id: place % 2 for place, case_id in enumerate(decomposed)},
        folds_b={case_id: place % 2 for place, case_id in enumerate(composed)},
        patients=dict.fromkeys(decomposed[:2], "A") | {decomposed[2]: "Zoe\u0308", composed[3]: "Zo\u00eb"},
    )
    assert (result.n, result.excluded) == (6, ())
    assert [group.n for group in result.groups] == [3, 3]
    assert result.folds is not None
    assert result.patients.shared == ((composed[0], composed[1]), (composed[2], composed[3]))
