"""`hemosweep data import-masks` as a user types it, on two of the phantoms."""

import os
import shutil

import nibabel as nib
import numpy as np
import pytest

from tests.drawings import write_slicer


@pytest.fixture
def data(phantoms, tmp_path):
    """Two phantoms whose lesion masks are still to be drawn."""
    data = tmp_path / "data"
    for case_id in ("sub-001", "sub-002"):
        folder = data / case_id / "ct"
        folder.mkdir(parents=True)
        shutil.copy(phantoms / case_id / "ct" / f"{case_id}_ct.nii.gz", folder)
    lines = (phantoms / "participants.tsv").read_text().splitlines(keepends=True)[:3]
    (data / "participants.tsv").write_text("".join(lines))
    return data


def drawn(phantoms, case_id):
    image = nib.load(phantoms / case_id / "ct" / f"{case_id}_label-lesion_mask.nii.gz")
    return np.asanyarray(image.dataobj) == 1, image.affine


def test_masks_drawn_in_slicer_reach_their_cases_and_what_fails_is_told_by_name(run, phantoms, data, tmp_path):
    lesion, affine = drawn(phantoms, "sub-001")
    masks = tmp_path / "masks"
    first = np.argwhere(lesion).min(axis=0)
    part = tuple(slice(start, None) for start in first)
    segments = {"Hematoma": lesion[part], "Edema": ~lesion[part]}
    write_slicer(masks / "sub-001.seg.nrrd", segments, affine, first_IJK=first)
    write_slicer(masks / "sub-002.seg.nrrd", {"Oedem": drawn(phantoms, "sub-002")[0]}, affine)

    asked = run("data", "import-masks", masks / "sub-001.seg.nrrd", data)
    assert (asked.returncode, asked.stdout) == (2, "")
    assert asked.stderr.strip() == (
        "error: sub-001.seg.nrrd: has the labels Hematoma (1), Edema (2); choose one with --lesion-label, by its name "
        "or number"
    )

    done = run("data", "import-masks", masks, data, "--lesion-label", "hematoma")
    assert done.returncode == 2
    assert "error: case sub-002: sub-002.seg.nrrd: has no label hematoma; it has Oedem (1)\n" in done.stderr
    assert done.stdout.startswith(f"masks of 1 cases are in {data}; 1 failed\nnext: hemosweep data check")
    assert "Traceback" not in asked.stderr + done.stderr
    written = nib.load(data / "sub-001" / "ct" / "sub-001_label-lesion_mask.nii.gz")
    np.testing.assert_array_equal(np.asanyarray(written.dataobj) == 1, lesion)
    assert os.listdir(data / "sub-002" / "ct") == ["sub-002_ct.nii.gz"]


def test_a_mistake_is_one_line(run, data, tmp_path):
    failed = run("data", "import-masks", tmp_path / "nowhere", data)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.strip() == f"error: {tmp_path / 'nowhere'}: no such file or folder; check its name"
