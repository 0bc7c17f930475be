"""A whole fold run in this process: real network, real loss, tiny volumes."""

import errno
import json
import os
import shutil
import signal
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import torch

from hemosweep.data.nifti import read_volume
from hemosweep.errors import BadInput
from hemosweep.foldrun.journal import Journal, read_journal
from hemosweep.foldrun.seal import BROKEN
from hemosweep.foldrun.spec import CaseInput
from hemosweep.model.checkpoint import load_checkpoint
from hemosweep.model.memory import OutOfMemory
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.model.optimisers.adadelta import Adadelta
from hemosweep.model.optimisers.sgd import SGD
from hemosweep.model.schedules.plateau import Plateau
from hemosweep.model.schedules.poly import Poly
from hemosweep.model.unet import SEUNet
from hemosweep.preprocessing.record import load_preprocessed, save_preprocessed
from hemosweep.scores.score_case import score_case
from hemosweep.training import child, fold_run
from hemosweep.training.compiled import GraphFailed
from hemosweep.training.fold_run import derive_seed
from hemosweep.training.loop import NonFiniteLoss
from tests.fold_runs import run_fold
from tests.present import present_source

pytestmark = pytest.mark.usefixtures("one_thread")
DIGEST = "tiny"
TIMES = {"time", "at_work_s", "seconds"}


def interrupted_by(told):
    """A journal that raises KeyboardInterrupt once it has told of an event, such as ("epoch", 3)."""

    class Interrupted(Journal):
        def write(self, event, **fields):
            super().write(event, **fields)
            if (event, fields.get("epoch", fields.get("case_id"))) == told:
                raise KeyboardInterrupt

    return Interrupted


@pytest.fixture
def run(tmp_path):
    """Runs a spec in the folder of that name; interrupted once the journal tells of `interrupt_after`."""

    def run(spec, name="fold", interrupt_after=None):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        if interrupt_after is None:
            run_fold(spec, folder, Journal(folder / "events.jsonl"))
        else:
            with pytest.raises(KeyboardInterrupt):
                run_fold(spec, folder, interrupted_by(interrupt_after)(folder / "events.jsonl"))
        return folder

    return run


@pytest.fixture(scope="module")
def whole(one_thread, tiny_spec, tmp_path_factory):
    """The folder of `tiny_spec()`, trained without a disturbance; tests read it."""
    folder = tmp_path_factory.mktemp("whole")
    run_fold(tiny_spec(), folder, Journal(folder / "events.jsonl"))
    return folder


