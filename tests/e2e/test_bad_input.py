"""Whatever a user gives that cannot work: one line that says so, exit code 2, and nothing left behind.

Most rows run in this process, through the same `main` as the installed command; a few run the command itself.
"""

import shutil

import nibabel as nib
import numpy as np
import pytest
import torch


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def assert_refused(result, *parts):
    code, stdout, stderr = result
    assert code == 2, stderr
    assert stdout == ""
    lines = [line for line in stderr.splitlines() if line.strip()]
    assert len(lines) == 1, stderr
    assert lines[0].startswith("error: ")
    assert "Traceback" not in stderr
    for part in parts:
        assert str(part) in lines[0]


@pytest.fixture
def data(phantoms, tmp_path):
    """A copy of the phantoms to spoil."""
    return shutil.copytree(phantoms, tmp_path / "data", ignore=shutil.ignore_patterns("derivatives"))


def rewrite(path, change):
    image = nib.load(path)
    array = change(np.asanyarray(image.dataobj).copy())
    nib.save(nib.Nifti1Image(array, image.affine), path)


def sweep(data, out, *options):
    return ("sweep", "patchsize", "--data", data, "--profile", "demo", "--folds", 2, "--out", out, *options)


def test_a_data_folder_that_is_not_there(main, tmp_path, out):
    assert_refused(main(*sweep(tmp_path / "nowhere", out)), tmp_path / "nowhere", "no such data folder")
    assert not out.exists()


def test_a_data_folder_that_is_empty(main, tmp_path, out):
    (tmp_path / "empty").mkdir()
    assert_refused(main(*sweep(tmp_path / "empty", out)), tmp_path / "empty" / "participants.tsv", "not found")
    assert not out.exists()


def test_a_case_without_its_mask(main, data, out):
    mask = data / "sub-003" / "ct" / "sub-003_label-lesion_mask.nii.gz"
    mask.unlink()
    assert_refused(main(*sweep(data, out)), "sub-003", mask, "remove the case's row")
    assert not out.exists()


def shorter(array):
    return array[:-1]


def empty(array):
    return np.zeros_like(array)


def with_nan(array):
    array = array.astype(np.float32)
    array[40:42, 40:42, 10] = np.nan
    return array


@pytest.mark.parametrize(
    ("kind", "change", "parts"),
    [
        ("label-lesion_mask", shorter, ("has shape (95, 96, 24) but the CT has (96, 96, 24)",)),
        ("label-lesion_mask", empty, ("is empty",)),
        ("ct", with_nan, ("4 non-finite voxels",)),
    ],
    ids=["mask of another shape", "empty mask", "NaN voxels"],
)
def test_a_case_that_cannot_be_used(main, data, out, kind, change, parts):
    path = data / "sub-002" / "ct" / f"sub-002_{kind}.nii.gz"
    rewrite(path, change)
    assert_refused(main(*sweep(data, out)), "case sub-002", path.name, *parts)
    assert not out.exists()


def test_several_cases_that_cannot_be_used_are_counted_and_the_first_is_named(main, data, out):
    for case_id in ("sub-002", "sub-004"):
        rewrite(data / case_id / "ct" / f"{case_id}_label-lesion_mask.nii.gz", empty)
    assert_refused(main(*sweep(data, out)), "case sub-002", "and 1 more")
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--folds", 99), ("99 folds", "has 6")),
        (("--folds", 1), ("num_folds=1", "at least 2")),
        (("--only-folds", "0,2"), ("--only-folds 0,2: 2 is no fold", "there are 2 folds, 0 to 1")),
        (("--only-folds", "-1"), ("-1 is no fold", "0 to 1")),
        (("--only-folds", "0;1"), ("0;1 is no fold", "0 to 1")),
        (("--only-folds", ""), ("--only-folds: give the numbers of some folds, such as 0,2",)),
        (("--only-folds", " , "), ("--only-folds: give the numbers of some folds",)),
        (("--seeds", 0), ("--seeds 0", "at least 1")),
        (("--arms", "32x32x16,64x64x64"), ("64x64x64", "24x24x8, 32x32x16, 48x48x24")),
        (("--executor", "cloud"), ("cloud", "local")),
        (("--profile", "fast"), ("fast", "demo, paper")),
        (("--lesion-label", 0), ("label 0", "background")),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) and str(value[0]).startswith("--") else "",
)
def test_an_option_that_cannot_work(main, phantoms, out, options, parts):
    assert_refused(main(*sweep(phantoms, out, *options)), *parts)
    assert not out.exists()


