"""The choice among the series of a study, and the reasons that are told for it."""

from pathlib import Path

import numpy as np
import pytest

from hemosweep.data.nifti import read_volume
from hemosweep.importers.dicom import import_dicom
from hemosweep.importers.dicom_study import Choice, Take, choose, find_studies
from tests.dicom_files import PLANTED, head_HW, write_enhanced, write_series, write_slice

THICK, THIN = (0.0, 5.0, 10.0, 15.0, 20.0), tuple(2.0 * index for index in range(11))
NOTHING = {"StudyDescription": None, "SeriesDescription": None, "ProtocolName": None}


def choice(folder: Path) -> Choice:
    (group,) = find_studies(folder).cases.values()
    return choose(group)


def told(folder: Path) -> list[tuple[str, str]]:
    return [(one.take.value, one.reason) for one in choice(folder).decisions]


@pytest.mark.parametrize(
    ("tags", "doubt"),
    [
        ({"SeriesDescription": "Head 5mm"}, ""),
        ({"BodyPartExamined": "HEAD"}, ""),
        ({"SeriesDescription": "Head 5mm", "BodyPartExamined": "CHEST"},
         "its description says head, but its body-part tag names another part"),
        ({"ProtocolName": "Kopf nativ", "BodyPartExamined": "ABDOMEN"},
         "its protocol says head, but its body-part tag names another part"),
        ({"StudyDescription": "CT BRAIN W/O", "BodyPartExamined": "CHEST"},
         "its study's description says head, but its body-part tag names another part"),
        ({"StudyDescription": "CT BRAIN W/O", "BodyPartExamined": ""}, ""),
        ({"RequestedProcedureDescription": "CT cerebrale"}, ""),
        ({}, "nothing in its header says which part of the body it shows"),
        ({"BodyPartExamined": "OTHER"}, "nothing in its header says which part of the body it shows"),
    ],
)  # fmt: skip
def test_a_head_is_taken_and_told_where_the_header_is_in_doubt(
    tmp_path: Path, tags: dict[str, str], doubt: str
) -> None:
    write_series(tmp_path, **{**NOTHING, **tags})
    ((take, reason),) = told(tmp_path)
    assert (take, reason) == ("ct", "is the only plain head CT" + (doubt and f"; {doubt}"))
    warnings = (f"the CT is taken for one of the head: {doubt}",) if doubt else ()
    assert choice(tmp_path).warnings == warnings


@pytest.mark.parametrize(
    ("tags", "by"),
    [
        ({"BodyPartExamined": "CHEST"}, "its body-part tag"),
        ({"BodyPartExamined": "CSPINE"}, "its body-part tag"),
        ({"BodyPartExamined": "CHEST", "StudyDescription": "Stroke work-up"}, "its body-part tag"),
        ({"BodyPartExamined": "CHEST", "StudyDescription": "Polytrauma: head, chest, abdomen"}, "its body-part tag"),
        ({"SeriesDescription": "Thorax 5mm"}, "its description"),
        ({"SeriesDescription": "C-Spine 2mm", "BodyPartExamined": "HEAD"},
         "its description; its body-part tag says head"),
        ({"ProtocolName": "Abdomen", "StudyDescription": "CT head"}, "its protocol"),
        ({"StudyDescription": "CT abdomen"}, "its study's description"),
    ],
)  # fmt: skip
def test_another_part_of_the_body_is_left_out_with_what_says_so(tmp_path: Path, tags: dict[str, str], by: str) -> None:
    write_series(tmp_path, **{**NOTHING, **tags})
    assert told(tmp_path) == [("out", f"shows another part of the body ({by})")]


def test_a_series_that_surely_shows_the_head_is_better_than_one_in_doubt(tmp_path: Path) -> None:
    write_series(tmp_path, THICK, series=1, SeriesDescription="Head", BodyPartExamined="CHEST")
    write_series(tmp_path, THIN, series=2, SeriesDescription="Head", BodyPartExamined="HEAD")
    assert told(tmp_path) == [
        ("out", "would do as well as 2, but it is less sure that it shows the head"),
        ("ct", "is the best of 2 plain head CTs: it is surer that it shows the head"),
    ]


