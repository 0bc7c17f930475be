"""`hemosweep init`: a table for a folder of CTs and masks, as a user types it."""

import os
import pty
import shutil

import nibabel as nib
import numpy as np
import pytest

from hemosweep.data.manifest import read_manifest


def put(path, values=(0, 1)):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.resize(np.array(values, np.int16), (3, 3, 3)), np.eye(4)), path)


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def table(data):
    return [tuple(line.split("\t")) for line in (data / "participants.tsv").read_text().splitlines()[1:]]


def test_a_flat_folder_of_pairs_becomes_a_data_set_without_a_copy(main, data):
    for name in ("P01", "P02"):
        put(data / f"{name}_ct.nii.gz")
        put(data / f"{name}_seg.nii.gz")
    code, stdout, stderr = main("init", data)
    assert (code, stderr) == (0, ""), stderr
    assert table(data) == [("P01", "P01", "n/a"), ("P02", "P02", "n/a")]
    assert [case.case_id for case in read_manifest(data)] == ["P01", "P02"]
    assert os.path.samefile(data / "P01_seg.nii.gz", data / "P01/ct/P01_label-lesion_mask.nii.gz")
    assert "each case is taken for a patient of its own" in stdout
    assert "linked 4 files to their places" in stdout
    assert stdout.splitlines()[-1] == f"next: hemosweep data check {data}"


def test_sessions_are_scans_of_one_patient_and_an_ivh_mask_tells_the_ivh(main, data):
    for name in ("sub-01/ses-01", "sub-01/ses-02", "sub-02"):
        stem = name.replace("/", "_")
        put(data / name / "ct" / f"{stem}_ct.nii.gz")
        put(data / name / "ct" / f"{stem}_label-lesion_mask.nii.gz")
    put(data / "sub-01/ses-01/ct/sub-01_ses-01_label-ivh_mask.nii.gz")
    put(data / "sub-02/ct/sub-02_label-ivh_mask.nii.gz", (0,))
    put(data / "sub-02/ct/sub-02_label-edema_mask.nii.gz")
    code, stdout, _ = main("init", data, "--yes")
    assert code == 0
    assert table(data) == [
        ("sub-01_ses-01", "sub-01", "yes"),
        ("sub-01_ses-02", "sub-01", "n/a"),
        ("sub-02", "sub-02", "no"),
    ]
    assert "scans of one patient by their names: sub-01 (2)" in stdout
    assert "without an IVH mask, so IVH is not known: sub-01_ses-02" in stdout
    assert "left alone, no CT or mask by its name: sub-02/ct/sub-02_label-edema_mask.nii.gz" in stdout
    assert "linked" not in stdout
    assert "of its own" not in stdout
    assert len(read_manifest(data)) == 3


def test_a_terminal_is_asked(start, data):
    for name in ("A_T1", "A_T2"):
        put(data / name / "image.nii.gz")
        put(data / name / "mask.nii.gz")
    ours, theirs = pty.openpty()
    os.write(ours, b"n\n")
    process = start("init", data, stdin=theirs)
    stdout, stderr = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, stderr
    assert stderr.startswith("Are A_T1, A_T2 scans of one patient, and so on? [Y/n] ")
    assert "every scan is of a patient of its own" in stdout
    assert table(data) == [("A_T1", "A_T1", "n/a"), ("A_T2", "A_T2", "n/a")]


def test_an_init_that_was_stopped_goes_on(main, data):
    put(data / "P01.nii.gz")
    put(data / "P01_mask.nii.gz")
    main("init", data)
    (data / "participants.tsv").unlink()
    code, stdout, _ = main("init", data)
    assert code == 0
    assert "linked" not in stdout
    assert "took" not in stdout
    assert table(data) == [("P01", "P01", "n/a")]


def test_a_table_that_is_there_stays(main, data, phantoms):
    shutil.copytree(phantoms, data, ignore=shutil.ignore_patterns("derivatives"))
    before = (data / "participants.tsv").read_text()
    code, stdout, stderr = main("init", data, "--yes")
    assert (code, stdout) == (2, "")
    assert "is there already and stays" in stderr
    assert (data / "participants.tsv").read_text() == before
    (data / "participants.tsv").unlink()
    assert main("init", data)[0] == 0
    made = [(case_id, ivh) for case_id, _, ivh in table(data)]
    told = [tuple(line.split("\t")[::2][:2]) for line in before.splitlines()[1:]]
    assert made == [(case_id, ivh if ivh == "yes" else "n/a") for case_id, ivh in told]
