"""`hemosweep data import-masks` with files that are odd: one line a case, no name of a patient, the others go on."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK

import hemosweep.cli
from hemosweep.errors import BadInput
from hemosweep.importers.dicom import import_dicom
from tests.drawings import write_ct_series, write_nifti, write_rtstruct, write_seg

Ended = tuple[int, str]
Run = Callable[..., Ended]
SHAPE_IJK = (8, 6, 4)
AFFINE = np.array([[-1.0, 0, 0, 12], [0, -2, 0, 20], [0, 0, 5, 0], [0, 0, 0, 1]])
LESION = np.zeros(SHAPE_IJK, dtype=np.uint8)
LESION[2:5, 1:4, 1:3] = 1
SECRET = "Mueller Hans"


@pytest.fixture
def import_masks(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `hemosweep data import-masks`; returns its exit code and all that it and its libraries printed."""

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["hemosweep", "data", "import-masks", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            hemosweep.cli.main()
        return int(ended.value.code or 0), "".join(capfd.readouterr())

    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Cases sub-001 and sub-002, and a good mask of the second in `masks`."""
    for case_id in ("sub-001", "sub-002"):
        ct = np.full(SHAPE_IJK, 60, dtype=np.int16)
        write_nifti(tmp_path / "data" / case_id / "ct" / f"{case_id}_ct.nii.gz", ct, AFFINE)
    rows = "sub-001\tP1\tno\nsub-002\tP2\tno\n"
    (tmp_path / "data" / "participants.tsv").write_text(f"participant_id\tpatient_id\tivh\n{rows}")
    write_nifti(tmp_path / "masks" / "sub-002.nii.gz", LESION, AFFINE)
    return tmp_path / "data"


def masks_of(data: Path) -> list[str]:
    return sorted(path.parents[1].name for path in data.glob("*/ct/*_label-lesion_mask.nii.gz"))


def write_segments(path: Path, *, drop: int = 0, **fields: str) -> None:
    """A .seg.nrrd of one segment with the given fields, of the file's slice in two dimensions where one is dropped."""
    image = SimpleITK.GetImageFromArray(LESION.transpose(2, 1, 0)[1] if drop else LESION.transpose(2, 1, 0))
    for name, value in ({"Name": "clot", "LabelValue": "1", "Layer": "0"} | fields).items():
        image.SetMetaData(f"Segment0_{name}", value)
    SimpleITK.WriteImage(image, str(path))


def write_odd_dicom(path: Path, change: Callable[[Any], None]) -> None:
    outline = np.array([(8.0, 16.0, 5.0), (11.0, 16.0, 5.0), (11.0, 10.0, 5.0), (8.0, 10.0, 5.0)])
    write_rtstruct(path, {"clot": [outline]})
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)


def with_a_name_as_number(dataset: Any) -> None:
    """A patient's name where the points of a contour are looked for."""
    contour = dataset.ROIContourSequence[0].ContourSequence[0]
    del contour.ContourData
    contour.add_new("ContourData", "LO", SECRET)


def without_points(dataset: Any) -> None:
    del dataset.ROIContourSequence[0].ContourSequence[0].ContourData


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("sub-001.seg.nrrd", {"LabelValue": "one"}, "the LabelValue of its segment 0 is no whole number; export it"),
        ("sub-001.seg.nrrd", {"LabelValue": " "}, "the LabelValue of its segment 0 is no whole number; export it"),
        ("sub-001.seg.nrrd", {"Layer": "3"}, "its segment 0 lies in layer 3, but it has only 1; export it"),
        ("sub-001.seg.nrrd", {"drop": 1}, "has 2 dimensions, not one 3D volume; export it"),
        ("sub-001.dcm", with_a_name_as_number, "cannot be read as DICOM (odd content, ValueError); export it again"),
        ("sub-001.dcm", without_points, "cannot be read as DICOM (it lacks ContourData); export it again"),
    ],
    ids=["text as value", "empty value", "no such layer", "2D", "a name as number", "no points"],
)
def test_an_odd_file_costs_its_case_one_line_and_the_others_go_on(
    data: Path, tmp_path: Path, import_masks: Run, name: str, write: Any, words: str
) -> None:
    path = tmp_path / "masks" / name
    write_odd_dicom(path, write) if callable(write) else write_segments(path, **write)
    code, printed = import_masks(tmp_path / "masks", data)
    assert code == 2
    (line,) = [line for line in printed.splitlines() if line.startswith("error")]
    assert line.startswith(f"error: case sub-001: {name}: {words}")
    assert "Traceback" not in printed
    assert SECRET not in printed
    assert masks_of(data) == ["sub-002"]


