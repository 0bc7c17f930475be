"""Scans to predict: one file, a folder of files, or a data set."""

from pathlib import Path

import pytest

from hemosweep.errors import BadInput
from hemosweep.prediction.scans import list_scans


@pytest.fixture
def folder(tmp_path):
    for name in ("b.nii.gz", "a.nii.gz", ".hidden.nii.gz", "note.txt"):
        (tmp_path / name).touch()
    return tmp_path


def names(scan, cta=None, as_folder=False):
    return [case.case_id for case in list_scans(scan, cta=cta, as_folder=as_folder)]


def test_one_file_is_one_scan_named_for_it(folder):
    (case,) = list_scans(folder / "a.nii.gz", cta=folder / "b.nii.gz", as_folder=False)
    assert (case.case_id, case.lesion_path, case.cta_path) == ("a", None, folder / "b.nii.gz")


def test_a_folder_gives_its_nifti_files_by_name(folder):
    assert names(folder) == names(folder, as_folder=True) == ["a", "b"]


def test_an_unpacked_file_of_a_folder_is_a_scan_too(folder):
    (folder / "c.nii").touch()
    assert names(folder) == ["a", "b", "c"]
    (folder / "a.nii").touch()
    with pytest.raises(BadInput, match=r"two files have one name .*, or packed and not"):
        names(folder)


def test_a_data_set_gives_the_cases_of_its_table_without_their_masks(folder):
    ct = folder / "sub-1" / "ct"
    ct.mkdir(parents=True)
    for suffix in ("ct", "label-lesion_mask"):
        (ct / f"sub-1_{suffix}.nii.gz").touch()
    (folder / "participants.tsv").write_text("participant_id\tpatient_id\tivh\nsub-1\tP1\tno\n")
    (case,) = list_scans(folder, cta=None, as_folder=False)
    assert (case.case_id, case.lesion_path) == ("sub-1", None)


@pytest.mark.parametrize(
    ("scan", "options", "said"),
    [
        ("c.nii.gz", {}, "no such file; give a CT as NIfTI"),
        ("a.nii.gz", {"cta": "c.nii.gz"}, "no such file; give a CT as NIfTI"),
        ("a.nii.gz", {"as_folder": True}, "no such folder; give a folder of scans, or leave --folder out"),
        (".", {"cta": "a.nii.gz"}, "--cta goes with one scan"),
        ("empty", {}, r"holds no \*.nii.gz, no \*.nii and no participants.tsv"),
    ],
)
def test_what_is_no_scan_is_refused_with_the_way_out(folder, scan, options, said):
    (folder / "empty").mkdir()
    options = {name: folder / value if isinstance(value, str) else value for name, value in options.items()}
    with pytest.raises(BadInput, match=said):
        names(Path(folder) / scan, **options)


def test_a_name_is_in_nfc_and_two_files_of_one_name_are_refused(tmp_path):
    (tmp_path / "Mu\u0308ller.nii.gz").touch()
    assert names(tmp_path) == ["M\u00fcller"]
    assert list_scans(tmp_path, cta=None, as_folder=True)[0].ct_path == tmp_path / "Mu\u0308ller.nii.gz"
    (tmp_path / "M\u00fcller.nii.gz").touch()
    with pytest.raises(BadInput, match="two files have one name in two Unicode forms"):
        names(tmp_path)
