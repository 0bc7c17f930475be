"""DICOM of a hospital as a user imports it: a head before and after contrast, and a study that cannot be used."""

import os

import numpy as np

from hemosweep.data.nifti import read_volume
from tests.dicom_files import PLANTED, write_series


def test_the_plain_head_is_imported_and_a_study_without_one_ends_with_code_2(main, tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    plain, after = (0.0, 5.0, 10.0, 15.0), (0.0, 4.0, 8.0, 12.0, 16.0)
    write_series(source / "a", after, series=2, SeriesDescription="Schaedel mit KM Doe^Jane")
    write_series(source / "a", plain, series=3, SeriesDescription="Schaedel nativ Doe^Jane")
    write_series(source / "b", after, study=2, patient="other", SeriesDescription="HEAD W/ CONTRAST Dr^House")
    code, stdout, stderr = main("data", "import-dicom", source, out)
    assert code == 2, "a case that cannot be used is bad input"
    (written,) = (name for name in os.listdir(out) if name.startswith("sub-"))
    other = {"sub-001": "sub-002", "sub-002": "sub-001"}[written]
    assert stdout == f"imported 1 cases to {out}; 1 failed\nnext: hemosweep data check {out}\n"
    assert [line for line in stderr.splitlines() if ": " in line] == [
        f"note: 1 of 2 cases ({written}): its 2 series: 1 out (has contrast (its description says so), which is no "
        "angiography); 2 ct (is the only plain head CT)",
        f"error: case {other}: no plain head CT among its 1 series (1: has contrast (its description says so)); if one "
        "is, import the study alone with --series, or decide in a table (--dry-run)",
    ]
    assert not any(name in stdout + stderr for name in PLANTED)
    assert os.listdir(out / written / "ct") == [f"{written}_ct.nii.gz"]
    volume = read_volume(out / written / "ct" / f"{written}_ct.nii.gz")
    np.testing.assert_array_equal(volume.array_DHW[:, 10, 9], [0, 10, 20, 30])