def test_a_parsers_error_of_any_kind_costs_its_case_one_line(data: Path, tmp_path: Path, import_masks: Run) -> None:
    path = tmp_path / "masks" / "sub-001.dcm"
    write_odd_dicom(path, lambda dataset: None)
    deflated = pydicom.dcmread(path)
    deflated.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    deflated.save_as(path)
    path.write_bytes(path.read_bytes()[:400] + b"damage" * 9)  # zlib's own error, of no class that others share
    table = tmp_path / "table.tsv"
    table.write_text("participant_id\tmask\nsub-001\tsub-001.dcm\nsub-002\tsub-002.nii.gz\n")
    for options, code in (((), 0), (("--table", table, "--overwrite"), 2)):
        ended, printed = import_masks(tmp_path / "masks", data, *options)
        assert (ended, masks_of(data)) == (code, ["sub-002"])
        assert "Traceback" not in printed
    assert "error: case sub-001: sub-001.dcm: cannot be read as DICOM (odd content, error); export it" in printed


def test_libraries_print_nothing_of_their_own(data: Path, tmp_path: Path, import_masks: Run) -> None:
    path = tmp_path / "masks" / "sub-001.mha"
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(LESION.transpose(2, 1, 0)), str(path), True)
    path.write_bytes(path.read_bytes()[:-20])
    code, printed = import_masks(tmp_path / "masks", data)
    assert code == 2
    assert "error: case sub-001: sub-001.mha: not a readable MHA file; export or copy it again" in printed
    assert "MetaImage" not in printed


def test_names_of_files_are_told_only_where_they_have_the_cases_id(
    data: Path, tmp_path: Path, import_masks: Run
) -> None:
    write_nifti(tmp_path / "masks" / f"{SECRET}.nii", LESION, AFFINE)
    write_odd_dicom(tmp_path / "masks" / f"{SECRET}.dcm", lambda dataset: None)
    folder = tmp_path / "masks" / "sub-001"
    folder.mkdir()
    for ending in (".nii", ".nii.gz"):
        (folder / f"{SECRET}{ending}").write_bytes(b"")
    _, printed = import_masks(tmp_path / "masks", data)
    assert "files whose name has the id of no case, or of several: 2 (DICOM, NIfTI)" in printed
    assert "error: case sub-001: 2 files may be its mask (its NIfTI file); pick them with --pattern" in printed
    _, again = import_masks(tmp_path / "masks", data, "--pattern", "*.nii.gz", "--overwrite")
    assert "error: case sub-001: its NIfTI file: not a readable NIfTI file" in again
    assert SECRET not in printed + again


def test_a_short_name_of_a_file_does_not_spoil_the_message(data: Path, tmp_path: Path, import_masks: Run) -> None:
    (tmp_path / "masks" / "sub-001").mkdir()
    write_odd_dicom(tmp_path / "masks" / "sub-001" / "1", lambda dataset: None)
    code, printed = import_masks(tmp_path / "masks", data, "--pattern", "1", "--lesion-label", "blood")
    assert code == 2
    assert "error: case sub-001: its DICOM file: has no label blood; it has clot (1)" in printed


def test_one_label_for_lesion_and_ivh_is_refused(data: Path, tmp_path: Path, import_masks: Run) -> None:
    options = ("--lesion-label", "1", "--ivh-label", " 1")
    assert import_masks(tmp_path / "masks", data, *options)[0] == 2
    code, printed = import_masks(tmp_path / "masks", data, "--ivh-label", "1")
    assert code == 2
    assert "case sub-002: sub-002.nii.gz: --lesion-label and --ivh-label both mean its label 1; name two" in printed
    assert masks_of(data) == []


def test_channels_of_zeros_and_ones_are_no_colours(data: Path, tmp_path: Path, import_masks: Run) -> None:
    one_hot = np.zeros((*SHAPE_IJK, 4), dtype=np.uint8)
    one_hot[..., 3] = LESION
    one_hot[0, 0, 0, 0] = 1
    write_nifti(tmp_path / "masks" / "sub-001.nii.gz", one_hot, AFFINE)
    code, printed = import_masks(tmp_path / "masks", data)
    assert (code, masks_of(data)) == (2, ["sub-002"])
    assert "has 4 channels of zeros and ones, which are labels and no colours; save it as one label map" in printed


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_the_table_is_read_as_spreadsheets_save_it(
    data: Path, tmp_path: Path, import_masks: Run, separator: str, encoding: str
) -> None:
    (tmp_path / "masks" / "sub-002.nii.gz").rename(tmp_path / "masks" / "H\u00e4matom.nii.gz")
    rows = [("participant_id", "mask"), ("sub-002", "H\u00e4matom.nii.gz")]
    table = tmp_path / "table.csv"
    table.write_text("".join(f"{separator.join(row)}\n" for row in rows), encoding=encoding)
    assert import_masks(tmp_path / "masks", data, "--table", table)[0] == 0
    assert masks_of(data) == ["sub-002"]


