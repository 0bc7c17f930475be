import os
import stat
from pathlib import Path

import pytest
import torch

from hemosweep.foldrun.spec import write_json
from hemosweep.model.checkpoint import UnreadableCheckpoint, load_checkpoint, save_checkpoint


def test_what_is_saved_is_loaded_again(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"run": "0123", "epoch": 3, "best_loss": 0.5, "model": {"weight": torch.arange(3)}})
    state = load_checkpoint(path, "0123")
    assert (state["epoch"], state["best_loss"]) == (3, 0.5)
    assert state["model"]["weight"].tolist() == [0, 1, 2]


def test_a_crash_while_writing_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"run": "0123", "epoch": 1})

    def half_written(state, file):
        file.write(b"half of a checkp")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", half_written)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(path, {"run": "0123", "epoch": 2})
    assert load_checkpoint(path, "0123")["epoch"] == 1


def test_a_new_checkpoint_takes_the_place_of_the_old_one_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"run": "0123", "epoch": 1})
    save_checkpoint(path, {"run": "0123", "epoch": 2})
    assert load_checkpoint(path, "0123")["epoch"] == 2
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_cannot_run_code(tmp_path):
    path = tmp_path / "checkpoint.pt"
    torch.save({"run": "0123", "epoch": print}, path)
    with pytest.raises(UnreadableCheckpoint, match=r"checkpoint\.pt is damaged \(UnpicklingError\)"):
        load_checkpoint(path, "0123")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is the disk that is full")
@pytest.mark.parametrize("num_weights", [1, 1_000_000])
def test_a_full_disk_is_told_as_such_with_the_checkpoints_name_and_leaves_the_old_one(tmp_path, num_weights):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"run": "0123", "epoch": 1})
    (tmp_path / ".tmp-checkpoint.pt").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as raised:
        save_checkpoint(path, {"run": "0123", "epoch": 2, "model": torch.zeros(num_weights)})
    assert raised.value.filename == str(path)
    assert load_checkpoint(path, "0123")["epoch"] == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", [save_checkpoint, write_json], ids=["checkpoint", "json"])
def test_a_file_is_on_disk_before_it_takes_its_name_and_its_folder_after(tmp_path, monkeypatch, write):
    flushed = []
    flush = os.fsync

    def fsync(descriptor):
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        flushed.append(("folder" if is_folder else "file", (tmp_path / "file").exists()))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write(tmp_path / "file", {"run": "0123", "epoch": 1})
    assert flushed == [("file", False), ("folder", True)]


def test_a_file_system_that_flushes_no_folders_is_put_up_with(tmp_path, monkeypatch):
    flush = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError("Invalid argument")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    save_checkpoint(tmp_path / "checkpoint.pt", {"run": "0123", "epoch": 1})
    assert load_checkpoint(tmp_path / "checkpoint.pt", "0123")["epoch"] == 1


def test_a_fold_runs_own_checkpoint_is_the_one_with_its_name(tmp_path):
    path = tmp_path / "checkpoint.pt"
    assert load_checkpoint(path, "0123") is None
    save_checkpoint(path, {"run": "0123", "epoch": 1})
    assert load_checkpoint(path, "0123") == {"run": "0123", "epoch": 1}
    for state in ({"run": "4567", "epoch": 1}, {"epoch": 1}, [1, 2]):
        save_checkpoint(path, state)
        with pytest.raises(UnreadableCheckpoint, match=r"checkpoint\.pt was not written by this fold run"):
            load_checkpoint(path, "0123")


def test_a_checkpoint_that_memory_does_not_hold_is_not_called_damaged(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"run": "0123"})

    def load(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")

    monkeypatch.setattr(torch, "load", load)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        load_checkpoint(path, "0123")


def test_one_flipped_bit_of_a_weight_is_found(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"run": "mine", "model": torch.full((64,), 0.5)})
    content = bytearray(path.read_bytes())
    content[content.index(torch.full((64,), 0.5).numpy().tobytes()) + 43] ^= 0x40  # the exponent's highest bit
    path.write_bytes(content)
    with pytest.raises(UnreadableCheckpoint, match=r"checkpoint\.pt is damaged \(BadZipFile\)"):
        load_checkpoint(path, "mine")
