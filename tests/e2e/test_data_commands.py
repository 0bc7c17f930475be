"""From raw files to prepared cases as a user types it: check, describe and preprocess, and what goes wrong there."""

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import time

import nibabel as nib
import numpy as np
import pytest

from hemosweep.preprocessing.record import load_preprocessed


@pytest.fixture
def data(phantoms, tmp_path):
    """A copy of the six phantoms to spoil."""
    return shutil.copytree(phantoms, tmp_path / "data", ignore=shutil.ignore_patterns("derivatives"))


def file_of(data, number, suffix="ct"):
    return data / f"sub-{number:03d}" / "ct" / f"sub-{number:03d}_{suffix}.nii.gz"


def rewrite(path, change):
    image = nib.load(path)
    nib.save(nib.Nifti1Image(change(np.asanyarray(image.dataobj).copy()), image.affine), path)


def with_nan(array):
    array = array.astype(np.float32)
    array[0, 0, 0] = np.nan
    return array


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1000])


def loop(path):
    path.unlink()
    path.symlink_to(path)


QUICK = ("--profile", "demo", "--symmetric", "none", "--no-cta", "--jobs", 1)
"""For tests of what becomes of cases, not of their channels."""

# One fault a case: how it is made, and the words that must name it.
FAULTS = {
    "sub-001": (lambda data: truncate(file_of(data, 1)), "sub-001_ct.nii.gz: not a readable NIfTI file"),
    "sub-002": (lambda data: file_of(data, 2).write_text("see the other disk\n"), "sub-002_ct.nii.gz: not a readable"),
    "sub-003": (lambda data: rewrite(file_of(data, 3), with_nan), "sub-003_ct.nii.gz has 1 non-finite voxels"),
    "sub-004": (
        lambda data: rewrite(file_of(data, 4, "label-lesion_mask"), lambda mask: 2 * mask),
        "sub-004_label-lesion_mask.nii.gz has values other than 0 and 1 (2)",
    ),
    "sub-005": (lambda data: loop(file_of(data, 5)), "sub-005_ct.nii.gz"),
}


def spoil(data):
    for make, _ in FAULTS.values():
        make(data)


@pytest.mark.slow
def test_preprocess_prepares_and_draws_every_case_and_does_nothing_twice(run, phantoms, tmp_path):
    command = ("preprocess", phantoms, "--profile", "demo", "--preview", "--out", tmp_path / "runs")
    made = run(*command, "--json")
    assert made.returncode == 0, made.stderr
    answer = json.loads(made.stdout)
    assert (answer["num_cases"], answer["num_failed"], answer["failures"]) == (6, 0, {})
    files = {}
    for case_id, entry in answer["cases"].items():
        case = load_preprocessed(files.setdefault(case_id, phantoms / entry["file"]))
        has_cta = (phantoms / case_id / "ct" / f"{case_id}_cta.nii.gz").exists()
        assert len(case.image_CDHW) == (3 if has_cta else 2)
        assert (phantoms / entry["picture"]).read_bytes().startswith(b"\x89PNG")
    times = {path: path.stat().st_mtime_ns for path in files.values()}
    again = run(*command)
    assert again.returncode == 0
    assert again.stdout.startswith("6 of 6 cases are prepared\n")
    assert {path: path.stat().st_mtime_ns for path in files.values()} == times


def test_every_bad_case_is_named_and_the_good_one_is_prepared(main, data, tmp_path):
    spoil(data)
    code, stdout, stderr = main("preprocess", data, *QUICK, "--out", tmp_path / "runs")
    assert code == 2
    assert "Traceback" not in stderr
    errors = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == len(FAULTS)
    for case_id, (_, words) in FAULTS.items():
        (line,) = (line for line in errors if case_id in line)
        assert words in line
    assert "1 of 6 cases are prepared" in stdout
    assert "5 of 6 cases failed" in stdout
    assert len(list((data / "derivatives").rglob("sub-006-*.npz"))) == 1
    assert not list((data / "derivatives").rglob(".tmp-*"))


def test_check_names_every_bad_case_in_one_report(main, data):
    spoil(data)
    code, stdout, _ = main("data", "check", data, "--jobs", 1, "--json")
    assert code == 2
    report = json.loads(stdout)
    assert report["num_cases"] == 6
    assert report["usable"] == ["sub-006"]
    errors = {
        problem["case_id"]: problem["message"] for problem in report["problems"] if problem["severity"] == "error"
    }
    assert set(errors) == set(FAULTS)


def test_a_clean_data_set_has_no_errors_and_no_warnings(main, phantoms):
    code, stdout, stderr = main("data", "check", phantoms, "--jobs", 1, "--json")
    assert code == 0, stderr
    report = json.loads(stdout)
    assert (report["num_usable"], report["num_errors"]) == (6, 0)
    assert [problem for problem in report["problems"] if problem["severity"] == "warning"] == []


def test_check_prints_a_table_that_a_person_can_read(main, data):
    truncate(file_of(data, 1))
    code, stdout, _ = main("data", "check", data, "--jobs", 1)
    assert code == 2
    assert re.search(r"error +.*sub-001", stdout)
    assert "6 cases: 5 usable, 1 not" in stdout


