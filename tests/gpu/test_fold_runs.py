"""Fold runs on a real GPU, through the same executor and child process that a sweep uses."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
import torch

from hemosweep.executors.local import LocalExecutor, leases
from hemosweep.foldrun.journal import read_journal
from hemosweep.foldrun.seal import is_finished, read_seal
from hemosweep.model.checkpoint import load_checkpoint
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.model.losses.focal import Focal

sys.path.insert(0, str(Path(__file__).parent))

import jobs


@pytest.fixture
def run(tmp_path):
    """Train fold runs of these specs side by side, in folders of these names; returns how each ended, by name."""

    def run(job=jobs.train, *, during=lambda executor: None, gpu_bytes=None, **specs):
        executor = LocalExecutor(leases(per_gpu=len(specs))[: len(specs)], job=job)
        for name, spec in specs.items():
            spec.write(tmp_path / name)
            if gpu_bytes is not None:
                (tmp_path / name / "gpu_bytes").write_text(str(gpu_bytes))
            executor.start(tmp_path / name)
        during(executor)
        ends = {}
        deadline = time.monotonic() + 200
        while len(ends) < len(specs):
            assert time.monotonic() < deadline, "the fold runs do not end"
            ends |= {end.folder.name: end for end in executor.wait(5.0)}
        return ends

    return run


@pytest.fixture
def result(tmp_path):
    """Weights, losses and scores of a fold run that is done."""

    def result(name):
        folder = tmp_path / name
        assert is_finished(folder), (folder / "log.txt").read_text()
        events = read_journal(folder / "events.jsonl")
        losses = {event["epoch"]: (event["train_loss"], event["val_loss"]) for event in events if "val_loss" in event}
        weights = load_checkpoint(folder / "weights.pt", read_seal(folder).digest)["best"]
        return weights, losses, (folder / "scores.json").read_text()

    return result


@pytest.fixture
def events(tmp_path):
    def events(name, kind):
        return [event for event in read_journal(tmp_path / name / "events.jsonl") if event["event"] == kind]

    return events


def assert_same_bits(first, second):
    assert first[1:] == second[1:]
    assert all(torch.equal(first[0][name], second[0][name]) for name in first[0])


@pytest.mark.parametrize("loss", [DiceCE(), Focal()], ids=str)
def test_two_deterministic_fold_runs_are_the_same_to_the_bit(run, result, gpu_spec, loss):
    spec = gpu_spec(deterministic=True, loss=loss)
    ends = run(first=spec, second=spec)
    assert {name: end.failure for name, end in ends.items()} == {"first": None, "second": None}
    assert_same_bits(result("first"), result("second"))


def test_a_killed_deterministic_fold_run_goes_on_to_the_bit(run, result, gpu_spec):
    spec = gpu_spec(deterministic=True)
    run(whole=spec)
    ended = run(jobs.kill_itself_after_two_epochs, killed=spec)
    assert "killed by signal 9" in ended["killed"].failure
    assert run(jobs.kill_itself_after_two_epochs, killed=spec)["killed"].failure is None
    assert_same_bits(result("whole"), result("killed"))


def test_a_batch_that_the_gpu_does_not_hold_is_cut_into_micro_batches(run, result, events, gpu_spec):
    spec = gpu_spec(width=64, batch_size=64, max_epochs=1)
    assert run(jobs.train_in_little_memory, gpu_bytes=300_000_000, small=spec)["small"].failure is None
    result("small")
    sizes = [event["micro_batch"] for event in events("small", "batch_halved")]
    assert sizes
    assert sizes == [32 // 2**number for number in range(len(sizes))]


def test_cases_that_the_gpu_does_not_hold_stay_on_the_host_and_train_the_same(run, result, events, gpu_spec):
    spec = gpu_spec(deterministic=True)
    run(on_device=spec)
    assert run(jobs.train_with_cases_on_the_host, on_host=spec)["on_host"].failure is None
    assert [event["num_cases"] for event in events("on_host", "cases_on_host")] == [2, 1]
    assert events("on_device", "cases_on_host") == []
    assert_same_bits(result("on_device"), result("on_host"))


def test_two_fold_runs_share_a_gpu_and_one_that_is_killed_leaves_the_other_alone(run, result, gpu_spec, tmp_path):
    spec = gpu_spec(deterministic=True, max_epochs=30, patience=30)

    def kill_second(executor):
        journal = tmp_path / "second" / "events.jsonl"
        deadline = time.monotonic() + 100
        while not any(event["event"] == "epoch" for event in read_journal(journal)):
            assert time.monotonic() < deadline, "the second fold run does not begin"
            time.sleep(0.05)
        os.kill(executor._children[tmp_path / "second"].process.pid, signal.SIGKILL)

    ends = run(first=spec, second=spec, during=kill_second)
    assert ends["first"].failure is None
    assert "killed by signal 9" in ends["second"].failure
    run(alone=spec)
    assert_same_bits(result("first"), result("alone"))


def test_a_lost_device_is_named_and_may_be_tried_again(run, gpu_spec):
    end = run(jobs.lose_the_device, lost=gpu_spec())["lost"]
    assert end.failure.startswith("device lost: ")
    assert "nvidia-smi" in end.failure
    assert end.transient


def test_a_compiled_fold_run_is_captured_as_a_graph_and_learns_as_the_plain_one(run, result, events, gpu_spec):
    spec = gpu_spec(num_patches=200, max_epochs=6)
    run(plain=spec)
    assert run(jobs.compile_whatever_the_length, compiled=spec)["compiled"].failure is None
    assert [event["event"] for kind in ("not_compiled", "no_graph") for event in events("compiled", kind)] == []
    assert len(events("compiled", "compiled")) == 1
    (_, plain, _), (_, ours, _) = result("plain"), result("compiled")
    # On the CPU in float32 the plain one goes from 1.1 to 0.01. Dropout draws in another order when compiled.
    assert ours[6][0] < 0.2 * ours[1][0]
    assert ours[6][0] == pytest.approx(plain[6][0], abs=0.1)