def test_each_criterion_is_told(tmp_path: Path) -> None:
    write_series(tmp_path, THICK, series=1, ConvolutionKernel="BONE")
    write_series(tmp_path, THIN, series=2)
    write_series(tmp_path, THICK, series=3)
    write_series(tmp_path, (*THICK, 25.0), series=4)
    write_series(tmp_path, (*THICK, 25.0), series=5)
    write_series(tmp_path, (0.0, 0.5, 1.0, 1.5), series=6)
    assert told(tmp_path) == [
        ("out", "would do as well as 4, but its kernel is for bone"),
        ("out", "would do as well as 4, but its slices are thinner"),
        ("out", "would do as well as 4, but it has fewer slices"),
        ("ct", "is the best of 5 plain head CTs: it comes first"),
        ("out", "would do as well as 4, but it comes later"),
        ("out", "covers only 1.5 mm: a repeat of a few slices"),
    ]


def test_an_angiography_of_the_neck_is_one_and_a_chest_with_contrast_is_none(tmp_path: Path) -> None:
    write_series(tmp_path, THICK, series=1, SeriesDescription="Head")
    write_series(tmp_path, THIN, series=2, SeriesDescription="Thorax", ContrastBolusAgent="Iomeron")
    write_series(tmp_path, THICK, series=3, SeriesDescription="CTA carotids")
    assert told(tmp_path) == [
        ("ct", "is the only plain head CT"),
        ("out", "has contrast (an agent is named) and shows another part of the body (its description)"),
        ("cta", "has contrast (its description says angiography or perfusion)"),
    ]


def test_without_a_plain_head_ct_there_is_no_angiography_either(tmp_path: Path) -> None:
    write_series(tmp_path, THICK, series=1, SeriesDescription="CTA head")
    assert choice(tmp_path).series(Take.CTA) is None
    assert told(tmp_path) == [("out", "has contrast (its description says angiography or perfusion)")]


def test_an_import_tells_each_decision_with_its_reason_once_for_studies_that_are_alike(tmp_path: Path) -> None:
    for study in (1, 2):
        options = {"study": study, "patient": f"MRN-{study}"}
        write_series(tmp_path / "in" / str(study), THICK, series=1, **options)
        write_series(tmp_path / "in" / str(study), THIN, series=2, ContrastBolusAgent="Dr^House's own", **options)
        write_series(tmp_path / "in" / str(study), (0.0,), series=3, **options)
        write_series(tmp_path / "in" / str(study), (0.0,), series=4, **options)
    write_series(tmp_path / "in" / "3", THICK, study=3, patient="3")
    summary = import_dicom(tmp_path / "in", tmp_path / "out")
    assert len(summary.written) == 3
    (note,) = summary.notes
    assert note.startswith("2 of 3 cases (sub-00")
    assert note.endswith(
        "): its 4 series: 1 ct (is the only plain head CT); 2 cta (has contrast (an agent is named)); "
        "3, 4 out (has only 1 slice)"
    )
    assert note in (tmp_path / "out" / "dataset_description.json").read_text(encoding="utf-8")
    assert not any(name in note for name in PLANTED)


def test_of_two_scans_in_one_series_the_first_is_taken_and_the_other_can_be(tmp_path: Path) -> None:
    for scan in (0, 1):
        for index, z in enumerate(THICK):
            hu_HW = head_HW()
            hu_HW[9, 9] = 55 + scan
            path = tmp_path / "in" / f"{scan}{index}.dcm"
            write_slice(path, hu_HW, position=(0.0, 0.0, z), instance=index + 1, AcquisitionNumber=scan + 1)
    summary = import_dicom(tmp_path / "in", tmp_path / "out")
    assert summary.warnings["sub-001"] == (
        "series 1 of 2 is taken; 2 would do as well (import the study alone with --series)",
        "its series holds 2 scans in one place, which are told apart by their acquisition number: this is number 1",
    )
    import_dicom(tmp_path / "in", tmp_path / "other", series=2)
    for out, hu in (("out", 55), ("other", 56)):
        volume = read_volume(tmp_path / out / "sub-001" / "ct" / "sub-001_ct.nii.gz")
        np.testing.assert_array_equal(volume.array_DHW[:, 15 - 9, 15 - 9], hu)


def test_an_enhanced_object_becomes_a_case(tmp_path: Path) -> None:
    write_enhanced(tmp_path / "in" / "Doe_Jane.dcm", THICK)
    summary = import_dicom(tmp_path / "in", tmp_path / "out")
    assert (summary.written, summary.warnings, summary.notes) == (("sub-001",), {}, ())
    volume = read_volume(tmp_path / "out" / "sub-001" / "ct" / "sub-001_ct.nii.gz")
    np.testing.assert_array_equal(volume.array_DHW[:, 10, 9], [0, 10, 20, 30, 40])