@pytest.mark.parametrize(("command", "picture"), [("preview", "preview.png"), ("describe", "cohort.png")])
def test_pictures_of_patients_go_to_the_output_folder_which_git_ignores(main, data, tmp_path, command, picture):
    lines = (data / "participants.tsv").read_text().splitlines(keepends=True)
    (data / "participants.tsv").write_text("".join(lines[:2]))
    code, stdout, stderr = main("data", command, data, "--out", tmp_path / "out")
    assert (code, stderr) == (0, ""), stderr
    assert stdout.endswith(f"drew {tmp_path / 'out' / picture}\n")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".gitignore", picture]


def test_describe_prints_the_cohort_and_draws_it(main, phantoms, tmp_path):
    png = tmp_path / "cohort.png"
    code, stdout, stderr = main("data", "describe", phantoms, "--png", png, "--jobs", 1, "--json")
    assert code == 0, stderr
    cohort = json.loads(stdout)
    assert cohort["num_cases"] == 6
    assert png.read_bytes().startswith(b"\x89PNG")


def test_a_label_of_the_mask_can_be_picked(main, data, tmp_path):
    rewrite(file_of(data, 1, "label-lesion_mask"), lambda mask: 2 * mask)
    table = data / "participants.tsv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:2]))
    command = ("preprocess", data, *QUICK, "--out", tmp_path / "runs", "--json")
    assert main(*command)[0] == 2
    code, stdout, stderr = main(*command, "--lesion-label", 2)
    assert code == 0, stderr
    (entry,) = json.loads(stdout)["cases"].values()
    assert load_preprocessed(data / entry["file"]).reference_DHW.sum() > 0
    code, _, stderr = main(*command, "--lesion-label", 3)
    assert code == 2
    assert "holds no voxel of the value 3" in stderr


def test_a_scan_without_a_mask_is_prepared_but_not_trained_on(main, data, tmp_path):
    file_of(data, 2, "label-lesion_mask").unlink()
    out = tmp_path / "runs"
    code, _, stderr = main("preprocess", data, *QUICK, "--out", out)
    assert code == 0
    assert "1 of 6 cases (sub-002): no lesion mask" in stderr
    code, _, stderr = main("sweep", "patchsize", "--data", data, "--profile", "demo", "--out", out)
    assert code == 2
    assert stderr.startswith("error: case sub-002: no lesion mask at ")


def test_flirt_without_fsl_is_refused_with_the_way_out(main, phantoms, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    command = ("preprocess", phantoms, "--profile", "demo", "--symmetric", "flirt", "--out", tmp_path, "--jobs", 1)
    code, _, stderr = main(*command)
    assert code == 2
    assert "flirt" in stderr
    assert "plane" in stderr


@pytest.mark.slow
def test_a_killed_run_leaves_nothing_that_looks_finished(start, run, data, tmp_path):
    # With all channels, so that five cases take longer than a signal.
    command = ("preprocess", data, "--profile", "demo", "--jobs", 1, "--out", tmp_path / "runs")
    process = start(*command)
    derivatives = data / "derivatives"
    deadline = time.monotonic() + 120
    while not (derivatives.exists() and list(derivatives.rglob("sub-*.npz"))):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    for path in derivatives.rglob("sub-*.npz"):
        load_preprocessed(path)
    finished = run(*command)
    assert finished.returncode == 0, finished.stderr
    assert "6 of 6 cases are prepared" in finished.stdout


@pytest.mark.slow
def test_an_interrupted_run_says_so_in_one_line_and_goes_on(start, run, data, tmp_path):
    # With all channels, so that five cases take longer than a signal.
    command = ("preprocess", data, "--profile", "demo", "--jobs", 1, "--out", tmp_path / "runs")
    process = start(*command)
    while not list((data / "derivatives").rglob("sub-*.npz")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stopped; finished cases are kept" in stderr
    assert "Traceback" not in stderr
    finished = run(*command)
    assert finished.returncode == 0, finished.stderr


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
    except OSError:
        mounted = None
    if mounted is None or mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_told_and_loses_nothing(main, data, tmp_path, small_disk):
    data.chmod(0o555)  # derivatives go under --out then
    (small_disk / "filler").write_bytes(os.urandom(900_000))
    command = ("preprocess", data, *QUICK, "--out", small_disk / "runs")
    code, stdout, stderr = main(*command)
    data.chmod(0o755)
    assert code == 2
    assert "No space left on device" in stderr
    assert "cases failed; mend them and start again" in stdout
    for path in (small_disk / "runs").rglob("*.npz"):
        load_preprocessed(path)


@pytest.mark.timeout(900)  # The first test that wants the study waits for the training.
def test_every_planted_identifier_stays_in_the_raw_files(study):
    """The scans of the study carry a name, an id, a date and a path in their headers (see `started_study`)."""
    raw = b"".join(gzip.decompress(path.read_bytes()) for path in study.data.glob("sub-*/ct/*_ct.nii.gz"))
    assert all(planted.encode() in raw for planted in study.planted)
    searched = [
        path for folder in (study.out, study.data / "derivatives") for path in folder.rglob("*") if path.is_file()
    ]
    assert {path.suffix for path in searched} >= {".db", ".json", ".jsonl", ".png", ".gz", ".npz", ".pt"}
    for path in searched:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        if path.suffix == ".npz":
            content = b"".join(array.tobytes() for array in np.load(path).values())
        assert [planted for planted in study.planted if planted.encode() in content] == [], path
    printed = study.stdout + study.stderr
    assert [planted for planted in study.planted if planted in printed] == []