@pytest.fixture(scope="module")
def stopped_in_epoch_3(one_thread, tiny_spec, tmp_path_factory):
    """The folder of `tiny_spec()` with the checkpoint of its second epoch."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.raises(KeyboardInterrupt):
        run_fold(tiny_spec(), folder, interrupted_by(("epoch", 3))(folder / "events.jsonl"))
    return folder


@pytest.fixture
def begun(stopped_in_epoch_3, tmp_path):
    """A copy of it to go on with: the folder `fold` of the test."""
    return shutil.copytree(stopped_in_epoch_3, tmp_path / "fold")


def events(folder, name):
    found = [event for event in read_journal(folder / "events.jsonl") if event["event"] == name]
    return [{key: value for key, value in event.items() if key not in TIMES} for event in found]


def epochs(folder):
    """The last word on each epoch."""
    return list({event["epoch"]: event for event in events(folder, "epoch")}.values())


def scores(folder):
    return json.loads((folder / "scores.json").read_text())["rows"]


def assert_same_result(folder, other):
    mine, theirs = (load_checkpoint(path / "weights.pt", DIGEST) for path in (folder, other))
    weights, other_weights = mine.pop("best"), theirs.pop("best")
    assert mine == theirs
    assert weights.keys() == other_weights.keys()
    assert all(torch.equal(weights[name], other_weights[name]) for name in weights)
    assert epochs(folder) == epochs(other)
    assert events(folder, "stopped")[-1] == events(other, "stopped")[-1]
    assert scores(folder) == scores(other)


def test_two_runs_of_one_seed_are_the_same_to_the_bit(run, tiny_spec, whole):
    assert_same_result(whole, run(tiny_spec()))


def test_another_seed_gives_another_training(run, tiny_spec, whole):
    other = run(tiny_spec(seed=1))
    assert epochs(whole)[0]["train_loss"] != epochs(other)[0]["train_loss"]
    assert scores(whole) != scores(other)


def test_the_number_of_a_fold_changes_nothing_but_the_column_of_that_name(run, tiny_spec, whole):
    # As in the fold run's digest: whoever reuses a result under another number must get what training would give.
    second = run(tiny_spec(fold=1))
    assert epochs(whole) == epochs(second)
    assert [row["fold"] for row in scores(whole)] == [0, 0]
    assert [row["fold"] for row in scores(second)] == [1, 1]
    assert [row | {"fold": 1} for row in scores(whole)] == scores(second)


@pytest.mark.parametrize("epoch", [1, 3, 5])
def test_a_run_interrupted_in_an_epoch_and_resumed_is_the_same_to_the_bit(run, tiny_spec, epoch, whole):
    run(tiny_spec(), "interrupted", interrupt_after=("epoch", epoch))
    resumed = run(tiny_spec(), "interrupted")
    assert_same_result(whole, resumed)
    # Told before it is saved, the epoch is trained again; after the first one there is nothing to go on from.
    assert events(resumed, "resumed") == ([{"event": "resumed", "epoch": epoch - 1}] if epoch > 1 else [])
    assert [event["epoch"] for event in events(resumed, "epoch")].count(epoch) == 2


def test_a_run_interrupted_in_every_epoch_and_in_the_test_is_the_same_to_the_bit(run, tiny_spec, whole):
    for epoch in range(1, 6):
        run(tiny_spec(), "interrupted", interrupt_after=("epoch", epoch))
    run(tiny_spec(), "interrupted", interrupt_after=("tested", "d"))
    resumed = run(tiny_spec(), "interrupted")
    assert_same_result(whole, resumed)
    assert [event["case_id"] for event in events(resumed, "tested")] == ["d", "d", "e"]


def test_a_run_that_is_interrupted_after_patience_ran_out_does_not_train_on(run, tiny_spec):
    spec = tiny_spec(patience=1, max_epochs=50)
    folder = run(spec, interrupt_after=("tested", "e"))
    trained = epochs(folder)
    run(spec)
    assert events(folder, "epoch") == trained
    first, second = events(folder, "stopped")
    assert first == second
    assert first["reason"] == "patience"
    assert [row["dsc"] for row in scores(folder)] == [event["dsc"] for event in events(folder, "tested")][:2]


def test_the_seal_comes_last_and_counts_the_time_of_every_process(run, tiny_spec):
    spec = tiny_spec(digest="0123")
    folder = run(spec, interrupt_after=("epoch", 3))
    assert not (folder / "done.json").exists()
    journal = (folder / "events.jsonl").read_text().splitlines()
    # As if the process that was interrupted had worked for 1000 seconds.
    last = json.loads(journal[-1])
    last["at_work_s"] += 1000.0
    (folder / "events.jsonl").write_text("\n".join([*journal[:-1], json.dumps(last)]) + "\n")
    run(spec)
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert max(times, key=times.get) == "done.json"
    done = json.loads((folder / "done.json").read_text())
    assert done["digest"] == "0123"
    assert 1000.0 < done["seconds"] < 1100.0
    assert read_journal(folder / "events.jsonl")[-1]["seconds"] == done["seconds"]


def test_every_test_case_is_scored_and_its_prediction_written_on_the_scanners_grid(run, tiny_spec):
    folder = run(tiny_spec(max_epochs=1))
    assert [row["case_id"] for row in scores(folder)] == ["d", "e"]
    assert [row["reference_ml"] for row in scores(folder)] == [64.0, 64.0]
    for row in scores(folder):
        image = nib.load(folder / "predictions" / f"{row['case_id']}.nii.gz")
        assert image.shape == (12, 12, 8)
        assert np.array_equal(image.affine, np.diag([10.0, 10.0, 10.0, 1.0]))
        assert int(np.asanyarray(image.dataobj).sum()) == row["predicted_ml"]


def test_the_scores_are_those_of_the_written_prediction_each_axis_in_its_own_spacing(
    run, tiny_spec, tiny_inputs, tmp_path
):
    spacing_mm = (5.0, 2.0, 0.5)
    case = load_preprocessed(tiny_inputs["d"])
    save_preprocessed(replace(case, native_spacing_DHW_mm=spacing_mm), tmp_path / "d.npz")
    folder = run(replace(tiny_spec(), test=(CaseInput(case_id="d", ivh="no", path=str(tmp_path / "d.npz")),)))
    prediction_DHW = read_volume(folder / "predictions" / "d.nii.gz").array_DHW > 0
    right, turned = (
        {"case_id": "d", "fold": 0, "ivh": "no"}
        | score_case(prediction_DHW, case.reference_DHW, spacing_DHW_mm=spacing)
        for spacing in (spacing_mm, spacing_mm[::-1])
    )
    assert right["assd_mm"] != turned["assd_mm"]
    assert scores(folder) == [right]


def test_the_journal_tells_the_whole_run(run, tiny_spec):
    folder = run(tiny_spec(max_epochs=2))
    names = [event["event"] for event in read_journal(folder / "events.jsonl")]
    training, testing = ["epoch", "epoch", "peak_memory", "stopped"], ["network", "tested", "tested", "peak_memory"]
    assert names == ["started", *training, *testing, "done"]
    (started,) = events(folder, "started")
    assert (started["device"], started["precision"], started["torch"]) == ("cpu", "float32", torch.__version__)
    assert epochs(folder)[0].keys() == {"event", "epoch", "train_loss", "val_loss", "val_dsc"}


def test_a_region_without_a_voxel_is_journalled(run, tiny_spec, tiny_inputs, tmp_path):
    # A brain that is all lesion leaves no place for negative patches.
    case = load_preprocessed(tiny_inputs["a"])
    save_preprocessed(replace(case, brain_DHW=case.lesion_DHW), tmp_path / "full.npz")
    full = (CaseInput(case_id="a", ivh="no", path=str(tmp_path / "full.npz")),)
    folder = run(replace(tiny_spec(max_epochs=1), train=full))
    (event,) = events(folder, "empty_region")
    assert event["case_id"] == "a"
    assert set(event["regions"]) == {"lesion_border", "brain_center", "brain"}


def test_seeds_differ_by_seed_and_purpose_and_are_the_same_everywhere():
    drawn = [derive_seed(seed, *purpose) for seed in (0, 1) for purpose in (("d,e", "weights"), ("d,e", "centres"))]
    assert len(set(drawn)) == 4
    assert all(0 <= seed < 2**32 for seed in drawn)
    assert derive_seed(0, "d,e", "weights") == drawn[0] == 146364435


def test_arms_share_their_random_numbers(run, tiny_spec, monkeypatch):
    # Arms of equal shape, so that what they drew can be compared: they differ in their patience alone.
    drawn = []
    build_bank = fold_run.build_bank

    def remember(*arguments, **options):
        drawn.append(build_bank(*arguments, **options))
        return drawn[-1]

    monkeypatch.setattr(fold_run, "build_bank", remember)
    first = run(tiny_spec(digest="one", max_epochs=1, patience=1), "first")
    second = run(tiny_spec(digest="two", max_epochs=1, patience=2), "second")
    every = torch.arange(16)
    assert torch.equal(drawn[0].gather(every)[0], drawn[2].gather(every)[0])
    assert epochs(first) == epochs(second)


UNREADABLE = {
    "cut in half": lambda content: content[: len(content) // 2],
    "cut at its end": lambda content: content[:-1],
    "empty": lambda content: b"",
    "text": lambda content: b"not a checkpoint",
    "one bit": lambda content: content.replace(b"\x3f", b"\x3e", 1),
}


@pytest.mark.parametrize("damage", UNREADABLE.values(), ids=UNREADABLE)
def test_a_damaged_checkpoint_is_set_aside_and_the_fold_begun_anew(run, tiny_spec, damage, whole, begun):
    damaged = damage((begun / "checkpoint.pt").read_bytes())
    (begun / "checkpoint.pt").write_bytes(damaged)
    folder = run(tiny_spec())
    assert_same_result(whole, folder)
    (event,) = events(folder, "checkpoint_unreadable")
    assert event["reason"].startswith("checkpoint.pt is damaged (")
    assert (folder / event["kept_as"]).read_bytes() == damaged
    assert events(folder, "resumed") == []
    assert [event["epoch"] for event in events(folder, "epoch")] == [1, 2, 3, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("schedule", [Poly(), Plateau(patience=1)], ids=str)
def test_a_scheduled_training_goes_on_bit_for_bit(run, tiny_spec, schedule):
    spec = tiny_spec(optimiser=SGD(), schedule=schedule)
    undisturbed = run(spec, "undisturbed")
    run(spec, "stopped", interrupt_after=("epoch", 2))
    assert_same_result(undisturbed, run(spec, "stopped"))
    constant = run(tiny_spec(optimiser=SGD()), "constant")
    # The loss improves in every epoch, so that a plateau changes nothing.
    assert (epochs(undisturbed) == epochs(constant)) == isinstance(schedule, Plateau)


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"optimiser": Adadelta(learning_rate=0.5)}], ids=["another seed", "another arm"]
)
def test_a_checkpoint_of_another_fold_run_is_not_gone_on_from(run, tiny_spec, other, whole, tmp_path):
    foreign = run(tiny_spec(digest="foreign", **other), "foreign", interrupt_after=("epoch", 2))
    (tmp_path / "mine").mkdir()
    (foreign / "checkpoint.pt").rename(tmp_path / "mine" / "checkpoint.pt")
    folder = run(tiny_spec(), "mine")
    assert_same_result(whole, folder)
    (event,) = events(folder, "checkpoint_unreadable")
    assert event["reason"] == "checkpoint.pt was not written by this fold run"


def test_a_checkpoint_that_the_file_system_does_not_give_is_not_called_damaged(run, tiny_spec, tmp_path):
    (tmp_path / "fold" / "checkpoint.pt").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        run(tiny_spec())
    assert (tmp_path / "fold" / "checkpoint.pt").is_dir()


def test_a_journal_that_was_cut_short_costs_nothing(run, tiny_spec, whole, begun):
    journal = begun / "events.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    assert_same_result(whole, run(tiny_spec()))


class Limited(SEUNet):
    """Training has memory for two patches, from the given call on."""

    def __init__(self, from_call):
        super().__init__(in_channels=1, width=2)
        self.from_call = from_call
        self.num_calls = 0

    def forward(self, x_BCDHW):
        self.num_calls += self.training
        if self.training and self.num_calls >= self.from_call and len(x_BCDHW) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(x_BCDHW)


def test_a_run_that_ran_out_of_memory_goes_on_with_its_micro_batches_to_the_bit(run, tiny_spec, monkeypatch):
    # Four steps an epoch: it happens in the second one.
    monkeypatch.setattr(SEUNet3D, "build", lambda *_, **__: Limited(from_call=6))
    whole = run(tiny_spec(), "whole")
    assert events(whole, "batch_halved") == [{"event": "batch_halved", "micro_batch": 2, "epoch": 2}]
    run(tiny_spec(), "interrupted", interrupt_after=("epoch", 4))
    monkeypatch.setattr(SEUNet3D, "build", lambda *_, **__: Limited(from_call=1000))  # There is memory again.
    resumed = run(tiny_spec(), "interrupted")
    assert events(resumed, "resumed") == [{"event": "resumed", "epoch": 3, "micro_batch": 2}]
    assert_same_result(whole, resumed)


class Terminated(Journal):
    """Has SIGTERM sent to this process as the journal tells of `at`."""

    at = None

    def write(self, event, **fields):
        super().write(event, **fields)
        if self.at == (event, fields.get("epoch", fields.get("case_id"))):
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def train_until(tmp_path, monkeypatch):
    """Trains as the child does, in a folder of that name, with a SIGTERM at an event; returns folder and exit code."""

    def train_until(at, spec, name="paused"):
        monkeypatch.setattr(child, "Journal", type("TerminatedThere", (Terminated,), {"at": at}))
        spec.write(tmp_path / name)
        return tmp_path / name, child.train_fold(tmp_path / name)

    return train_until


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_run_that_is_asked_to_stop_ends_its_epoch_and_goes_on_from_there_to_the_bit(
    run, train_until, tiny_spec, epoch, whole
):
    folder, code = train_until(("epoch", epoch), tiny_spec())
    assert code == child.PAUSED == 75
    assert read_journal(folder / "events.jsonl")[-1]["event"] == "paused"
    assert load_checkpoint(folder / "checkpoint.pt", DIGEST)["epoch"] == epoch
    assert train_until(None, tiny_spec()) == (folder, 0)
    assert events(folder, "resumed") == [{"event": "resumed", "epoch": epoch}]
    assert [event["epoch"] for event in events(folder, "epoch")] == [1, 2, 3, 4, 5], "none of them twice"
    assert_same_result(whole, folder)


def test_a_run_that_is_asked_to_stop_before_its_first_epoch_trains_none(train_until, tiny_spec):
    folder, code = train_until(("started", None), tiny_spec())
    assert code == child.PAUSED
    assert [event["event"] for event in read_journal(folder / "events.jsonl")] == ["started", "paused"]
    assert not (folder / "checkpoint.pt").exists()


def test_a_run_that_is_asked_to_stop_in_its_test_keeps_the_cases_that_were_tested(run, train_until, tiny_spec, whole):
    folder, code = train_until(("tested", "d"), tiny_spec())
    assert code == child.PAUSED
    assert [row["case_id"] for row in scores(folder)] == ["d"]
    assert not (folder / "done.json").exists()
    assert train_until(None, tiny_spec()) == (folder, 0)
    assert [event["case_id"] for event in events(folder, "tested")] == ["d", "e"]
    assert_same_result(whole, folder)


class Killed(Journal):
    """Ends the process's work as a kill does, once the journal tells of a tested case for the `num_left`-th time."""

    num_left = 1

    def write(self, event, **fields):
        super().write(event, **fields)
        if event == "started":
            self.num_left = type(self).num_left
        if event == "tested":
            self.num_left -= 1
            if self.num_left == 0:
                raise KeyboardInterrupt


