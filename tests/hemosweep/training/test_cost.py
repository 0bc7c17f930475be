"""Cost of a network, counted by hand."""

import pytest
import torch
from torch import nn

from hemosweep.model.device import Device
from hemosweep.training.cost import PROCESS, count_parameters, peak_memory, window_flops

CPU = Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=1)


class Drawing(nn.Module):
    """A convolution of 3 x 3 x 3 from one channel to two, weights that are not trained, and a draw in every pass."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv3d(1, 2, 3, padding=1)
        self.fixed = nn.Parameter(torch.zeros(100), requires_grad=False)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x_BCDHW):
        return self.dropout(self.convolution(x_BCDHW)) + torch.rand(1)


def test_parameters_and_operations_of_a_window_are_those_counted_by_hand():
    model = Drawing()
    assert count_parameters(model) == 2 * 27 + 2
    # A multiplication and an addition for each of 27 weights, in each of two channels and of 4 x 6 x 8 voxels.
    assert window_flops(model, CPU, in_channels=1, patch_DHW=(4, 6, 8)) == 2 * 27 * 2 * 4 * 6 * 8


@pytest.mark.parametrize("training", [True, False])
def test_counting_leaves_the_network_and_the_random_numbers_as_they_were(training):
    model = Drawing().train(training)
    state = torch.random.get_rng_state()
    window_flops(model, CPU, in_channels=1, patch_DHW=(4, 4, 4))
    assert model.training is model.dropout.training is training
    assert torch.equal(torch.random.get_rng_state(), state)


def test_on_the_cpu_the_peak_is_that_of_the_whole_process():
    owner, before = peak_memory(CPU)
    held = torch.ones(2**26)  # 256 MiB
    assert (owner, peak_memory(CPU)[0]) == (PROCESS, PROCESS)
    assert peak_memory(CPU)[1] >= max(before, held.nbytes)
