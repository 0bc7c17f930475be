"""A fold run that is to repeat its bits on CUDA: which operations it uses. `tests/gpu` holds it to that on a GPU."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hemosweep.foldrun.journal import Journal
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.model.losses.focal import Focal
from tests.fold_runs import run_fold

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
"""Operations that a volume could meet and `torch.use_deterministic_algorithms` refuses on CUDA, in one or other
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


@pytest.mark.parametrize("loss", [DiceCE(), Focal()], ids=str)
def test_a_deterministic_fold_run_uses_no_operation_that_cuda_would_refuse(recorded, loss):
    names = recorded(deterministic=True, loss=loss)
    assert {"convolution_backward", "_log_softmax_backward_data", "amax"} <= names
    assert names & REFUSED == set()


def test_otherwise_the_pooling_is_pytorchs_own(recorded):
    assert recorded(deterministic=False, loss=DiceCE()) & REFUSED == {"max_pool3d_with_indices_backward"}