def test_kills_more_frequent_than_the_test_come_to_an_end_and_no_case_that_was_kept_is_tested_twice(
    run, tiny_spec, tmp_path
):
    spec, folder = tiny_spec(train="c", validation="c", test="deab", max_epochs=1), tmp_path / "killed"
    folder.mkdir()
    for kept in (["d"], ["d", "e"], ["d", "e", "a"]):  # The case that a process dies at is told of, and not kept.
        journal = type("KilledAtTheSecond", (Killed,), {"num_left": 2})
        with pytest.raises(KeyboardInterrupt):
            run_fold(spec, folder, journal(folder / "events.jsonl"))
        assert [row["case_id"] for row in scores(folder)] == kept
    run_fold(spec, folder, Journal(folder / "events.jsonl"))
    assert [event["case_id"] for event in events(folder, "tested")] == ["d", "e", "e", "a", "a", "b", "b"]
    assert scores(folder) == scores(run(spec, "undisturbed"))


def test_a_kept_score_without_its_prediction_is_not_taken(train_until, tiny_spec, whole):
    folder, _ = train_until(("tested", "d"), tiny_spec())
    (folder / "predictions" / "d.nii.gz").unlink()
    assert train_until(None, tiny_spec()) == (folder, 0)
    assert [event["case_id"] for event in events(folder, "tested")] == ["d", "d", "e"]
    assert_same_result(whole, folder)


