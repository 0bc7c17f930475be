"""Names that a case's files may have: unpacked, and in BIDS sessions and runs."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from hemosweep.config import CrossValidationConfig
from hemosweep.data.folds import draw_folds
from hemosweep.data.manifest import read_manifest, read_rows
from hemosweep.data.reading import read_case
from hemosweep.errors import BadInput
from hemosweep.qc import check_dataset

HEADER = "participant_id\tpatient_id\tivh\tcentre\n"


def scan(folder: Path, stem: str, *suffixes: str, ending: str = ".nii.gz") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    voxels = np.zeros((4, 3, 2), dtype=np.int16)
    voxels[1, 2, 1] = 1
    for suffix in suffixes or ("ct", "label-lesion_mask"):
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), folder / f"{stem}_{suffix}{ending}")


def table(data: Path, *rows: str) -> Path:
    (data / "participants.tsv").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return data


def test_an_unpacked_file_is_found_where_a_packed_one_is_looked_for(tmp_path: Path) -> None:
    scan(tmp_path / "sub-1" / "ct", "sub-1", "ct", "label-lesion_mask", "cta", "label-ivh_mask", ending=".nii")
    (case,) = read_manifest(table(tmp_path, "sub-1\tP1\tno\tA"))
    names = [path.name for path in (case.ct_path, case.lesion_path, case.cta_path, case.ivh_path)]
    assert names == [f"sub-1_{suffix}.nii" for suffix in ("ct", "label-lesion_mask", "cta", "label-ivh_mask")]
    assert read_case(case).lesion_DHW.sum() == 1


def test_of_a_file_that_is_there_packed_and_unpacked_the_packed_one_is_read_and_the_check_says_so(
    tmp_path: Path,
) -> None:
    for ending in (".nii", ".nii.gz"):
        scan(tmp_path / "sub-1" / "ct", "sub-1", ending=ending)
    data = table(tmp_path, "sub-1\tP1\tno\tA")
    assert read_manifest(data)[0].ct_path.name == "sub-1_ct.nii.gz"
    report = check_dataset(data, jobs=1, progress=lambda done, total: None)
    found = [problem.message for problem in report.problems if problem.kind == "packed-twice"]
    assert [message.partition(" is there")[0] for message in found] == [
        "sub-1_ct.nii.gz",
        "sub-1_label-lesion_mask.nii.gz",
    ]


def test_sessions_are_cases_of_one_patient_and_never_part_across_folds(tmp_path: Path) -> None:
    for subject in ("sub-01", "sub-02", "sub-03"):
        for session in ("ses-02", "ses-01"):
            scan(tmp_path / subject / session / "ct", f"{subject}_{session}")
    data = table(tmp_path, "sub-01\tP1\tno\tA", "sub-02\tP2\tyes\tB", "sub-03\tP3\tno\tA")
    cases = read_manifest(data)
    assert [(case.case_id, case.patient_id, case.ivh_text) for case in cases[:3]] == [
        ("sub-01_ses-01", "P1", "no"),
        ("sub-01_ses-02", "P1", "no"),
        ("sub-02_ses-01", "P2", "yes"),
    ]
    assert cases[1].ct_path == data / "sub-01" / "ses-02" / "ct" / "sub-01_ses-02_ct.nii.gz"
    assert read_rows(data)[2].free == {"centre": "B"}
    for fold in draw_folds(cases, CrossValidationConfig(num_folds=3)):
        subjects = [{case_id.partition("_")[0] for case_id in ids} for ids in (fold.train, fold.validation, fold.test)]
        assert [len(ids) for ids in subjects] == [1, 1, 1]
    kinds = {problem.kind for problem in check_dataset(data, jobs=1, progress=lambda done, total: None).problems}
    assert kinds.isdisjoint({"missing-ct", "missing-folder", "unlisted-folder"})


def test_a_session_with_a_row_of_its_own_has_its_own_cells(tmp_path: Path) -> None:
    for session in ("ses-01", "ses-02"):
        scan(tmp_path / "sub-01" / session / "ct", f"sub-01_{session}")
    first, second = read_manifest(table(tmp_path, "sub-01_ses-01\tP1\tyes\tA", "sub-01_ses-02\tP1\tno\tA"))
    assert (first.ivh, second.ivh, second.ct_path.parts[-3]) == (True, False, "ses-02")


@pytest.mark.parametrize("mask", ["sub-01_ses-02_run-1", "sub-01_ses-02"])
def test_the_only_run_of_a_session_is_its_scan(tmp_path: Path, mask: str) -> None:
    folder = tmp_path / "sub-01" / "ses-02" / "ct"
    scan(folder, "sub-01_ses-02_run-1", "ct")
    scan(folder, mask, "label-lesion_mask")
    (case,) = read_manifest(table(tmp_path, "sub-01\tP1\tno\tA"))
    assert (case.case_id, case.ct_path.name) == ("sub-01_ses-02", "sub-01_ses-02_run-1_ct.nii.gz")
    assert case.lesion_path == folder / f"{mask}_label-lesion_mask.nii.gz"


def test_of_several_runs_the_table_names_the_one_to_use(tmp_path: Path) -> None:
    folder = tmp_path / "sub-01" / "ses-02" / "ct"
    for run in "12":
        scan(folder, f"sub-01_ses-02_run-{run}")
    data = table(tmp_path, "sub-01\tP1\tno\tA")
    words = "longer names: sub-01_ses-02_run-1, sub-01_ses-02_run-2; list the one to use as its own participant_id"
    with pytest.raises(BadInput, match=f"case sub-01_ses-02: no CT at .*{words}"):
        read_manifest(data)
    (problem,) = [
        one
        for one in check_dataset(data, jobs=1, progress=lambda done, total: None).problems
        if one.severity == "error"
    ]
    assert (problem.case_id, problem.kind) == ("sub-01_ses-02", "missing-ct")
    assert words in problem.message
    (case,) = read_manifest(table(data, "sub-01_ses-02_run-2\tP1\tno\tA"))
    assert case.ct_path == folder / "sub-01_ses-02_run-2_ct.nii.gz"
    shutil.rmtree(folder)
    with pytest.raises(BadInput, match=r"no CT at .*add the file or remove"):
        read_manifest(data)


def test_a_folder_named_as_the_case_comes_before_what_bids_would_make_of_the_name(tmp_path: Path) -> None:
    scan(tmp_path / "sub-01_ses-02" / "ct", "sub-01_ses-02")
    (tmp_path / "sub-01").mkdir()
    (case,) = read_manifest(table(tmp_path, "sub-01_ses-02\tP1\tno\tA"))
    assert case.ct_path.parts[-3] == "sub-01_ses-02"


def test_a_session_beside_a_ct_of_its_subject_is_told_until_it_has_a_row(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scan(tmp_path / "sub-01" / "ct", "sub-01")
    scan(tmp_path / "sub-01" / "ses-02" / "ct", "sub-01_ses-02")
    data = table(tmp_path, "sub-01\tP1\tno\tA")
    text = (
        "sub-01_ses-02 is not read, because sub-01 has a CT outside its sessions, too; add a row sub-01_ses-02 to "
        "participants.tsv"
    )
    assert [case.case_id for case in read_manifest(data)] == ["sub-01"]
    assert caplog.messages == [text]
    problems = check_dataset(data, jobs=1, progress=lambda done, total: None).problems
    assert [(one.severity, one.message) for one in problems if one.kind == "unlisted-session"] == [("warning", text)]
    caplog.clear()
    cases = read_manifest(table(data, "sub-01\tP1\tno\tA", "sub-01_ses-02\tP1\tno\tA"))
    assert [case.ct_path.relative_to(data).parts[1] for case in cases] == ["ct", "ses-02"]
    assert caplog.messages == []


@pytest.mark.parametrize("order", [1, -1])
def test_a_session_in_a_row_of_its_own_and_in_that_of_its_subject_is_refused_with_the_reason(
    tmp_path: Path, order: int
) -> None:
    for session in ("ses-01", "ses-02"):
        scan(tmp_path / "sub-01" / session / "ct", f"sub-01_{session}")
    data = table(tmp_path, *["sub-01\tP1\tno\tA", "sub-01_ses-02\tP9\tyes\tA"][::order])
    words = "sub-01_ses-02 has a row of its own and is a session of sub-01 as well; list sub-01 or its sessions"
    with pytest.raises(BadInput, match=f"line {2 if order == 1 else 3}: {words}"):
        read_manifest(data)
    problems = check_dataset(data, jobs=1, progress=lambda done, total: None).problems
    assert [one.message.partition(": ")[2] for one in problems if one.kind == "table-row"] == [words]