@pytest.mark.parametrize("command", ["sweep", "plan"])
def test_a_sweep_that_is_not_there(main, out, command):
    assert_refused(main(command, "patches", "--out", out), "unknown sweep 'patches'", "patchsize")
    assert not out.exists()


@pytest.mark.parametrize("given_data", [True, False], ids=["with data", "without data"])
def test_a_folder_for_results_under_a_file(main, phantoms, tmp_path, given_data):
    file = tmp_path / "file"
    file.write_text("kept")
    arguments = sweep(phantoms, file / "out") if given_data else ("sweep", "patchsize", "--out", file / "out")
    assert_refused(main(*arguments), f"--out {file / 'out'}", "give another folder")
    assert file.read_text() == "kept"


def test_a_folder_for_results_that_is_a_file(main, phantoms, tmp_path):
    file = tmp_path / "file"
    file.write_text("kept")
    assert_refused(main(*sweep(phantoms, file)), f"--out {file}")
    assert file.read_text() == "kept"


@pytest.mark.parametrize("exists", [True, False], ids=["an empty folder", "no folder"])
@pytest.mark.parametrize(
    "command",
    [("runs",), ("runs", "--json"), ("compare", "a", "b")],
    ids=" ".join,
)
def test_a_folder_without_runs(main, out, command, exists):
    if exists:
        out.mkdir()
    assert_refused(main(*command, "--out", out), f"{out} has no runs", "hemosweep sweep")
    assert out.exists() is exists
    assert [*out.glob("*")] == []


def test_cases_without_json(main, out):
    assert_refused(main("runs", "--cases", "--out", out), "--cases", "--json")
    assert not out.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_the_papers_protocol_on_a_machine_without_a_gpu_prints_the_forecast_and_wants_a_yes(main, phantoms, out):
    arguments = ("sweep", "patchsize", "--data", phantoms, "--arms", "24x24x8", "--out", out)
    code, stdout, stderr = main(*arguments)
    assert (code, stdout) == (2, "")
    # Where other programs keep the machine busy, a note says so before the error.
    forecast, first, *_, error = [line for line in stderr.splitlines() if line.strip()]
    assert forecast.startswith("forecast for patchsize (paper profile) on cpu, 6 cases, 5 fold runs: about ")
    assert first.startswith("before that 6 cases are to be preprocessed: ")
    assert error.startswith("error: this machine has no GPU")
    assert "--yes" in error
    assert "--profile demo" in error
    assert [path.name for path in out.iterdir()] == ["calibrations.json"]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("data", "phantom", "{out}", "--cases", 0), ("at least 1",)),
        (("data", "phantom", "{out}", "--size", "huge"), ("huge",)),
        (("data", "preview", "{out}", "--png", "{out}.png"), ("{out}",)),
    ],
    ids=["no cases", "unknown size", "no data set"],
)
def test_a_data_command_that_cannot_work(main, out, arguments, parts):
    filled = [str(argument).format(out=out) for argument in arguments]
    assert_refused(main(*filled), *(part.format(out=out) for part in parts))
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("sweep", "patchsize", "--executor", "cloud"), ("unknown executor 'cloud'",)),
        (("sweep", "patchsize", "--seeds", 0), ("--seeds 0",)),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_the_installed_command_says_the_same(run, tmp_path, arguments, parts):
    result = run(*arguments, cwd=tmp_path)
    assert_refused((result.returncode, result.stdout, result.stderr), *parts)
    assert list(tmp_path.iterdir()) == []


def test_an_option_that_is_not_there_is_refused_with_the_usage(run, tmp_path):
    result = run("sweep", "patchsize", "--flods", 3, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert "--flods" in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("--help",), ("sweep", "--help"), ("data", "--help"), ("compare", "--help")])
def test_help_is_no_error(run, tmp_path, arguments):
    result = run(*arguments, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert "Usage: hemosweep" in result.stdout
