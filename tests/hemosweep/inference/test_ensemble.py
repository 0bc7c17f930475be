import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import torch

from hemosweep.errors import BadInput
from hemosweep.foldrun.journal import Journal
from hemosweep.inference import ensemble as ensemble_module
from hemosweep.inference.ensemble import EnsembleCases, load_ensemble, predict_ensemble
from hemosweep.model.device import Device
from hemosweep.preprocessing.record import load_preprocessed
from hemosweep.training import fold_run
from tests.fold_runs import run_fold

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
        spec = tiny_spec(fold=fold, digest=f"fold-{fold}", **split)
        spec.write(folder)
        run_fold(spec, folder, Journal(folder / "events.jsonl"))
        folders.append(folder)
    return folders


@pytest.fixture
def spoilt(trained, tmp_path):
    """A copy of the first fold to spoil."""
    for path in trained[0].iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


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
    spec = tiny_spec(patience=2, max_epochs=50)
    spec.write(tmp_path)
    run_fold(spec, tmp_path, Journal(tmp_path / "events.jsonl"))
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["best_epoch"] == state["epoch"] - 2
    (model,) = load_ensemble([tmp_path]).models
    loaded = model.state_dict()
    assert all(torch.equal(loaded[name], weights) for name, weights in state["best"].items())
    assert not all(torch.equal(loaded[name], weights) for name, weights in state["model"].items())


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


def test_a_fold_run_without_its_checkpoint_is_refused(spoilt):
    (spoilt / "checkpoint.pt").unlink()
    with pytest.raises(BadInput, match=r"checkpoint\.pt: no such file"):
        load_ensemble([spoilt])


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"], ids=["empty", "text", "cut off"])
def test_a_damaged_checkpoint_is_refused(spoilt, content):
    (spoilt / "checkpoint.pt").write_bytes(content)
    with pytest.raises(BadInput, match=r"checkpoint\.pt: damaged"):
        load_ensemble([spoilt])


def test_a_checkpoint_of_another_network_is_refused(spoilt):
    spec = json.loads((spoilt / "spec.json").read_text())
    spec["config"]["network"]["width"] = 3
    (spoilt / "spec.json").write_text(json.dumps(spec))
    with pytest.raises(BadInput, match="another version"):
        load_ensemble([spoilt])


@pytest.mark.parametrize("change", ["a field too many", "a field too few", "no JSON"])
def test_a_spec_of_another_version_is_refused(spoilt, change):
    spec = json.loads((spoilt / "spec.json").read_text())
    if change == "a field too many":
        spec["config"]["network"]["depth"] = 3
    elif change == "a field too few":
        del spec["seed"]
    (spoilt / "spec.json").write_text("{" if change == "no JSON" else json.dumps(spec))
    with pytest.raises(BadInput, match=r"spec\.json is damaged, or of another version|cannot be made from its record"):
        load_ensemble([spoilt])
