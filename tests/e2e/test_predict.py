"""`hemosweep predict` on the real study: scans in, masks on their own grids, numbers and pictures out."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

from hemosweep.config import config_from_dict
from hemosweep.data.case import Case
from hemosweep.foldrun.spec import FoldRunSpec
from hemosweep.inference.sliding_window import predict_probability
from hemosweep.model.device import Device
from hemosweep.preprocessing.pipeline import preprocess_case
from tests.fold_runs import seal_again

# The first test waits for the training, which takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(900)

ARM = "32x32x16"  # of the two the one with the fewer windows


@pytest.fixture(scope="module")
def ct(study):
    return study.data / "sub-002" / "ct" / "sub-002_ct.nii.gz"


@pytest.fixture
def new_ct(ct, tmp_path):
    """A scan that the run has not seen: sub-002, the last slice of its vertex not scanned."""
    image = nib.load(ct)
    path = tmp_path / "scans" / "new.nii.gz"
    path.parent.mkdir()
    nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj)[..., :-1], image.affine), path)
    return path


@pytest.fixture
def predict(study, main, tmp_path):
    """Runs `hemosweep predict`: exit code, JSON (None where there is none), lines of standard error."""

    def predict(scan, *options, arm=ARM, out=study.out):
        where = ("--run", f"patchsize/{arm}", "--out", out, "--to", tmp_path / "to", "--json")
        code, stdout, stderr = main("predict", scan, *where, *options)
        return code, json.loads(stdout) if stdout else None, [line for line in stderr.splitlines() if line.strip()]

    return predict


@dataclass(frozen=True)
class Prediction:
    """A scan like `new_ct`, the folder of its results, and what `predict` returned."""

    scan: Path
    to: Path
    result: tuple[int, dict[str, Any], list[str]]


@pytest.fixture(scope="module")
def known():
    """The prediction of the new scan, once it was made."""
    return []


@pytest.fixture
def predicted(known, predict, new_ct, tmp_path_factory):
    """The new scan with its results, made once; no test changes them."""
    if not known:
        folder = tmp_path_factory.mktemp("predicted")
        scan, to = shutil.copyfile(new_ct, folder / "new.nii.gz"), folder / "to"
        known.append(Prediction(scan, to, predict(scan, "--to", to)))
    return known[0]


@pytest.fixture
def no_network(monkeypatch):
    """A stand-in for the networks, for tests of all that is around them: the upper half of the brain is lesion."""

    def predict_probability(model, image_CDHW, brain_DHW, **options):
        is_upper_DHW = np.arange(len(brain_DHW))[:, None, None] >= len(brain_DHW) // 2
        return np.where(brain_DHW & is_upper_DHW, np.float32(0.75), np.float32(0.0))

    monkeypatch.setattr("hemosweep.inference.sliding_window.predict_probability", predict_probability)


@pytest.fixture
def copied_out(study, tmp_path):
    """A copy of the results to spoil."""
    return shutil.copytree(study.out, tmp_path / "runs")


def read(path):
    image = nib.load(path)
    return np.asanyarray(image.dataobj), image.affine


def to_ras(path):
    image = nib.as_closest_canonical(nib.load(path))
    return np.asanyarray(image.dataobj), image.affine


def assert_refused(result, *parts):
    code, printed, errors = result
    assert (code, printed) == (2, None)
    assert len(errors) == 1, errors
    assert errors[0].startswith("error: ")
    for part in parts:
        assert str(part) in errors[0]


def test_a_scan_gives_its_mask_on_its_own_grid_its_volume_and_a_picture(predicted):
    code, found, told = predicted.result
    assert (code, told) == (0, [])
    assert found["file"] == str(predicted.scan)
    assert (found["run"], found["num_folds"]) == (f"patchsize/{ARM}@0", 2)
    mask, affine = read(found["mask"])
    scan, scan_affine = to_ras(predicted.scan)
    assert mask.shape == scan.shape
    assert np.allclose(affine, scan_affine)
    assert set(np.unique(mask)) <= {0, 1}
    voxel_ml = abs(np.linalg.det(scan_affine[:3, :3])) / 1000
    assert found["volume_ml"] == pytest.approx(np.count_nonzero(mask) * voxel_ml)
    assert (found["max_probability"] > 0.5) == mask.any()
    assert (found["abc2_ml"] > 0.0) == mask.any()
    names = sorted(path.name for path in predicted.to.iterdir())
    assert [name.partition(".")[2] for name in names] == ["json", "nii.gz", "png"]
    assert len({name.partition(".")[0] for name in names}) == 1
    assert names[0].startswith("new-")


def test_the_mask_is_the_mean_over_the_folds_best_weights_above_one_half(predicted, study):
    found = predicted.result[1]
    specs = [FoldRunSpec.read(path.parent) for path in study.out.glob("fold_runs/*/spec.json")]
    specs = [spec for spec in specs if spec.config.sampling.patch_HWD == (16, 16, 8)]
    assert len(specs) == 2
    config = specs[0].config
    scan = Case(case_id="new", patient_id="new", ivh=None, ct_path=predicted.scan, lesion_path=None)
    case = preprocess_case(scan, config.preprocessing)
    by_fold = []
    for spec in specs:
        model = config.network.build(in_channels=1)
        state = torch.load(study.out / "fold_runs" / spec.digest / "weights.pt", weights_only=True)
        model.load_state_dict(state["best"])
        by_fold.append(
            predict_probability(
                model,
                case.image_CDHW,
                case.brain_DHW,
                patch_DHW=(8, 16, 16),
                overlap=config.inference.overlap,
                batch_size=35,
                device=Device(torch_device=torch.device("cpu"), bf16=False, channels_last=False, num_threads=1),
            )
        )
    probability_DHW = case.grid.to_native((by_fold[0] + by_fold[1]) / 2)
    assert found["max_probability"] == pytest.approx(float(probability_DHW.max()), abs=1e-4)
    unsure_DHW = np.abs(probability_DHW - 0.5) < 1e-4
    mask_DHW = read(found["mask"])[0].transpose(2, 1, 0) > 0
    assert mask_DHW.any()
    assert np.array_equal(mask_DHW | unsure_DHW, (probability_DHW > 0.5) | unsure_DHW)


@pytest.mark.usefixtures("no_network")
def test_a_scan_that_the_run_was_trained_on_is_told_under_any_name(predict, ct, tmp_path):
    other_name = shutil.copyfile(ct, tmp_path / "anonymous.nii.gz")
    code, found, told = predict(other_name)
    assert code == 0
    (warning,) = told
    assert warning.startswith("warning: the run was trained on this CT (1 of 2 folds saw it)")
    assert found["warnings"] == [warning.removeprefix("warning: ")]


def test_the_same_scan_stored_in_another_orientation_has_its_mask_on_that_grid_voxel_by_voxel(
    predict, predicted, new_ct
):
    image = nib.load(new_ct)
    turned = image.as_reoriented(nib.orientations.axcodes2ornt(("S", "L", "P")))
    path = new_ct.with_name("turned.nii.gz")
    nib.save(turned, path)
    assert not np.allclose(nib.load(path).affine, image.affine)
    mask = nib.load(predicted.result[1]["mask"]).as_reoriented(nib.orientations.axcodes2ornt(("S", "L", "P")))
    of_turned, affine_of_turned = read(predict(path)[1]["mask"])
    assert np.array_equal(np.asanyarray(mask.dataobj), of_turned)
    assert np.allclose(nib.load(path).affine, affine_of_turned)


@pytest.mark.realdata
def test_the_scan_whose_mask_once_came_flipped_has_it_on_its_own_grid(predict, real_data):
    scan = real_data / "failing" / "predict_lps" / "lps_ct.nii.gz"
    code, found, _ = predict(scan)
    assert code == 0
    image, mask = nib.load(scan), nib.load(found["mask"])
    assert nib.aff2axcodes(mask.affine) == nib.aff2axcodes(image.affine) == ("L", "P", "S")
    assert mask.shape == image.shape
    assert np.allclose(mask.affine, image.affine)


def test_a_tilted_scan_has_its_mask_on_its_sheared_grid(predict, predicted, new_ct):
    """The same head as a tilted gantry stores it: each slice two pixels on, and an affine that says so."""
    scan, affine = to_ras(new_ct)
    tilted_affine = affine @ np.array([[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    depth = scan.shape[2]
    tilted = np.full_like(scan, scan.min(), shape=(scan.shape[0], scan.shape[1] + depth, depth))
    for index in range(depth):
        start = depth - index
        tilted[:, start : start + scan.shape[1], index] = scan[..., index]
    tilted_affine[:3, 3] -= depth * affine[:3, 1]
    path = new_ct.with_name("tilted.nii.gz")
    nib.save(nib.Nifti1Image(tilted, tilted_affine), path)

    mask = read(predicted.result[1]["mask"])[0] > 0
    code, found, told = predict(path)
    assert code == 0
    assert any("gantry tilt" in line for line in told)
    of_tilted, affine_of_tilted = read(found["mask"])
    assert np.allclose(affine_of_tilted, tilted_affine, atol=1e-4)
    back = np.stack(
        [of_tilted[:, depth - index : depth - index + scan.shape[1], index] > 0 for index in range(depth)], axis=-1
    )
    assert back.sum() == of_tilted.sum()
    overlap = 2 * np.count_nonzero(mask & back) / (np.count_nonzero(mask) + np.count_nonzero(back))
    assert overlap > 0.7


@pytest.mark.usefixtures("no_network")
def test_what_is_there_is_not_made_again_unless_run_or_scan_differs(predict, new_ct, tmp_path):
    first = predict(new_ct)[1]
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "to").iterdir()}
    assert predict(new_ct)[1] == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "to").iterdir()} == written
    other_arm = predict(new_ct, arm="24x24x8")[1]
    assert other_arm["mask"] != first["mask"]
    image = nib.load(new_ct)
    nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj)[..., 1:], image.affine), new_ct)
    assert predict(new_ct)[1]["mask"] not in (first["mask"], other_arm["mask"])
    assert len(list((tmp_path / "to").iterdir())) == 9


@pytest.mark.usefixtures("no_network")
def test_in_a_folder_bad_files_are_named_and_the_others_go_on(predict, new_ct):
    folder = new_ct.parent
    (folder / "broken.nii.gz").write_bytes(b"no NIfTI")
    nib.save(
        nib.Nifti1Image(np.zeros((30, 30, 10), dtype=np.int16), np.diag([5.0, 5.0, 5.0, 1.0])), folder / "no.nii.gz"
    )
    code, found, errors = predict(folder, "--folder")
    assert code == 2
    assert list(found["cases"]) == ["new"]
    assert list(found["failures"]) == ["broken", "no"]
    assert [line for line in errors if line.startswith("error: ")] == errors
    assert ["not a readable NIfTI file" in errors[0], "is it a head CT?" in errors[1]] == [True, True]


@pytest.mark.usefixtures("no_network")
def test_a_scan_unlike_the_training_cohort_is_told_in_one_line_and_in_the_json(predict, predicted, new_ct):
    assert predicted.result[1]["unlike_cohort"] == []
    image = nib.load(new_ct)
    shrunk = np.diag([0.75, 0.75, 0.75, 1.0]) @ image.affine  # a child's head on a finer grid
    nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj), shrunk), new_ct)
    code, found, told = predict(new_ct)
    assert code == 0
    assert [one["name"] for one in found["unlike_cohort"]] == ["brain mask", "slice step", "pixel size"]
    mask, step, pixel = found["unlike_cohort"]
    assert (step["scan"], step["cohort_low"], step["cohort_high"], step["unit"]) == (4.5, 6.0, 6.0, "mm")
    assert pixel["scan"] == 1.65
    assert mask["scan"] < 700 < 1200 < mask["cohort_low"] <= mask["cohort_high"] < 1600
    (line,) = (line for line in told if "unlike" in line)
    assert line.startswith(
        f"warning: this scan is unlike the training cohort: brain mask {mask['scan']:,g} mL (cohort "
    )
    assert "slice step 4.5 mm (cohort 6 to 6), pixel size 1.65 mm (cohort 2.2 to 2.2); expect worse results" in line


@pytest.mark.usefixtures("no_network")
def test_an_arm_of_an_earlier_version_that_does_not_know_its_cohort_says_so_once(predict, copied_out, new_ct):
    for folder in (copied_out / "fold_runs").iterdir():
        spec = json.loads((folder / "spec.json").read_text())
        del spec["cohort"]
        (folder / "spec.json").write_text(json.dumps(spec))
        seal_again(folder)
    shutil.copyfile(new_ct, new_ct.with_name("another.nii.gz"))
    code, found, told = predict(new_ct.parent, out=copied_out)
    assert code == 0
    assert [case["unlike_cohort"] for case in found["cases"].values()] == [None, None]
    assert sum("does not say what its cases are like" in line for line in told) == 1


@pytest.mark.usefixtures("no_network")
def test_a_data_set_folder_gives_the_cases_of_its_table_without_their_masks(predict, study, tmp_path):
    data = shutil.copytree(study.data, tmp_path / "data", ignore=shutil.ignore_patterns("derivatives"))
    table = (data / "participants.tsv").read_text().splitlines()
    (data / "participants.tsv").write_text("\n".join(table[:3]) + "\n")
    (data / "sub-001" / "ct" / "sub-001_label-lesion_mask.nii.gz").write_bytes(b"no NIfTI")
    (data / "sub-002" / "ct" / "sub-002_label-lesion_mask.nii.gz").unlink()
    code, found, told = predict(data)
    assert (code, list(found["cases"]), found["failures"]) == (0, ["sub-001", "sub-002"], {})
    assert told == [
        "warning: 2 of 2 cases (sub-001, sub-002): the run was trained on this CT (1 of 2 folds saw it): its result "
        "says nothing about new patients"
    ]


@pytest.mark.usefixtures("no_network")
def test_no_identifier_of_the_header_reaches_what_is_written(predict, study, ct, tmp_path):
    found = predict(ct)[1]
    files = [path for path in (tmp_path / "to").iterdir() if path.is_file()]
    assert len(files) == 3
    header = nib.load(found["mask"]).header
    assert header["descrip"].item() == header["aux_file"].item() == header["db_name"].item() == b""
    assert len(header.extensions) == 0
    for path in files:
        assert not any(identifier.encode() in path.read_bytes() for identifier in study.planted)
        assert str(ct.parent).encode() not in path.read_bytes()


def test_for_a_person_volume_and_estimate_stand_side_by_side(main, study, predicted):
    where = ("--run", f"patchsize/{ARM}", "--out", study.out, "--to", predicted.to)
    code, stdout, _ = main("predict", predicted.scan, *where)
    assert code == 0
    first, second = stdout.splitlines()
    assert first.split()[0] == "new"
    found = predicted.result[1]
    assert f"{found['volume_ml']:.1f} mL   ABC/2 {found['abc2_ml']:.1f} mL (Kothari), " in first
    assert f", {found['abc2_plain_ml']:.1f} mL (A x B x C / 2)" in first
    assert f"mean of 2 folds of patchsize/{ARM}@0" in second


@pytest.fixture
def angiography_out(copied_out):
    """As if the run had been trained with symmetric image and angiography: untrained networks of three channels."""
    torch.manual_seed(0)
    for folder in (copied_out / "fold_runs").iterdir():
        spec = json.loads((folder / "spec.json").read_text())
        spec["config"]["preprocessing"] |= {"symmetric": "plane", "angiography": True}
        (folder / "spec.json").write_text(json.dumps(spec))
        model = config_from_dict(spec["config"]).network.build(in_channels=3)
        torch.save({"run": folder.name, "best": model.state_dict()}, folder / "weights.pt")
        seal_again(folder)
    return copied_out


def test_an_arm_with_angiography_wants_one_and_takes_it(predict, study, angiography_out, tmp_path):
    cta = next(study.data.glob("sub-*/ct/*_cta.nii.gz"))
    scan = cta.with_name(cta.name.replace("_cta", "_ct"))
    assert_refused(predict(scan, out=angiography_out), f"patchsize/{ARM}@0 was trained with CT angiography", "--cta")
    code, found, told = predict(scan, "--cta", cta, out=angiography_out)
    assert code == 0, told
    assert 0.0 < found["max_probability"] <= 1.0
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copyfile(scan, alone / "scan.nii.gz")
    assert_refused(predict(alone, out=angiography_out), "trained with CT angiography", alone, "one by one")


@pytest.mark.usefixtures("no_network")
def test_an_angiography_that_the_arm_does_not_take_is_told(predict, new_ct, ct):
    code, _, told = predict(new_ct, "--cta", ct)
    assert code == 0
    assert told == [f"warning: run patchsize/{ARM}@0 was trained without CT angiography; --cta is not used"]


def test_a_scan_or_folder_that_cannot_be_used(predict, study, new_ct, tmp_path):
    assert_refused(predict(tmp_path / "nowhere.nii.gz"), tmp_path / "nowhere.nii.gz", "no such file")
    assert_refused(predict(new_ct, "--cta", tmp_path / "nowhere.nii.gz"), tmp_path / "nowhere.nii.gz", "no such file")
    assert_refused(predict(new_ct, "--folder"), new_ct, "no such folder")
    assert_refused(predict(new_ct.parent, "--cta", new_ct), "--cta goes with one scan")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert_refused(predict(empty), empty, "holds no *.nii.gz, no *.nii and no participants.tsv")
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"no NIfTI")
    assert_refused(predict(broken), "broken.nii.gz", "not a readable NIfTI file")
    mask = study.data / "sub-002" / "ct" / "sub-002_label-lesion_mask.nii.gz"
    assert_refused(predict(mask), mask.name, "is it a head CT?")
    assert not (tmp_path / "to").exists()


def test_a_place_that_cannot_be_written_to(predict, new_ct):
    assert_refused(predict(new_ct, "--to", new_ct), f"--to {new_ct}", "give another folder")
    assert_refused(predict(new_ct.parent, "--to", new_ct.parent), "is the folder of the scans")


def test_a_run_that_is_not_there_or_not_whole(predict, main, new_ct, copied_out, tmp_path):
    assert_refused(predict(new_ct, arm="32x32x17"), "no run 'patchsize/32x32x17'", f"patchsize/{ARM}@0")
    assert_refused(predict(new_ct, out=tmp_path / "none"), "has no runs")
    assert not (tmp_path / "none").exists()
    folders = list((copied_out / "fold_runs").iterdir())
    for folder in folders:
        (folder / "weights.pt").unlink()
    assert_refused(predict(new_ct, out=copied_out), "weights.pt is missing", "run its sweep again")
    for folder in folders:
        (folder / "done.json").unlink()
    assert_refused(predict(new_ct, out=copied_out), "this fold run is not done", "run its sweep again")
    assert not (tmp_path / "to").exists()
