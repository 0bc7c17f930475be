"""A scan beside a cohort whose ranges are given: told outside of them by a quarter, and by what matters at all."""

import pytest

from hemosweep.prediction.unlike import COMPARED, Unlike, unlike_cohort, unlike_line

COHORT = (("volume_ml", 1200.0, 1600.0), ("slice_mm", 5.0, 5.0), ("hu_median", 28.0, 34.0), ("bone_share", 0.0, 0.004))


@pytest.mark.parametrize(
    ("numbers", "names"),
    [
        ({"volume_ml": 1400.0, "slice_mm": 5.0, "hu_median": 30.0, "bone_share": 0.001}, []),
        ({"volume_ml": 1051.0}, []),  # the range has 400 mL, but 150 are never told
        ({"volume_ml": 1049.0}, ["brain mask"]),
        ({"volume_ml": 1751.0}, ["brain mask"]),
        ({"slice_mm": 5.4}, []),
        ({"slice_mm": 1.0, "hu_median": 20.0}, ["slice step", "median in the brain"]),
        ({"bone_share": 0.1}, ["share above 95 HU in it"]),
        ({"hu_p95": 300.0}, []),  # the cohort does not say
    ],
)
def test_what_lies_far_outside_the_range_is_told(numbers: dict[str, float], names: list[str]) -> None:
    assert [one.name for one in unlike_cohort(numbers, COHORT)] == names


def test_a_wide_cohort_allows_a_quarter_of_its_range() -> None:
    wide = (("volume_ml", 800.0, 2000.0),)
    assert unlike_cohort({"volume_ml": 501.0}, wide) == []
    assert unlike_cohort({"volume_ml": 499.0}, wide) == [
        Unlike(name="brain mask", unit="mL", scan=499.0, cohort_low=800.0, cohort_high=2000.0)
    ]


def test_one_line_names_each_value_and_the_cohort_s() -> None:
    line = unlike_line(unlike_cohort({"volume_ml": 743.2, "bone_share": 0.138}, COHORT))
    assert line == (
        "this scan is unlike the training cohort: brain mask 743 mL (cohort 1,200 to 1,600), share above 95 HU in it "
        "13.8 % (cohort 0 to 0.4); expect worse results than the run's scores"
    )


def test_a_number_is_compared_once() -> None:
    assert len({one.key for one in COMPARED}) == len(COMPARED)