def test_what_a_killed_import_left_is_removed(data: Path, tmp_path: Path, import_masks: Run) -> None:
    left = data / "sub-002" / "ct" / ".tmp-0123456789abcdef"
    left.mkdir()
    (left / "sub-002_label-lesion_mask.nii.gz").write_bytes(b"half")
    assert import_masks(tmp_path / "masks", data)[0] == 0
    assert sorted(path.name for path in left.parent.iterdir()) == [
        "sub-002_ct.nii.gz",
        "sub-002_label-lesion_mask.nii.gz",
    ]


@pytest.fixture
def two_studies(tmp_path: Path) -> Path:
    """Data set of the first of a patient's two studies, with the key file of both and slices of them beside it."""
    for study in (1, 2):
        hu_DHW = np.full((6, 20, 24), 60 + study, dtype=np.int16)
        write_ct_series(tmp_path / "dicom" / str(study), hu_DHW, StudyInstanceUID=f"1.2.{study}")
    import_dicom(tmp_path / "dicom", tmp_path / "set", key_file=tmp_path / "key.tsv")
    table = tmp_path / "set" / "participants.tsv"
    key = [line.split("\t") for line in (tmp_path / "key.tsv").read_text().splitlines()]
    (kept,) = [row[0] for row in key if row[-1] == "1.2.1"]
    rows = table.read_text().splitlines()
    table.write_text("\n".join([rows[0], *(row for row in rows if row.startswith(kept))]) + "\n")
    return tmp_path / "set"


@pytest.mark.parametrize("study", [1, 2])
@pytest.mark.parametrize("form", ["SEG", "RTSTRUCT of a study of its own"])
def test_the_key_file_gives_a_mask_to_the_study_that_it_was_drawn_on(
    two_studies: Path, tmp_path: Path, import_masks: Run, form: str, study: int
) -> None:
    path = tmp_path / "masks" / "drawn.dcm"
    if form == "SEG":
        slices = sorted((tmp_path / "dicom" / str(study)).iterdir())
        lesion = np.zeros((6, 20, 24), dtype=bool)
        lesion[2:4, 5:9, 3:10] = True
        write_seg(path, slices, {"clot": lesion})
    else:
        write_rtstruct(path, {"clot": [np.array([(-9.0, -11, 10), (-3, -11, 10), (-3, -3, 10), (-9, -3, 10)])]})
        dataset = pydicom.dcmread(path)
        dataset.StudyInstanceUID = "1.2.99"
        frame, referenced = pydicom.Dataset(), pydicom.Dataset()
        referenced.ReferencedSOPInstanceUID = f"1.2.{study}"
        frame.RTReferencedStudySequence = [referenced]
        dataset.ReferencedFrameOfReferenceSequence = [frame]
        dataset.save_as(path)
    code, printed = import_masks(path, two_studies, "--key-file", tmp_path / "key.tsv")
    assert (code, len(masks_of(two_studies))) == ((0, 1) if study == 1 else (2, 0)), printed


def test_a_mask_of_a_study_that_the_key_file_does_not_have_is_told(
    two_studies: Path, tmp_path: Path, import_masks: Run
) -> None:
    contours = [np.array([(-9.0, -11, 10), (-3, -11, 10), (-3, -3, 10)])]
    write_rtstruct(tmp_path / "masks" / "a.dcm", {"clot": contours})  # of a third study
    code, printed = import_masks(tmp_path / "masks", two_studies, "--key-file", tmp_path / "key.tsv")
    assert (code, masks_of(two_studies)) == (2, [])
    assert "; DICOM files of no study in the key file: 1; rename them, or give a --table" in printed


def test_without_the_study_a_mask_of_a_patient_with_two_studies_is_refused(
    two_studies: Path, tmp_path: Path, import_masks: Run
) -> None:
    key = tmp_path / "old.tsv"  # as it was written before it had the studies
    key.write_text("".join(line.rsplit("\t", 1)[0] + "\n" for line in (tmp_path / "key.tsv").read_text().splitlines()))
    write_rtstruct(tmp_path / "masks" / "a.dcm", {"clot": [np.array([(-9.0, -11, 10), (-3, -11, 10), (-3, -3, 10)])]})
    code, printed = import_masks(tmp_path / "masks", two_studies, "--key-file", key)
    assert (code, masks_of(two_studies)) == (2, [])
    assert "a RTSTRUCT file may be of any of the 2 studies of its patient; put the case's id into its name" in printed


def test_the_key_file_may_not_lie_in_the_folder_to_import_from(tmp_path: Path) -> None:
    write_ct_series(tmp_path / "dicom", np.full((6, 20, 24), 60, dtype=np.int16))
    with pytest.raises(BadInput, match=r"key\.tsv: lies in the folder to import from; name a file outside"):
        import_dicom(tmp_path / "dicom", tmp_path / "set", key_file=tmp_path / "dicom" / "key.tsv")
    assert not (tmp_path / "set").exists()
