import pickle

import pytest
import torch

from hemosweep.training.checkpoint import load_checkpoint, save_checkpoint

CPU = torch.device("cpu")


def test_what_is_saved_is_loaded_again(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"epoch": 3, "best_loss": 0.5, "model": {"weight": torch.arange(3)}})
    state = load_checkpoint(path, CPU)
    assert (state["epoch"], state["best_loss"]) == (3, 0.5)
    assert state["model"]["weight"].tolist() == [0, 1, 2]


def test_a_crash_while_writing_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"epoch": 1})

    def half_written(state, file):
        file.write(b"half of a checkp")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", half_written)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(path, {"epoch": 2})
    assert load_checkpoint(path, CPU)["epoch"] == 1


def test_a_new_checkpoint_takes_the_place_of_the_old_one_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"epoch": 1})
    save_checkpoint(path, {"epoch": 2})
    assert load_checkpoint(path, CPU)["epoch"] == 2
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_cannot_run_code(tmp_path):
    path = tmp_path / "checkpoint.pt"
    torch.save({"epoch": print}, path)
    with pytest.raises(pickle.UnpicklingError, match="weights_only"):
        load_checkpoint(path, CPU)
