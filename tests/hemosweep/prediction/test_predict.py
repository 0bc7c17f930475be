"""Scans segmented by an arm of a store in memory: two folds of a network that was trained for milliseconds."""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from hemosweep.config import PreprocessingConfig
from hemosweep.digest import digest_json
from hemosweep.errors import BadInput
from hemosweep.foldrun.journal import Journal
from hemosweep.phantom.writer import write_phantom
from hemosweep.prediction.arm import load_arm
from hemosweep.prediction.model_card import model_card
from hemosweep.prediction.model_files import CARD_NAME, MODEL_NAME, read_model, weight_files, write_model
from hemosweep.prediction.predict import predict, predict_with
from hemosweep.runs import FoldRecord
from tests.fold_runs import run_fold
from tests.recorded import SMALL, cases, in_memory

DIGESTS = ("fold-0", "fold-1")


@pytest.fixture(scope="module")
def trained(tiny_spec, tmp_path_factory):
    """An output folder with the two fold runs of one arm."""
    out = tmp_path_factory.mktemp("runs")
    for fold, (digest, split) in enumerate(zip(DIGESTS, ("abcde", "decab"), strict=True)):
        spec = tiny_spec(fold=fold, digest=digest, train=split[:2], validation=split[2], test=split[3:], max_epochs=1)
        preprocessing = PreprocessingConfig(spacing_HWD_mm=(8.0, 8.0, 8.0))
        spec = replace(spec, config=replace(spec.config, preprocessing=preprocessing))
        folder = out / "fold_runs" / digest
        spec.write(folder)
        run_fold(spec, folder, Journal(folder / "events.jsonl"))
    return out


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    data = tmp_path_factory.mktemp("data") / "phantom"
    write_phantom(data, num_cases=1, size="small", seed=3)
    return shutil.copy(data / "sub-001" / "ct" / "sub-001_ct.nii.gz", data.parent / "scan.nii.gz")


@pytest.fixture
def store():
    """A finished run `s/a@0` with its two folds."""
    found = in_memory({"s/a@0": cases(SMALL)})
    run = replace(found.runs[0], digest=digest_json(list(DIGESTS)))
    folds = tuple(
        FoldRecord(fold=fold, digest=digest, status="FINISHED", seconds=1.0, device={})
        for fold, digest in enumerate(DIGESTS)
    )
    return replace(found, runs=(run,), folds={run.run_id: folds})


def test_a_scan_has_its_mask_on_its_own_grid_and_its_volume_counted(store, trained, scan, tmp_path):
    result = predict(store, scan, "s/a", out=trained, to=tmp_path / "to")
    (found,) = result.predictions.values()
    mask, image = nib.load(found.mask), nib.load(scan)
    assert mask.shape == image.shape
    assert np.allclose(mask.affine, image.affine)
    voxel_ml = np.prod(image.header.get_zooms()[:3]) / 1000
    assert found.volume_ml == pytest.approx(np.count_nonzero(np.asanyarray(mask.dataobj)) * voxel_ml)
    assert (result.run, result.num_folds) == ("s/a@0", 2)
    assert result.as_json()["mask"] == found.mask
    assert result.as_lines()[-1].startswith("mean of 2 folds of s/a@0; mask ")


