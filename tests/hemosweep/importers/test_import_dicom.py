import csv
import gzip
import logging
import stat
from pathlib import Path

import numpy as np
import pytest

from hemosweep.data.manifest import read_participants
from hemosweep.data.nifti import read_volume
from hemosweep.errors import BadInput
from hemosweep.importers.dicom import import_dicom
from hemosweep.importers.writer import ImportSummary
from tests.dicom_files import PLANTED, UID_ROOT, head_HW, write_series, write_slice

THICK = (0.0, 5.0, 10.0, 15.0, 20.0)
THIN = tuple(2.0 * index for index in range(11))


def ct_spacing_mm(out: Path, case_id: str = "sub-001", suffix: str = "ct") -> float:
    return read_volume(out / case_id / "ct" / f"{case_id}_{suffix}.nii.gz").spacing_DHW_mm[0]


def told(summary: ImportSummary) -> str:
    return "\n".join([*summary.notes, *summary.failures.values(), *(t for ts in summary.warnings.values() for t in ts)])


def test_each_study_becomes_a_case_and_each_patient_keeps_an_id(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    for study, patient in ((1, "MRN-1"), (2, "MRN-2"), (3, "MRN-1")):
        write_series(source / f"Doe{study}" / "ct", THICK, patient=patient, study=study)
    calls: list[tuple[int, int]] = []
    summary = import_dicom(source, out, progress=lambda done, total: calls.append((done, total)))
    assert summary.written == ("sub-001", "sub-002", "sub-003")
    assert not summary.failures
    assert calls[-1] == (3, 3)
    cases = read_participants(out)
    patients = [case.patient_id for case in cases]
    assert patients[0] == "P001"
    assert sorted(patients) in (["P001", "P001", "P002"], ["P001", "P002", "P002"])
    assert all(case.ivh is None and case.lesion_path is None and case.cta_path is None for case in cases)
    stored = read_volume(cases[0].ct_path)
    assert stored.array_DHW.dtype == np.int16
    np.testing.assert_array_equal(stored.array_DHW[:, 10, 9], [0, 10, 20, 30, 40])


def test_one_series_folder_is_a_data_set_of_one(tmp_path: Path) -> None:
    write_series(tmp_path / "in")
    summary = import_dicom(tmp_path / "in", tmp_path / "out")
    assert summary.written == ("sub-001",)
    assert not summary.warnings


def test_thick_soft_original_slices_of_the_head_are_taken(tmp_path: Path) -> None:
    source = tmp_path / "in"
    write_series(source, THIN, series=1)
    write_series(source, THICK, series=2, ConvolutionKernel="H70h")
    write_series(source, THICK, series=3, ConvolutionKernel="H31s", ContrastBolusAgent="NONE")
    write_series(source, THICK, series=4, ImageType=["DERIVED", "SECONDARY", "MPR"])
    write_series(source, (0.0, 10.0, 20.0, 30.0), series=5, BodyPartExamined="CHEST")
    write_series(source, (0.0, 9.0, 18.0, 27.0), series=6, ContrastBolusAgent="Iomeron by Dr^House")
    write_series(source, (0.0, 6.0, 12.0), series=7)
    write_series(source, (0.0, 0.5, 1.0, 1.5), series=8)  # a repeat of a few slices
    summary = import_dicom(source, tmp_path / "out")
    assert summary.warnings["sub-001"][0] == (
        "series 3 of 8 is taken; 1, 2 would do as well (import the study alone with --series)"
    )
    assert ct_spacing_mm(tmp_path / "out") == 5.0
    assert ct_spacing_mm(tmp_path / "out", suffix="cta") == 9.0


@pytest.mark.parametrize(("number", "spacing_mm"), [(1, 2.0), (4, 6.0)])
def test_any_readable_series_of_one_study_can_be_asked_for(tmp_path: Path, number: int, spacing_mm: float) -> None:
    write_series(tmp_path / "in", THIN, series=1)
    write_series(tmp_path / "in", THICK, series=2)
    write_series(tmp_path / "in", (0.0, 5.0), series=3)
    write_series(tmp_path / "in", (0.0, 6.0, 12.0, 18.0), series=4, ImageType=["DERIVED", "PRIMARY", "AXIAL"])
    import_dicom(tmp_path / "in", tmp_path / "out", series=number)
    assert ct_spacing_mm(tmp_path / "out") == spacing_mm
    with pytest.raises(BadInput, match="--series 5: the study has series 1 to 4"):
        import_dicom(tmp_path / "in", tmp_path / "other", series=5)
    summary = import_dicom(tmp_path / "in", tmp_path / "third", series=3)
    assert summary.failures == {"sub-001": "case sub-001: series 3 of 4: has only 2 slices"}


def test_a_series_number_is_refused_for_several_studies(tmp_path: Path) -> None:
    for study in (1, 2):
        write_series(tmp_path / "in" / str(study), study=study)
    with pytest.raises(BadInput, match="--series 1: counts the series of one study, but there are 2"):
        import_dicom(tmp_path / "in", tmp_path / "out", series=1)


@pytest.mark.parametrize(
    "tags",
    [
        {"ContrastBolusAgent": "Ultravist"},
        {"SeriesDescription": "Head CTA 0.75"},
        {"SeriesDescription": "", "ProtocolName": "AngioHead"},
    ],
    ids=["agent", "description", "protocol"],
)
def test_the_series_with_contrast_and_most_slices_is_the_angiography(tmp_path: Path, tags: dict[str, str]) -> None:
    write_series(tmp_path / "in", THICK, series=1)
    write_series(tmp_path / "in", (0.0, 4.0, 8.0, 12.0), series=2, **tags)
    write_series(tmp_path / "in", THIN, series=3, **tags)
    summary = import_dicom(tmp_path / "in", tmp_path / "out")
    assert ct_spacing_mm(tmp_path / "out") == 5.0
    assert ct_spacing_mm(tmp_path / "out", suffix="cta") == 2.0
    assert summary.warnings["sub-001"] == ("angiography: series 3 of 3 is taken; 2 have contrast, too",)


@pytest.mark.parametrize("text", ["octane", "SubtractaHead", "Kopf nativ"])
def test_plain_descriptions_are_not_taken_for_angiography(tmp_path: Path, text: str) -> None:
    write_series(tmp_path / "in", SeriesDescription=text)
    assert import_dicom(tmp_path / "in", tmp_path / "out").written == ("sub-001",)


@pytest.mark.parametrize(
    "agent",
    ["NO CONTRAST", "NONE GIVEN", "None", "W/O", "wo", "without", "no iv", "-", "0", "N/A", "ohne KM", "IV: none"],
)
def test_an_agent_that_is_denied_is_no_contrast(tmp_path: Path, agent: str) -> None:
    write_series(tmp_path / "in", THICK, ContrastBolusAgent=agent)
    summary = import_dicom(tmp_path / "in", tmp_path / "out")
    assert summary.written == ("sub-001",)
    assert not (tmp_path / "out" / "sub-001" / "ct" / "sub-001_cta.nii.gz").exists()


@pytest.mark.parametrize("agent", ["Iomeron 400", "Ultravist", "non-ionic", "NON IONIC 350", "Omnipaque no. 350", "IV"])
def test_an_agent_that_is_named_is_contrast(tmp_path: Path, agent: str) -> None:
    write_series(tmp_path / "in", THICK, ContrastBolusAgent=agent)
    summary = import_dicom(tmp_path / "in", tmp_path / "out")
    assert not summary.written
    assert "1: has contrast" in told(summary)


@pytest.mark.parametrize(
    ("text", "is_plain"),
    [
        ("HEAD WITHOUT ANGIO", True),
        ("head non-CTA", True),
        ("Head pre CTA 5mm", True),
        ("no iv angio", True),
        ("CTA HEAD", False),
        ("without CTA, then CTA", False),
        ("nano angio", False),
    ],
)
def test_a_denial_before_a_word_of_contrast_is_read_as_one(tmp_path: Path, text: str, is_plain: bool) -> None:
    write_series(tmp_path / "in", THICK, SeriesDescription=text)
    summary = import_dicom(tmp_path / "in", tmp_path / "out")
    assert bool(summary.written) is is_plain
    assert ("1: has contrast" in told(summary)) is not is_plain


def test_the_first_value_of_the_kernel_is_the_kernel(tmp_path: Path) -> None:
    write_series(tmp_path / "in", THICK, series=1, ConvolutionKernel=["Hr68h", "3"])
    write_series(tmp_path / "in", (0.0, 4.0, 8.0, 12.0, 16.0), series=2, ConvolutionKernel=["Hr40f", "3"])
    summary = import_dicom(tmp_path / "in", tmp_path / "out")
    assert summary.warnings["sub-001"][0].startswith("series 2 of 2 is taken; 1 would do as well")
    assert ct_spacing_mm(tmp_path / "out") == 4.0


def test_a_reformatted_series_is_taken_where_there_is_no_other_head_ct(tmp_path: Path) -> None:
    write_series(tmp_path / "in", THICK, series=1, ImageType=["DERIVED", "SECONDARY", "MPR"])
    write_series(tmp_path / "in", (0.0, 4.0, 8.0, 12.0), series=2, ContrastBolusAgent="Iomeron")
    summary = import_dicom(tmp_path / "in", tmp_path / "out")
    assert summary.warnings["sub-001"][0] == (
        "series 1 of 2 is taken, which is reformatted (derived): there is no other head CT"
    )
    assert ct_spacing_mm(tmp_path / "out") == 5.0
    assert ct_spacing_mm(tmp_path / "out", suffix="cta") == 4.0


def test_a_study_without_a_plain_head_ct_fails_with_the_reason_against_each_series(tmp_path: Path) -> None:
    source = tmp_path / "in"
    write_series(source / "good", study=2)
    write_series(source / "bad", series=1, ContrastBolusAgent="yes")
    write_series(source / "bad", series=2, Modality="MR")
    write_series(source / "bad", series=3, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    write_series(source / "bad", series=4, BodyPartExamined="PELVIS")
    write_series(source / "bad", (0.0, 0.0, 5.0, 5.0), series=5)
    summary = import_dicom(source, tmp_path / "out")
    assert len(summary.written) == 1
    (case_id,) = summary.failures
    assert summary.failures[case_id] == (
        f"case {case_id}: no plain head CT among its 5 series (1: has contrast (an agent is named); 2: is not CT; "
        "3: is a localizer; 4: shows another part of the body (its body-part tag); 5: 2 of its slices lie where "
        "another does: it mixes several scans, and no tag parts it into whole scans (in SOURCE/1 file 17, file 18, "
        "file 19, file 20, by name): move the files of one of them elsewhere); if one is, import the study alone "
        "with --series, or decide in a table (--dry-run)"
    )


def test_a_damaged_study_fails_and_the_others_go_on(tmp_path: Path) -> None:
    source = tmp_path / "in"
    write_series(source / "a", THICK, study=1)
    write_series(source / "b", THICK, study=2)
    (source / "b" / "Doe_Jane_s1_001.dcm").write_bytes(b"")
    write_series(source / "c", THICK, study=3)
    path = source / "c" / "Doe_Jane_s1_001.dcm"
    path.write_bytes(path.read_bytes()[:-100])
    summary = import_dicom(source, tmp_path / "out")
    assert len(summary.written) == 1
    reasons = "\n".join(summary.failures.values())
    assert "files beside it are empty, cut off or unreadable (number 2 of the folder, by name)" in reasons
    assert "series 1 of 1, slice 2 of 5 (file 2 of 5 in its folder): its pixels cannot be decoded" in reasons
    assert len(read_participants(tmp_path / "out")) == 1


def test_studies_without_ct_are_left_out(tmp_path: Path) -> None:
    write_series(tmp_path / "in" / "a", Modality="MR", study=2)
    with pytest.raises(BadInput, match="holds DICOM files but no CT"):
        import_dicom(tmp_path / "in", tmp_path / "out")
    write_series(tmp_path / "in" / "b")
    summary = import_dicom(tmp_path / "in", tmp_path / "out")
    assert summary.written == ("sub-001",)
    assert summary.notes == ("studies without CT, left out: 1",)


def test_a_blank_slice_is_told(tmp_path: Path) -> None:
    for index in range(8):
        hu_HW = np.full((16, 16), 0, dtype=np.int16) if index == 3 else head_HW()
        write_slice(
            tmp_path / "in" / f"{index}.dcm",
            hu_HW,
            position=(0.0, 0.0, 5.0 * index),
            instance=index,
            PixelSpacing=[8, 8],
        )
    summary = import_dicom(tmp_path / "in", tmp_path / "out")
    assert summary.warnings["sub-001"] == (
        "slice 4 of 8 (counted from the feet) is empty; scan or export the series again",
    )


def test_shared_and_missing_patient_ids_are_told(tmp_path: Path) -> None:
    for study in (1, 2):
        write_series(tmp_path / "shared" / str(study), study=study, patient="ANON")
        write_series(tmp_path / "missing" / str(study), study=study, patient="")
    assert "all 2 studies carry one patient id" in import_dicom(tmp_path / "shared", tmp_path / "a").notes[0]
    summary = import_dicom(tmp_path / "missing", tmp_path / "b")
    assert "studies without a patient id, each taken for another patient: 2" in summary.notes[0]
    assert [case.patient_id for case in read_participants(tmp_path / "b")] == ["P001", "P002"]


def test_a_patient_id_in_either_unicode_form_is_one_patient(tmp_path: Path) -> None:
    for study, patient in ((1, "M\u00fcller"), (2, "Mu\u0308ller")):
        write_series(tmp_path / "in" / str(study), study=study, patient=patient, SpecificCharacterSet="ISO_IR 192")
    import_dicom(tmp_path / "in", tmp_path / "out")
    assert [case.patient_id for case in read_participants(tmp_path / "out")] == ["P001", "P001"]


def test_the_key_file_links_ids_to_patients_for_its_owner_alone(tmp_path: Path) -> None:
    for study, patient in ((1, "MRN-1"), (2, "MRN-2")):
        write_series(tmp_path / "in" / f"Doe{study}", study=study, patient=patient)
    key = tmp_path / "key.tsv"
    import_dicom(tmp_path / "in", tmp_path / "out", key_file=key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with key.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["participant_id"] for row in rows] == ["sub-001", "sub-002"]
    assert {(row["dicom_patient_id"], row["source_folder"]) for row in rows} == {
        ("MRN-1", str(tmp_path / "in" / "Doe1")),
        ("MRN-2", str(tmp_path / "in" / "Doe2")),
    }
    with pytest.raises(BadInput, match="is there already"):
        import_dicom(tmp_path / "in", tmp_path / "again", key_file=key)
    with pytest.raises(BadInput, match="lies in the data set"):
        import_dicom(tmp_path / "in", tmp_path / "again", key_file=tmp_path / "again" / "key.tsv")
    (tmp_path / "linked").symlink_to(tmp_path / "again")
    with pytest.raises(BadInput, match="lies in the data set"):
        import_dicom(tmp_path / "in", tmp_path / "again", key_file=tmp_path / "linked" / "key.tsv")
    assert not (tmp_path / "again").exists()


def test_nothing_of_a_header_reaches_data_warnings_or_logs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source, out = tmp_path / "Doe_Jane" / "19520317", tmp_path / "out"
    tilted = [1, 0, 0, 0, 0.95, -0.3122498999199199]
    write_series(source / "MRN-4711-XYZ", (0.0, 5.0, 10.0, 20.0, 25.0, 30.0), ImageOrientationPatient=tilted)
    write_series(source / "MRN-4711-XYZ", THICK, series=2)
    write_series(source / "MRN-4711-XYZ", THIN, series=3, ContrastBolusAgent="Dr^House's mixture")
    write_series(source / "MRN-4711-XYZ", THIN, series=4, ContrastBolusAgent="Dr^House's mixture")
    write_series(source / "second", study=2)
    write_series(source / "third", study=3, Modality="MRN-4711-XYZ")
    write_series(source / "fourth", study=4, BodyPartExamined="NECK of Doe^Jane")
    (source / "second" / "Doe_Jane.dcm").write_bytes(b"")
    write_slice(source / "fifth" / "Doe_Jane.dcm", study=5)
    summary = import_dicom(source, out)
    assert len(summary.written) == 1
    assert len(summary.failures) == 3
    streams = capfd.readouterr()
    names = (*PLANTED, "Doe", "House", "MRN", "NECK", UID_ROOT, str(source), "19520317")
    for text in (told(summary), str(summary), streams.out, streams.err, caplog.text):
        assert not [name for name in names if name in text]
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) == 4  # CT, angiography, participants, description
    for path in files:
        content = path.read_bytes()
        content += gzip.decompress(content) if path.suffix == ".gz" else b""
        assert not [name for name in names if name.encode() in content or name in str(path.relative_to(out))]


def test_the_order_of_cases_does_not_hang_on_names_of_patients_or_folders(tmp_path: Path) -> None:
    for turn, folders in (("one", ("a", "b", "c")), ("two", ("c", "a", "b"))):
        for study, folder in enumerate(folders, start=1):
            write_series(tmp_path / turn / folder, THICK[: 3 + study], study=study)
        import_dicom(tmp_path / turn, tmp_path / f"out-{turn}")
    depths = [
        [len(read_volume(case.ct_path).array_DHW) for case in read_participants(tmp_path / f"out-{turn}")]
        for turn in ("one", "two")
    ]
    assert depths[0] == depths[1]


@pytest.mark.realdata
def test_the_tilted_phantom_is_imported(tmp_path: Path, real_data: Path) -> None:
    summary = import_dicom(real_data / "dicom_tilted_phantom", tmp_path / "out")
    assert summary.warnings == {"sub-001": ("the gantry was tilted by 18.5 degrees",)}
    stored = read_volume(tmp_path / "out" / "sub-001" / "ct" / "sub-001_ct.nii.gz")
    assert stored.array_DHW.dtype == np.int16
    assert stored.warnings == ()  # the qform has no room for the shear, which is no contradiction
    along_h, along_d = stored.affine[:3, 1], stored.affine[:3, 2]
    cosine = along_h @ along_d / np.linalg.norm(along_h) / np.linalg.norm(along_d)
    assert np.rad2deg(np.arcsin(cosine)) == pytest.approx(18.5, abs=0.1)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("agent_says_no_contrast", "series 1 of 2 is taken; 2 would do as well"),
        ("dicomdir_beside_slices", "DICOM files that are no images, left out: directory of a medium 1"),
        ("identical_copy_of_a_slice", "1 file is a copy of another slice, left out"),
        ("kernel_with_two_values", "series 2 of 2 is taken; 1 would do as well"),
        ("padding_value_inside_tissue", "its padding value is 0 HU, which tissue has inside the picture, too"),
    ],
)
def test_what_once_failed_is_imported_and_told(tmp_path: Path, real_data: Path, name: str, said: str) -> None:
    summary = import_dicom(real_data / "failing" / name / "in", tmp_path / "out")
    assert summary.written == ("sub-001",)
    assert said in told(summary)
    assert not (tmp_path / "out" / "sub-001" / "ct" / "sub-001_cta.nii.gz").exists()
