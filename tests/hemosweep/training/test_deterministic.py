"""A fold run that is to repeat its bits on CUDA: which operations it uses, and whether it does."""

from dataclasses import replace
from multiprocessing import get_context

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hemosweep.config import LOSSES, ModelConfig
from hemosweep.training.checkpoint import load_checkpoint
from hemosweep.training.fold_run import run_fold
from hemosweep.training.journal import Journal, read_journal

REFUSED = {
    "_adaptive_avg_pool2d_backward",
    "_adaptive_avg_pool3d_backward",
    "adaptive_max_pool2d_backward",
    "avg_pool3d_backward",
    "bincount",
    "grid_sampler_3d_backward",
    "histc",
    "max_pool3d_with_indices_backward",
    "median",
    "nll_loss2d_backward",
    "nll_loss2d_forward",
    "put_",
    "reflection_pad3d_backward",
    "upsample_trilinear3d_backward",
}
"""What a volume could meet of the operations that `torch.use_deterministic_algorithms` refuses on CUDA, in one or other
of the releases that hemosweep takes."""


class Recorded(TorchDispatchMode):
    """Notes the name of every operation, those of the gradient too."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.names.add(operation.overloadpacket.__name__)
        return operation(*args, **kwargs or {})


@pytest.fixture
def recorded(one_thread, tiny_spec, tmp_path):
    """The operations of a whole fold run on the CPU: sampling, training, validation, inference."""

    def recorded(*, deterministic, loss):
        torch.use_deterministic_algorithms(deterministic)
        with Recorded() as operations:
            run_fold(tiny_spec(max_epochs=1, loss=loss), tmp_path, Journal(tmp_path / "events.jsonl"))
        return operations.names

    yield recorded
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_deterministic_fold_run_uses_no_operation_that_cuda_would_refuse(recorded, loss):
    names = recorded(deterministic=True, loss=loss)
    assert {"convolution_backward", "_log_softmax_backward_data", "amax"} <= names
    assert names & REFUSED == set()


def test_otherwise_the_pooling_is_pytorchs_own(recorded):
    assert recorded(deterministic=False, loss="dice_ce") & REFUSED == {"max_pool3d_with_indices_backward"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: the CPU repeats its bits anyway")
@pytest.mark.parametrize("loss", LOSSES)
def test_two_deterministic_runs_on_cuda_are_the_same_to_the_bit(tiny_spec, tmp_path, loss):
    spec = tiny_spec(deterministic=True, loss=loss)
    # Wide enough that a sum over voxels is shared out among blocks of threads.
    spec = replace(spec, config=replace(spec.config, model=ModelConfig(width=16)))
    results = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        journal = Journal(folder / "events.jsonl")
        # A process each, as in a sweep: cuBLAS reads how it is to work when it starts.
        process = get_context("spawn").Process(target=run_fold, args=(spec, folder, journal))
        process.start()
        process.join()
        assert process.exitcode == 0
        weights = load_checkpoint(folder / "checkpoint.pt", torch.device("cpu"))["model"]
        losses = [event["train_loss"] for event in read_journal(journal.path) if event["event"] == "epoch"]
        results.append((weights, losses, (folder / "scores.json").read_text()))
    (first_weights, *first), (second_weights, *second) = results
    assert first == second
    assert all(torch.equal(first_weights[name], second_weights[name]) for name in first_weights)
