"""A fold run that cannot even say in its journal what failed says it by its exit code."""

import resource
from pathlib import Path

import pytest

from hemosweep.executors.exit_status import read_end
from hemosweep.foldrun.journal import NO_SPACE, UNWRITABLE
from hemosweep.foldrun.lock import Held, hold, holder
from hemosweep.training.child import alone, train_fold

needs_full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is the disk that is full")


@pytest.fixture
def folder(tiny_spec, tmp_path, one_thread):
    folder = tmp_path / "fold run"
    tiny_spec(max_epochs=1).write(folder)
    return folder


def end(folder):
    code = alone(train_fold, folder)
    return code, read_end(folder, code, 0)


@needs_full_disk
def test_without_space_for_its_journal_it_may_be_worth_another_try(folder):
    (folder / "events.jsonl").symlink_to("/dev/full")
    code, ended = end(folder)
    assert code == NO_SPACE
    assert ended.failure.startswith("system: no space left for its files; free some space there; details in ")
    assert ended.transient


def test_with_a_journal_that_cannot_be_written_to_it_is_not(folder):
    (folder / "events.jsonl").mkdir()
    code, ended = end(folder)
    assert code == UNWRITABLE
    assert ended.failure.startswith("system: its folder cannot be written to; make it writable; details in ")
    assert not ended.transient


def test_a_lock_that_cannot_be_made_is_no_defect(folder):
    (folder / "lock").mkdir()
    assert end(folder)[0] == UNWRITABLE


def test_a_lock_without_space_for_its_holders_name_is_held_all_the_same(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # No file may have a byte.
    try:
        with hold(path):
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            assert holder(path) == "a process that has not given its name yet"
            with pytest.raises(Held), hold(path, patience_s=0.0):
                pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert holder(path) is None


@needs_full_disk
def test_a_checkpoint_that_does_not_fit_is_a_failure_with_a_name_and_the_next_try_goes_on(folder):
    (folder / ".tmp-checkpoint.pt").symlink_to("/dev/full")
    code, ended = end(folder)
    assert code == 1
    assert ended.failure.startswith("system: checkpoint.pt: No space left on device; free some space there; ")
    assert ended.transient
    assert not (folder / "checkpoint.pt").exists()
    code, ended = end(folder)
    assert (code, ended.failure) == (0, None)


@needs_full_disk
@pytest.mark.parametrize("name", ["scores.json", "done.json"])
def test_a_result_that_does_not_fit_is_none(folder, name):
    (folder / f".tmp-{name}").symlink_to("/dev/full")
    code, ended = end(folder)
    assert code == 1
    assert f"system: {name}: No space left on device" in ended.failure
    assert not (folder / name).exists()
    assert end(folder)[0] == 0
