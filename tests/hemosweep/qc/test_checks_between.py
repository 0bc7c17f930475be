"""Problems of cases that are seen beside each other."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hemosweep.arrays import Spacing
from hemosweep.data.case import Case
from hemosweep.data.nifti import to_ras
from hemosweep.qc.between import (
    duplicate_problems,
    missing_angiography_problems,
    outlier_problems,
    shared_patient_problems,
    thin_slice_problems,
)
from hemosweep.qc.case import Examined, content_digest
from hemosweep.qc.problem import CheckReport, Problem
from hemosweep.qc.texture import MIN_TEXTURE_CORRELATION, same_scans, texture


def brain(seed: int, num_slices: int = 8) -> NDArray[np.float32]:
    """Noise of sd 4 about 30 HU; a bone rim that all have in one place."""
    hu_DHW = np.random.default_rng(seed).normal(30.0, 4.0, (num_slices, 60, 64))
    hu_DHW[:, :6] = 1000.0
    return np.round(hu_DHW).astype(np.float32)


def seen(
    number: int,
    hu_DHW: NDArray[np.float32],
    *,
    patient_id: str | None = None,
    spacing_DHW_mm: Spacing = (5.0, 0.5, 0.5),
    has_cta: bool = False,
) -> Examined:
    case_id = f"sub-{number}"
    case = Case(
        case_id=case_id,
        patient_id=patient_id or f"P{number}",
        ivh=None,
        ct_path=f"{case_id}_ct.nii.gz",
        lesion_path=None,
        cta_path="x" if has_cta else None,
    )
    return Examined(
        case=case,
        problems=(),
        shape_DHW=hu_DHW.shape,
        spacing_DHW_mm=spacing_DHW_mm,
        content=content_digest(hu_DHW),
        texture_DK=texture(hu_DHW),
    )


def told(problems) -> list[tuple[str, str, str]]:
    return [(problem.case_id, problem.kind, problem.severity) for problem in problems]


def test_different_scans_of_one_scanner_are_not_taken_for_each_other():
    assert list(duplicate_problems([seen(number, brain(number)) for number in range(30)])) == []


@pytest.mark.parametrize(
    ("change", "wording"),
    [
        (lambda hu: hu.copy(), "the CT is that of sub-1"),
        (lambda hu: np.clip(hu, -20.0, 100.0), "image noise"),
        (lambda hu: hu[2:-1], "image noise"),
        (lambda hu: np.round(np.clip(hu, 0.0, 80.0) * 255 / 80) * 80 / 255, "image noise"),
    ],
    ids=["copy", "windowed", "fewer slices", "8 bit"],
)
def test_one_scan_under_two_patients_is_an_error_of_the_later_case(change, wording):
    hu_DHW = brain(1)
    problems = list(duplicate_problems([seen(1, hu_DHW), seen(2, brain(2)), seen(3, change(hu_DHW))]))
    assert told(problems) == [("sub-3", "patient-under-two-ids", "error")]
    assert wording in problems[0].message
    assert "sub-1; keep one of the two" in problems[0].message


def test_one_scan_twice_within_a_patient_is_a_warning():
    hu_DHW = brain(1)
    problems = duplicate_problems([seen(1, hu_DHW, patient_id="P"), seen(2, hu_DHW, patient_id="P")])
    assert told(problems) == [("sub-2", "duplicate-image", "warning")]


def test_no_patient_id_is_told():
    hu_DHW = brain(1)
    both = [seen(1, hu_DHW, patient_id="JANE"), seen(2, hu_DHW, patient_id="DOE"), seen(3, brain(3), patient_id="DOE")]
    problems = [*duplicate_problems(both), *shared_patient_problems(both)]
    assert told(problems) == [("sub-2", "patient-under-two-ids", "error"), ("", "several-scans", "info")]
    assert "sub-2, sub-3" in problems[1].message
    assert not any(name in problem.message for problem in problems for name in ("JANE", "DOE"))


def test_content_does_not_depend_on_orientation_or_type_on_disk():
    hu_DHW = brain(1)
    upright = to_ras(hu_DHW.transpose(2, 1, 0).astype(np.int16), np.diag([0.5, 0.5, 5.0, 1.0]))
    flipped = to_ras(hu_DHW.transpose(2, 1, 0)[::-1, ::-1], np.diag([-0.5, -0.5, 5.0, 1.0]))
    digests = {content_digest(volume.array_DHW.astype(np.float32)) for volume in (upright, flipped)}
    assert digests == {content_digest(hu_DHW)}
    assert content_digest(brain(2)) not in digests


def test_correlation_of_textures_is_that_of_the_noise():
    a_DHW, b_DHW = brain(1, 20), brain(2, 20)
    mixed_DHW = a_DHW.copy()
    mixed_DHW[:, 6:] = 30.0 + 0.8 * (a_DHW - 30.0)[:, 6:] + 0.6 * (b_DHW - 30.0)[:, 6:]
    ((earlier, later, correlation),) = same_scans([texture(a_DHW), texture(mixed_DHW)])
    assert (earlier, later) == (0, 1)
    assert correlation == pytest.approx(0.8, abs=0.06)
    assert correlation > MIN_TEXTURE_CORRELATION


def test_slices_without_soft_tissue_say_nothing():
    air_DHW = np.full((8, 60, 64), -1000.0, dtype=np.float32)
    assert not texture(air_DHW).any()
    assert same_scans([texture(air_DHW), texture(air_DHW)]) == []


def test_missing_angiography_is_told_where_others_have_one():
    none = [seen(number, brain(number)) for number in (1, 2)]
    assert list(missing_angiography_problems(none)) == []
    some = [*none, seen(3, brain(3), has_cta=True)]
    assert told(missing_angiography_problems(some)) == [
        ("sub-1", "missing-angiography", "info"),
        ("sub-2", "missing-angiography", "info"),
    ]


def test_outliers_need_distance_from_median_and_from_the_spread():
    texts = {}
    for slice_mm in (5.9, 6.1):  # 18% and 22% off
        sizes = [5.0, 5.0, 5.0, 5.0, slice_mm]
        texts[slice_mm] = [
            problem.message
            for problem in outlier_problems(
                [seen(n, brain(n), spacing_DHW_mm=(mm, 0.5, 0.5)) for n, mm in enumerate(sizes)]
            )
        ]
    assert texts == {5.9: [], 6.1: ["slice step 6.1 mm, the data set's median is 5 mm; look at it"]}
    spread = [3.0, 4.0, 5.0, 6.0, 9.0]  # median 5, absolute deviations 2 1 0 1 4: their median is 1
    assert (
        list(outlier_problems([seen(n, brain(n), spacing_DHW_mm=(mm, 1.0, 1.0)) for n, mm in enumerate(spread)])) == []
    )


def test_outliers_of_pixel_size_and_slice_count_name_their_cases():
    cohort = [seen(n, brain(n)) for n in range(6)]
    cohort[2] = seen(2, brain(2), spacing_DHW_mm=(5.0, 0.5, 0.8))
    cohort[4] = seen(4, brain(4, 13))
    cohort[5] = seen(5, brain(5, 64), spacing_DHW_mm=(0.6, 0.5, 0.5))
    assert told(outlier_problems(cohort)) == [
        ("sub-5", "spacing-outlier", "warning"),
        ("sub-2", "spacing-outlier", "warning"),
        ("sub-4", "slice-count-outlier", "warning"),
    ]


def test_four_cases_have_no_outliers():
    assert list(outlier_problems([seen(n, brain(n), spacing_DHW_mm=(float(1 + n), 1.0, 1.0)) for n in range(4)])) == []


def test_a_data_set_of_thin_slices_is_told_with_the_way_to_thicker_ones():
    def cohort(*steps_mm):
        return [seen(n, brain(n), spacing_DHW_mm=(mm, 0.5, 0.5)) for n, mm in enumerate(steps_mm)]

    assert list(thin_slice_problems(cohort(1.26, 1.5, 5.0))) == []
    (problem,) = thin_slice_problems(cohort(1.0, 1.25 + 1e-6, 1.0, 5.0))
    assert (problem.case_id, problem.kind, problem.severity) == ("", "thin-slices", "info")
    assert problem.message.startswith("slices of 1 mm (3 of 4 cases): 16 slices of a patch show 16 mm of a head, ")
    assert problem.message.endswith("set spacing_HWD_mm in a sweep of your own (hemosweep docs ablation)")


def test_rows_share_what_is_said_of_several_cases():
    def problem(case_id, kind, severity, message):
        return Problem(case_id=case_id, kind=kind, severity=severity, message=message)

    report = CheckReport(
        case_ids=("a", "b", "c", "d", "e"),
        trainable_ids=("a", "b", "c", "d"),
        problems=(
            problem("a", "tilt", "info", "tilt of 3 degrees"),
            problem("b", "tilt", "info", "tilt of 9 degrees"),
            *(problem(case_id, "odd-values", "warning", "clipped") for case_id in "abcde"),
            problem("e", "mask-empty", "error", "empty"),
            problem("", "unlisted-folder", "warning", "sub-9"),
            problem("", "several-scans", "info", "a, b"),
            problem("", "several-scans", "info", "c, d"),
        ),
    )
    assert report.as_rows() == [
        ("error", "mask-empty", "e", "empty"),
        ("warning", "odd-values", "a, b, c, d and 1 more", "clipped"),
        ("warning", "unlisted-folder", "", "sub-9"),
        ("info", "tilt", "a, b", "tilt of 3 degrees (a; others likewise)"),
        ("info", "several-scans", "", "a, b (and 1 more like it)"),
    ]
    assert report.as_lines() == ["5 cases: 4 usable, 1 not", "1 error, 6 warnings, 4 infos"]