def test_a_sealed_fold_run_keeps_its_best_weights_and_no_state_of_the_optimiser(whole, stopped_in_epoch_3):
    names = {"done.json", "events.jsonl", "predictions", "scores.json", "spec.json", "weights.pt"}
    assert {path.name for path in whole.iterdir()} == names
    with_optimiser = (stopped_in_epoch_3 / "checkpoint.pt").stat().st_size
    assert (whole / "weights.pt").stat().st_size < with_optimiser / 2


def test_a_kill_between_the_weights_and_the_removal_of_the_checkpoint_costs_no_epoch(
    train_until, tiny_spec, whole, begun
):
    folder, _ = train_until(("tested", "d"), tiny_spec())
    shutil.copyfile(begun / "checkpoint.pt", folder / "checkpoint.pt")  # Of an earlier epoch, which nobody reads.
    assert train_until(None, tiny_spec()) == (folder, 0)
    assert not (folder / "checkpoint.pt").exists()
    assert [event["epoch"] for event in events(folder, "epoch")] == [1, 2, 3, 4, 5]
    assert_same_result(whole, folder)


@pytest.mark.parametrize("damage", UNREADABLE.values(), ids=UNREADABLE)
def test_damaged_weights_are_set_aside_and_the_fold_begun_anew(train_until, tiny_spec, damage, whole):
    folder, _ = train_until(("tested", "d"), tiny_spec())
    (folder / "weights.pt").write_bytes(damage((folder / "weights.pt").read_bytes()))
    assert train_until(None, tiny_spec()) == (folder, 0)
    (event,) = events(folder, "checkpoint_unreadable")
    assert event["reason"].startswith("weights.pt is damaged (")
    assert event["kept_as"] == "unreadable-weights.pt"
    assert_same_result(whole, folder)