def test_a_model_of_files_segments_as_its_run_does_and_not_with_another_file(store, trained, scan, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    arm = load_arm(store, trained, "s/a")
    card = model_card("lesions", store.runs[0], arm, store.case_rows(store.runs[0].run_id))
    digest = write_model(folder, arm, weight_files(arm), facts={}, card=card)
    read = partial(read_model, folder, digest, "lesions", out=trained)
    (by_run,) = predict(store, scan, "s/a", out=trained, to=tmp_path / "run").predictions.values()
    (by_model,) = predict_with(read, scan, to=tmp_path / "model-to").predictions.values()
    assert Path(by_model.mask).read_bytes() == Path(by_run.mask).read_bytes()
    assert (by_model.max_probability, by_model.warnings) == (by_run.max_probability, by_run.warnings)
    assert read().ensemble_cases.seen == arm.ensemble_cases.seen
    for file in (MODEL_NAME, CARD_NAME, "fold-1.safetensors"):
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(BadInput, match=f"^lesions: its file {file} is not the one that was registered"):
            read()
        (folder / file).write_bytes(content)


def test_a_card_has_scores_with_intervals_and_limits_and_no_case(store, trained):
    card = model_card("lesions", store.runs[0], load_arm(store, trained, "s/a"), store.case_rows(store.runs[0].run_id))
    assert "| 0.675 | 0.573 to 0.777 | 0.122 | 8 |" in card
    assert "Not a medical device" in card
    assert "data set digest `data`" in card
    assert "Demo profile" in card
    assert "/tmp" not in card


def test_a_scan_of_a_folder_that_cannot_be_read_is_named_and_the_others_go_on(store, trained, scan, tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    shutil.copy(scan, folder / "good.nii.gz")
    (folder / "bad.nii.gz").write_bytes(b"no image")
    result = predict(store, folder, "s/a", out=trained, to=tmp_path / "to")
    assert list(result.predictions) == ["good"]
    assert list(result.failures) == ["bad"]
    assert result.as_lines()[-1].startswith("1 of 2 scans are segmented in ")


def test_a_run_that_is_not_finished_or_not_whole_is_refused(store, trained, scan):
    running = replace(store, runs=(replace(store.runs[0], status="KILLED"),))
    with pytest.raises(BadInput, match="run s/a@0 is KILLED, not finished; run its sweep again first"):
        predict(running, scan, "s/a", out=trained)
    one_fold = replace(store, folds={run_id: folds[:1] for run_id, folds in store.folds.items()})
    with pytest.raises(BadInput, match="run s/a@0: the store has 1 of its folds, not all"):
        predict(one_fold, scan, "s/a", out=trained)


def test_masks_are_not_written_among_the_scans(store, trained, scan, tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    shutil.copy(scan, folder)
    with pytest.raises(BadInput, match="masks there would be read as scans; give another folder"):
        predict(store, folder, "s/a", out=trained, to=folder)


def test_an_angiography_that_the_arm_does_not_take_is_told(store, trained, scan, tmp_path):
    result = predict(store, scan, "s/a", out=trained, to=tmp_path / "to", cta=scan)
    assert "run s/a@0 was trained without CT angiography; --cta is not used" in result.warning_lines()


def test_a_mask_has_the_axes_of_its_scan_whatever_they_are(store, trained, scan, tmp_path, monkeypatch):
    def one_corner(model, image_CDHW, brain_DHW, **options):
        probability_DHW = np.zeros(brain_DHW.shape, dtype=np.float32)
        probability_DHW[tuple(slice(length // 2) for length in brain_DHW.shape)] = 0.75
        return probability_DHW

    monkeypatch.setattr("hemosweep.inference.sliding_window.predict_probability", one_corner)
    image = nib.load(scan)
    turned = image.as_reoriented(nib.orientations.axcodes2ornt("LPS"))
    assert nib.aff2axcodes(turned.affine) == ("L", "P", "S")
    nib.save(turned, tmp_path / "lps.nii.gz")
    masks = []
    for path in (scan, tmp_path / "lps.nii.gz"):
        (found,) = predict(store, path, "s/a", out=trained, to=tmp_path / "to").predictions.values()
        masks.append(nib.load(found.mask))
    straight, of_turned = masks
    np.testing.assert_allclose(of_turned.affine, nib.load(tmp_path / "lps.nii.gz").affine, atol=1e-5)
    assert np.asanyarray(straight.dataobj).any()
    np.testing.assert_array_equal(np.asanyarray(of_turned.dataobj), np.asanyarray(straight.dataobj)[::-1, ::-1])
    for name in ("sform_code", "qform_code", "xyzt_units"):
        assert straight.header[name] == image.header[name]
