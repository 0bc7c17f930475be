import pytest

from hemosweep.errors import BadInput
from hemosweep.scores.metric import MetricDescription, check_range
from hemosweep.stats import DSC, METRICS, find_metric


def test_an_unknown_metric_has_no_bounds_and_no_better_direction():
    metric = find_metric("froc")
    assert (metric.name, metric.label, metric.higher_is_better) == ("froc", "froc", None)
    check_range("A", {"s1": -4.0, "s2": 700.0}, metric)


@pytest.mark.parametrize(
    ("name", "difference", "text"),
    [
        ("dsc", 0.0312, "+0.031 DSC"),
        ("dsc", -0.2, "-0.200 DSC"),
        ("dsc", 0.0003, "+0.0003 DSC"),
        ("dsc", -1e-17, "+0.000 DSC"),
        ("hd95_mm", -3.21, "-3.21 mm HD95"),
        ("volume_difference_ml", 12.3, "+12.3 mL volume difference"),
        ("froc", 1.0, "+1 froc"),
    ],
)
def test_a_difference_reads_with_its_unit(name, difference, text):
    assert find_metric(name).text(difference) == text


def test_lower_is_better_turns_a_difference_into_a_loss():
    assert METRICS["hd95_mm"].gain(2.0) == -2.0
    assert DSC.gain(0.1) == 0.1
    assert METRICS["volume_difference_ml"].gain(2.0) == 2.0


def test_every_value_outside_the_range_is_named():
    with pytest.raises(BadInput, match=r"B: DSC outside \[0, 1\] in s1 \(-0.1\), s3 \(1.01\); score these cases again"):
        check_range("B", {"s1": -0.1, "s2": 0.5, "s3": 1.01, "s4": 1.0, "s5": 0.0}, DSC)


def test_percent_is_recognised_and_not_all_of_its_cases_are_listed():
    with pytest.raises(BadInput, match=r"in s00 \(50\), .*, s09 \(59\), and 10 more cases; looks like percent, divide"):
        check_range("A", {f"s{place:02}": 50.0 + place for place in range(20)}, DSC)
    for looks_like_it, scores in (
        (True, [0.0, 50.0]),
        (True, [2.0]),
        (True, [100.0]),
        (False, [1.9]),
        (False, [101.0]),
    ):
        with pytest.raises(BadInput) as caught:
            check_range("A", {f"s{place}": score for place, score in enumerate(scores)}, DSC)
        assert ("percent" in str(caught.value)) == looks_like_it, scores
    with pytest.raises(BadInput) as caught:
        check_range("A", {"s1": 50.0, "s2": -1.0}, DSC)
    assert "percent" not in str(caught.value)
    with pytest.raises(BadInput) as caught:
        check_range("A", {"s1": -50.0}, METRICS["hd95_mm"])
    assert "percent" not in str(caught.value)


def test_rounding_beyond_a_bound_passes_and_what_is_more_does_not():
    check_range("A", {"s1": 1.0 + 1e-9, "s2": -1e-9}, DSC)
    for score in (1.0 + 1.1e-8, -1.1e-8):
        with pytest.raises(BadInput, match="outside"):
            check_range("A", {"s1": score}, DSC)


def test_values_whose_squares_overflow_are_too_large_where_there_is_no_bound():
    check_range("A", {"s1": 1e100, "s2": -1e100}, METRICS["volume_difference_ml"])
    with pytest.raises(BadInput, match=r"A: volume difference too large to compute with in s1 \(1e\+101\), s3 \(-2e\+"):
        check_range("A", {"s3": -2e100, "s1": 1e101, "s2": 3.0}, METRICS["volume_difference_ml"])
    with pytest.raises(BadInput, match=r"A: DSC outside \[0, 1\] in s1 \(1e\+101\)"):
        check_range("A", {"s1": 1e101}, DSC)


def test_a_distance_cannot_be_negative_and_has_no_upper_bound():
    check_range("A", {"s1": 512.0}, METRICS["hd95_mm"])
    with pytest.raises(BadInput, match=r"A: HD95 below 0 in s1 \(-2\)"):
        check_range("A", {"s1": -2.0}, METRICS["hd95_mm"])


def test_values_that_do_not_exist_are_in_every_range():
    check_range("A", {"s1": float("nan"), "s2": float("inf")}, DSC)


@pytest.mark.parametrize(("num_cases", "named", "rest"), [(9, 9, ""), (10, 10, ""), (11, 10, ", and 1 more cases")])
def test_of_scores_in_percent_ten_are_named_and_the_others_counted(num_cases, named, rest):
    scores = {f"s{number:02}": 50.0 for number in range(num_cases)}
    text = ", ".join(f"s{number:02} (50)" for number in range(named))
    with pytest.raises(BadInput) as refused:
        check_range("A", scores, DSC)
    assert str(refused.value) == f"A: DSC outside [0, 1] in {text}{rest}; looks like percent, divide by 100"


def test_a_description_in_json_says_what_is_not_the_default():
    assert MetricDescription(name="froc", label="FROC").as_json() == {"label": "FROC"}
    assert METRICS["hd95_mm"].as_json() == {"label": "HD95", "unit": "mm", "higher_is_better": False, "lowest": 0.0}
    assert METRICS["reference_ml"].as_json()["averaged"] is False


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("dsc", 0.0312, "0.031"),
        ("dsc", 0.0, "0.000"),
        ("dsc", 1e-10, "0.000"),
        ("dsc", 0.0004, "0.0004"),
        ("hd95_mm", 12.345, "12.3"),
        ("hd95_mm", 0.0, "0"),
        ("hd95_mm", 1234.5, "1.23e+03"),
    ],
)
def test_a_score_has_its_usual_number_of_digits(name, value, text):
    assert METRICS[name].number(value) == text