def test_a_child_leaves_a_fold_run_with_a_broken_seal_as_it_is_and_says_so_by_its_code(train_until, tiny_spec, capfd):
    folder, code = train_until(None, tiny_spec(max_epochs=1))
    assert code == 0
    (folder / "scores.json").write_text('[{"case_id": "e"}]')
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert train_until(None, tiny_spec(max_epochs=1)) == (folder, BROKEN)
    assert "scores.json has 18 bytes, and was sealed with " in capfd.readouterr().err
    assert {path: path.read_bytes() for path in before} == before


def test_scores_are_not_kept_where_the_training_is_begun_anew(run, train_until, tiny_spec, whole):
    folder, _ = train_until(("tested", "d"), tiny_spec())
    (folder / "weights.pt").unlink()
    assert train_until(None, tiny_spec()) == (folder, 0)
    assert [event["case_id"] for event in events(folder, "tested")] == ["d", "d", "e"]
    assert_same_result(whole, folder)


@pytest.mark.parametrize("content", ["", '[{"case_id": "e"}]', '{"digest": "tiny", "seconds": 1.0}'], ids=str)
def test_a_seal_that_is_half_written_is_made_again_without_an_epoch_or_a_case(train_until, tiny_spec, whole, content):
    folder, _ = train_until(None, tiny_spec())
    (folder / "done.json").write_text(content)
    assert train_until(None, tiny_spec()) == (folder, 0)
    assert [event["epoch"] for event in events(folder, "epoch")] == [1, 2, 3, 4, 5], "none of them twice"
    assert len(events(folder, "result_damaged")) == 1
    assert [event["case_id"] for event in events(folder, "tested")] == ["d", "e"]
    assert_same_result(whole, folder)
    assert train_until(None, tiny_spec()) == (folder, 0)
    assert len(events(folder, "started")) == 2, "what is whole is left alone"


