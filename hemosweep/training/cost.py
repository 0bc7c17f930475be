"""Cost of a fold run's network, counted and measured for the journal: its parameters, its operations, its memory."""

import resource
import sys

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from hemosweep.arrays import Shape
from hemosweep.model.device import Device

GPU, PROCESS = "gpu", "process"
"""Owner of a peak of memory: tensors on a GPU, or the whole process, Python and its libraries included."""
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


def count_parameters(model: nn.Module) -> int:
    """Number of a network's trained weights, each once."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def window_flops(model: nn.Module, device: Device, *, in_channels: int, patch_DHW: Shape) -> int:
    """Floating point operations of one window's forward pass, as in the test.

    Counted are convolutions and matrix products, a multiplication with its addition as two: PyTorch has no formula for
    anything else. The network and torch's random numbers are afterwards as they were.
    """
    was_training = model.training
    cuda = [device.torch_device] if device.torch_device.type == "cuda" else []
    x_BCDHW = torch.zeros(1, in_channels, *patch_DHW, device=device.torch_device)
    with torch.random.fork_rng(devices=cuda), FlopCounterMode(display=False) as counter:
        model.eval()
        with torch.no_grad(), device.autocast():
            model(device.arrange(x_BCDHW))
        model.train(was_training)
    return int(counter.get_total_flops())


def begin_peak(device: Device) -> None:
    """Forget the peak of what this process did on the GPU before."""
    if device.torch_device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device.torch_device)


def peak_memory(device: Device) -> tuple[str, int]:
    """The owner, and the bytes, of the largest memory at once so far: of tensors on the GPU, or of this process."""
    if device.torch_device.type == "cuda":
        return GPU, int(torch.cuda.max_memory_allocated(device.torch_device))
    return PROCESS, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES
