import json
import shutil
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import torch

from hemosweep.errors import BadInput
from hemosweep.foldrun.journal import Journal
from hemosweep.foldrun.seal import BrokenSeal
from hemosweep.foldrun.spec import write_json
from hemosweep.inference import ensemble as ensemble_module
from hemosweep.inference.ensemble import EnsembleCases, load_ensemble, predict_ensemble
from hemosweep.model.device import Device
from hemosweep.preprocessing.record import load_preprocessed
from hemosweep.training import fold_run
from tests.fold_runs import run_fold, seal_again

SPLITS = ({"train": "ab", "validation": "c", "test": "de"}, {"train": "de", "validation": "c", "test": "ab"})


@pytest.fixture(scope="module")
def one_thread():
    """The CPU even where there is a GPU, whose sums are not repeatable."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    device = Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=1)
    with pytest.MonkeyPatch.context() as patch:
        for module in (fold_run, ensemble_module):
            patch.setattr(module, "choose_device", lambda *, deterministic: device)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def trained(one_thread, tiny_spec, tmp_path_factory):
    """Two folds of one arm, trained."""
    folders = []
    for fold, split in enumerate(SPLITS):
        folder = tmp_path_factory.mktemp(f"fold-{fold}")
        spec = tiny_spec(fold=fold, digest=folder.name, **split)
        spec.write(folder)
        run_fold(spec, folder, Journal(folder / "events.jsonl"))
        folders.append(folder)
    return folders


@pytest.fixture
def spoilt(trained, tmp_path):
    """A copy of the first fold to spoil."""
    return shutil.copytree(trained[0], tmp_path / trained[0].name)


def test_an_ensemble_of_one_fold_predicts_what_the_fold_was_scored_by(trained, tiny_inputs):
    for folder, test in zip(trained, ("de", "ab"), strict=True):
        ensemble = load_ensemble([folder])
        for case_id in test:
            case = load_preprocessed(tiny_inputs[case_id])
            predicted_DHW = case.grid.to_native(predict_ensemble(ensemble, case)) > 0.5
            written = nib.load(folder / "predictions" / f"{case_id}.nii.gz")
            assert np.array_equal(np.asanyarray(written.dataobj).transpose(2, 1, 0), predicted_DHW)


def test_an_ensemble_of_two_folds_gives_the_mean_of_both(trained, tiny_inputs):
    case = load_preprocessed(tiny_inputs["c"])
    first_DHW, second_DHW = (predict_ensemble(load_ensemble([folder]), case) for folder in trained)
    assert not np.array_equal(first_DHW, second_DHW)
    told = []
    mean_DHW = predict_ensemble(load_ensemble(trained), case, on_fold=lambda: told.append(1))
    assert np.allclose(mean_DHW, (first_DHW + second_DHW) / 2, atol=1e-6)
    assert mean_DHW.dtype == np.float32
    assert len(told) == 2


def test_the_weights_are_those_of_the_best_validation_loss(trained, tiny_spec, one_thread, tmp_path):
    spec = tiny_spec(patience=2, max_epochs=50, digest=tmp_path.name)
    spec.write(tmp_path)
    run_fold(spec, tmp_path, Journal(tmp_path / "events.jsonl"))
    state = torch.load(tmp_path / "weights.pt", weights_only=True)
    assert state["best_epoch"] == state["num_epochs"] - 2
    (model,) = load_ensemble([tmp_path]).models
    loaded = model.state_dict()
    assert all(torch.equal(loaded[name], weights) for name, weights in state["best"].items())


def test_the_cases_of_a_run_are_known_again_without_name_and_lesion(trained, tiny_inputs):
    # The tiny cases share one brain; each gets its own here.
    ensemble = load_ensemble(trained)
    case = replace(load_preprocessed(tiny_inputs["a"]), case_id="scan", lesion_DHW=np.zeros((8, 12, 12), dtype=bool))
    own_cases = EnsembleCases(ensemble)
    assert own_cases.num_missing == 0
    assert own_cases.num_folds_that_saw(case) is not None
    brain_DHW = case.brain_DHW.copy()
    brain_DHW[4, 6, 6] = False
    assert own_cases.num_folds_that_saw(replace(case, brain_DHW=brain_DHW)) is None


def test_folds_that_trained_or_stopped_on_a_case_are_counted(trained, tiny_inputs, tmp_path):
    from hemosweep.preprocessing.record import save_preprocessed

    ensemble = load_ensemble(trained)
    moved = {}
    for number, (case_id, path) in enumerate(tiny_inputs.items()):
        case = load_preprocessed(path)
        case.brain_DHW[0, number + 1, 5] = False
        moved[case_id] = tmp_path / f"{case_id}.npz"
        save_preprocessed(case, moved[case_id])

    def part(inputs):
        return tuple(replace(case, path=str(moved[case.case_id])) for case in inputs)

    specs = tuple(
        replace(spec, train=part(spec.train), validation=part(spec.validation), test=part(spec.test))
        for spec in ensemble.specs
    )
    moved["e"].unlink()
    own_cases = EnsembleCases(replace(ensemble, specs=specs))
    assert own_cases.num_missing == 1
    saw = {name: own_cases.num_folds_that_saw(load_preprocessed(moved[name])) for name in "abcd"}
    assert saw == {"a": 1, "b": 1, "c": 2, "d": 1}


def test_a_fold_run_that_is_not_done_is_refused(spoilt):
    (spoilt / "done.json").unlink()
    with pytest.raises(BadInput, match="not done"):
        load_ensemble([spoilt])


def test_a_fold_run_whose_folder_is_gone_is_refused(tmp_path):
    with pytest.raises(BadInput, match="its folder is gone; run its sweep again"):
        load_ensemble([tmp_path / "0123"])


def test_a_fold_run_without_its_weights_is_refused(spoilt):
    (spoilt / "weights.pt").unlink()
    with pytest.raises(BrokenSeal, match=r"weights\.pt is missing; .* run its sweep again"):
        load_ensemble([spoilt])


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"], ids=["empty", "text", "cut off"])
def test_damaged_weights_are_refused_by_their_seal_and_without_it(spoilt, content):
    (spoilt / "weights.pt").write_bytes(content)
    with pytest.raises(BrokenSeal, match=r"weights\.pt has \d+ bytes, and was sealed with \d+; "):
        load_ensemble([spoilt])
    seal_again(spoilt)
    with pytest.raises(BadInput, match=r"weights\.pt is damaged \(\w+\); delete this folder and run its sweep again"):
        load_ensemble([spoilt])


def test_one_bit_of_a_weight_that_flipped_is_refused_by_the_seal_and_by_the_checksum_of_the_archive(spoilt):
    content = bytearray((spoilt / "weights.pt").read_bytes())
    weights = torch.load(spoilt / "weights.pt", weights_only=True)["best"]
    name, tensor = next((name, tensor) for name, tensor in weights.items() if tensor.ndim == 5)
    place = content.index(tensor.numpy().tobytes())
    content[place + 3] ^= 0x40  # The highest bit of the exponent of a little-endian float32.
    (spoilt / "weights.pt").write_bytes(content)
    off = torch.load(spoilt / "weights.pt", weights_only=True)["best"][name].flatten()[0]
    assert abs(float(off)) > 1e30, "torch itself notices nothing"
    with pytest.raises(BrokenSeal, match=r"weights\.pt has other content than it was sealed with"):
        load_ensemble([spoilt])
    seal_again(spoilt)
    with pytest.raises(BadInput, match=r"weights\.pt is damaged \(BadZipFile\)"):
        load_ensemble([spoilt])


def test_weights_of_another_fold_run_are_refused(trained, spoilt):
    shutil.copyfile(trained[1] / "weights.pt", spoilt / "weights.pt")
    seal_again(spoilt)
    with pytest.raises(BadInput, match=r"weights\.pt was not written by this fold run"):
        load_ensemble([spoilt])


def test_the_folder_of_another_fold_run_under_this_name_is_refused(trained, tmp_path):
    folder = shutil.copytree(trained[1], tmp_path / trained[0].name)
    with pytest.raises(BrokenSeal, match=rf"done\.json is the seal of another fold run, {trained[1].name}"):
        load_ensemble([folder])


def test_the_checkpoint_of_an_earlier_version_serves_where_nothing_was_sealed(trained, spoilt, tiny_inputs):
    case = load_preprocessed(tiny_inputs["c"])
    (spoilt / "weights.pt").rename(spoilt / "checkpoint.pt")
    write_json(spoilt / "done.json", {"digest": spoilt.name, "seconds": 1.0})
    expected_DHW = predict_ensemble(load_ensemble([trained[0]]), case)
    assert np.array_equal(predict_ensemble(load_ensemble([spoilt]), case), expected_DHW)


def test_weights_of_another_network_are_refused(spoilt):
    spec = json.loads((spoilt / "spec.json").read_text())
    spec["config"]["network"]["width"] = 3
    (spoilt / "spec.json").write_text(json.dumps(spec))
    seal_again(spoilt)
    with pytest.raises(BadInput, match=r"weights\.pt is of another network"):
        load_ensemble([spoilt])


@pytest.mark.parametrize("change", ["a field too many", "a field too few", "no JSON"])
def test_a_spec_of_another_version_is_refused(spoilt, change):
    spec = json.loads((spoilt / "spec.json").read_text())
    if change == "a field too many":
        spec["config"]["network"]["depth"] = 3
    elif change == "a field too few":
        del spec["seed"]
    (spoilt / "spec.json").write_text("{" if change == "no JSON" else json.dumps(spec))
    seal_again(spoilt)
    with pytest.raises(BadInput, match=r"spec\.json is damaged, or of another version|cannot be made from its record"):
        load_ensemble([spoilt])