def test_a_run_that_is_asked_to_stop_after_its_last_case_is_done(train_until, tiny_spec):
    folder, code = train_until(("tested", "e"), tiny_spec(max_epochs=1))
    assert code == 0
    assert (folder / "done.json").is_file()


def test_this_process_has_its_own_sigterm_back_after_a_fold_run(train_until, tiny_spec):
    before = signal.getsignal(signal.SIGTERM)
    train_until(("epoch", 1), tiny_spec(max_epochs=2))
    assert signal.getsignal(signal.SIGTERM) == before


def fail(tmp_path, spec, monkeypatch, error=None):
    """The child's `main` in this process; returns the last event of the journal."""
    if error is not None:

        def broken(*_):
            raise error

        monkeypatch.setattr(child, "run_fold", broken)
    spec.write(tmp_path)
    assert child.train_fold(tmp_path) == 1
    return read_journal(tmp_path / "events.jsonl")[-1]


def caused(error, cause):
    error.__cause__ = cause
    return error


HOST_FULL = "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 8"


@pytest.mark.parametrize(
    ("error", "kind", "transient"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried\nto allocate"), "out_of_memory", False),
        (MemoryError(), "out_of_memory", True),
        (RuntimeError(HOST_FULL), "out_of_memory", True),
        (caused(OutOfMemory("not 2 patches at once"), RuntimeError(HOST_FULL)), "out_of_memory", True),
        (caused(OutOfMemory("not 2 patches at once"), torch.OutOfMemoryError("CUDA")), "out_of_memory", False),
        (NonFiniteLoss("the training loss became nan"), "non_finite_loss", False),
        (OSError(errno.ENOSPC, "No space left on device"), "system", True),
        (OSError(errno.ESTALE, "Stale file handle"), "system", True),
        (PermissionError(errno.EACCES, "Permission denied"), "system", False),
        (BadInput("the source code changed"), "data", False),
        (caused(BadInput("case.npz: not readable"), OSError(errno.ESTALE, "Stale file handle")), "data", True),
        (caused(BadInput("case.npz: not readable"), ValueError("bad magic number")), "data", False),
        (GraphFailed("the step could not be captured"), "no_graph", True),
        (ZeroDivisionError("division by zero"), "defect", False),
    ],
)
def test_a_failure_is_journalled_with_its_kind_on_one_line_and_whether_it_may_pass(
    tmp_path, tiny_spec, monkeypatch, capsys, error, kind, transient
):
    event = fail(tmp_path, tiny_spec(), monkeypatch, error)
    assert (event["event"], event["kind"], event["transient"]) == ("failed", kind, transient)
    assert event["message"] == (str(error).split("\n")[0] or "MemoryError")
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be asynchronously reported"),
        torch.AcceleratorError("CUDA error: device-side assert triggered"),
    ],
)
def test_a_lost_device_is_journalled_as_such_and_may_be_tried_again(tmp_path, tiny_spec, monkeypatch, error):
    event = fail(tmp_path, tiny_spec(), monkeypatch, error)
    assert (event["event"], event["kind"], event["transient"]) == ("failed", "device_lost", True)
    first, _ = f"{error}\n".split("\n", 1)
    assert event["message"] == f"{first}; the GPU failed or was taken away, see nvidia-smi and the system's log"


