"""The page of a prepared cohort: who comes first, what it says, and that it is one file of a modest size."""

import re

import numpy as np
import pytest

from hemosweep.preprocessing.mask_findings import LOOK_AT_IT
from hemosweep.preprocessing.overview import Overview
from hemosweep.report.document.cohort_page import cohort_page
from hemosweep.report.suspicion import by_suspicion

NUMBERS = {"volume_ml": 1400.0, "bone_share": 0.01, "asymmetry": 0.02, "holes_ml": 0.0, "symmetric_residual_hu": 8.0}


def overview(size=(120, 100), **numbers):
    noise = np.random.default_rng(0).integers(0, 215, size, dtype=np.uint8)
    return Overview(numbers=NUMBERS | numbers, views=(np.stack([noise, np.zeros_like(noise)]),) * 4)


@pytest.fixture
def cohort():
    """Six cases, whose masks have 1,300 to 1,500 mL; `e` is like the others in everything but bone."""
    volumes = dict(zip("abcdef", (1300, 1350, 1400, 1400, 1450, 1500), strict=True))
    cases = {case_id: overview(volume_ml=float(ml)) for case_id, ml in volumes.items()}
    cases["e"] = overview(volume_ml=1450.0, bone_share=0.14)
    return cases


def order(suspects):
    return [suspect.case_id for suspect in suspects]


def test_warnings_come_before_odd_numbers_and_odd_numbers_before_the_rest(cohort):
    suspects = by_suspicion(cohort, {"f": ("cut off",), "b": ("cut off", "holes")})
    assert order(suspects)[:3] == ["b", "f", "e"]
    # Bone: the median is 1%, all agree, so 13% count in units of 0.3%.
    assert suspects[2].z["bone_share"] == pytest.approx(0.13 / 0.003)
    # Volume: the median is 1,400, and the median distance from it 50 mL, times 1.4826.
    assert by_suspicion(cohort, {})[1].z["volume_ml"] == pytest.approx(100 / (1.4826 * 50))


def test_a_residual_that_is_lower_than_the_others_is_not_odd(cohort):
    cohort["a"] = overview(symmetric_residual_hu=1.0)
    assert by_suspicion(cohort, {})[-1].oddest < 1.0
    (a,) = (one for one in by_suspicion(cohort, {}) if one.case_id == "a")
    assert a.oddest == 0.0


def test_four_cases_have_no_median_to_be_far_from(cohort):
    few = {case_id: cohort[case_id] for case_id in "bcef"}
    assert order(by_suspicion(few, {"c": ("holes",)})) == ["c", "b", "e", "f"]


def test_a_warning_that_every_case_has_is_told_once_and_counts_for_none(cohort):
    warnings = {case_id: ("CT is clipped",) for case_id in cohort} | {"c": ("CT is clipped", f"holes; {LOOK_AT_IT}")}
    page = cohort_page(cohort, warnings, {})
    assert page.count("CT is clipped") == 1
    assert "<li>holes</li>" in page, "who reads the page is not sent to it"
    assert re.findall(r'<th scope="row">(\w)</th>', page)[:2] == ["c", "e"]
    assert "6 cases, 2 with a warning or" in re.sub(r"\s+", " ", page)


def test_a_case_that_failed_is_named_and_markup_in_texts_is_none(cohort):
    page = cohort_page(cohort, {"a": ("<b>odd</b>",)}, {"z": "case z: no head <i>"})
    assert "case z: no head &lt;i&gt;" in page
    assert "&lt;b&gt;odd&lt;/b&gt;" in page


def test_columns_that_no_case_has_are_left_out(cohort):
    assert "CTA, HU" not in cohort_page(cohort, {}, {})
    assert "CTA, HU" in cohort_page(cohort | {"g": overview(cta_residual_hu=12.0)}, {}, {})


def test_a_hundred_cases_fit_into_eight_megabytes_and_fetch_nothing():
    # Noise is what a picture of this size needs most bytes for; 220 by 190 pixels are a head of 200 by 170 mm.
    one = overview(size=(220, 190))
    smooth = Overview(numbers=one.numbers, views=tuple((view // 8 + 90).astype(np.uint8) for view in one.views))
    page = cohort_page({f"sub-{number:03d}": smooth for number in range(5)}, {}, {})
    assert len(page) * 20 < 8e6
    assert not re.search(r'(?:src|href)="(?!data:)', page)