def test_a_loss_that_is_not_finite_is_journalled_as_such_with_the_file_of_its_batch(
    tmp_path, tiny_spec, tiny_inputs, monkeypatch
):
    # As a damaged scan gives it, in the lesion of case b, where half of its patches are drawn.
    case = load_preprocessed(tiny_inputs["b"])
    case.image_CDHW[0, case.lesion_DHW] = np.nan
    save_preprocessed(case, tmp_path / "damaged.npz")
    spec = tiny_spec()
    damaged = CaseInput(case_id="b", ivh="no", path=str(tmp_path / "damaged.npz"))
    event = fail(tmp_path, replace(spec, train=(spec.train[0], damaged)), monkeypatch)
    assert (event["event"], event["kind"]) == ("failed", "non_finite_loss")
    assert event["message"] == (
        "the training loss became nan in epoch 1; look for wrong intensities or labels in the batch that did it, which "
        "is in non_finite.pt, or give a learning_rate below 1.0"
    )
    kept = torch.load(tmp_path / "non_finite.pt", weights_only=True)
    bad = kept["images"].isnan().flatten(1).any(dim=1).tolist()
    assert any(bad)
    assert {case_id for case_id, is_bad in zip(kept["case_ids"], bad, strict=True) if is_bad} == {"b"}


def test_memory_that_does_not_hold_two_patches_is_journalled_as_such(tmp_path, tiny_spec, monkeypatch):
    class Hopeless(SEUNet):
        def forward(self, x_BCDHW):
            raise MemoryError

    monkeypatch.setattr(SEUNet3D, "build", lambda *_, **__: Hopeless(in_channels=1, width=2))
    event = fail(tmp_path, tiny_spec(), monkeypatch)
    assert (event["event"], event["kind"], event["transient"]) == ("failed", "out_of_memory", True)
    assert event["message"].startswith("memory does not hold 2 patches at once")


def test_a_missing_input_is_journalled_as_a_failure_of_the_data(tmp_path, tiny_spec, monkeypatch):
    lost = CaseInput(case_id="a", ivh="no", path=str(tmp_path / "lost.npz"))
    event = fail(tmp_path, replace(tiny_spec(), train=(lost,)), monkeypatch)
    assert (event["event"], event["kind"]) == ("failed", "data")
    assert "lost.npz" in event["message"]


def test_a_folder_without_a_spec_is_journalled_as_a_failure_of_the_data(tmp_path):
    assert child.train_fold(tmp_path) == 1
    assert read_journal(tmp_path / "events.jsonl")[-1]["kind"] == "data"


def test_a_child_does_not_train_under_a_name_made_from_other_source(tmp_path, tiny_spec, monkeypatch):
    event = fail(tmp_path, replace(tiny_spec(), source="0123456789abcdef"), monkeypatch)
    assert (event["event"], event["kind"]) == ("failed", "data")
    assert event["message"].startswith("the source code changed after the sweep began")


def test_a_child_trains_under_a_name_made_from_its_own_source(tmp_path, tiny_spec):
    replace(tiny_spec(max_epochs=1), source=present_source()).write(tmp_path)
    assert child.train_fold(tmp_path) == 0
    assert (tmp_path / "done.json").is_file()


def test_a_failure_in_the_journal_names_files_without_their_folders(tmp_path, tiny_spec, monkeypatch):
    error = OSError("[Errno 2] No such file or directory: '/home/someone/data/sub-001.npz'")
    event = fail(tmp_path, tiny_spec(), monkeypatch, error)
    assert event["message"] == "[Errno 2] No such file or directory: 'sub-001.npz'"
