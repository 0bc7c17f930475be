"""The training device and the arithmetic that suits it."""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import TypeGuard

import torch
from torch import Tensor, nn

from hemosweep.environment import num_processors

THREADS = "HEMOSWEEP_THREADS"
"""Environment variable of a fold run that shares the processors with others: the number of its threads."""
_CHANNELS_LAST = {5: torch.channels_last_3d, 4: torch.channels_last}
"""The memory layout by the number of axes: 5 of patches, 4 of slices."""

_ONEDNN_BLOCK = 16
"""Channels that oneDNN works on together with AVX-512; with AVX2 it is half of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """Place and arithmetic of a training: device, bf16 autocast or not, and memory layout of patches and slices."""

    torch_device: torch.device
    bf16: bool
    channels_last: bool
    num_threads: int

    @property
    def name(self) -> str:
        if self.torch_device.type == "cuda":
            return torch.cuda.get_device_name(self.torch_device)
        return "cpu"

    def autocast(self) -> AbstractContextManager[None]:
        if not self.bf16:
            return nullcontext()
        return torch.autocast(self.torch_device.type, dtype=torch.bfloat16)

    def arrange(self, x_BCDHW: Tensor) -> Tensor:
        return x_BCDHW.contiguous(memory_format=torch.channels_last_3d) if self.channels_last else x_BCDHW.contiguous()

    def place(self, model: nn.Module) -> nn.Module:
        """Move a model here; weights of 3D and of 2D convolutions get the memory layout."""
        model = model.to(self.torch_device)
        for tensor in chain(model.parameters(), model.buffers()):
            layout = _CHANNELS_LAST.get(tensor.ndim) if self.channels_last else torch.contiguous_format
            if layout is not None:
                tensor.data = tensor.data.contiguous(memory_format=layout)
        if self.torch_device.type == "cpu" and self.channels_last:
            for module in filter(_overruns_its_workspace, model.modules()):
                module.weight.data = module.weight.data.contiguous()
                module.register_forward_pre_hook(_contiguous)
        return model


def _overruns_its_workspace(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """True for a 1x1 convolution with a stride and few channels.

    In channels_last oneDNN writes the gradient of its weights beyond the memory that it asked for: the process dies, or
    the gradient is wrong (oneDNN, issue 6035; seen with torch 2.15).
    """
    return (
        isinstance(module, nn.Conv2d)
        and set(module.kernel_size) == {1}
        and max(module.stride) > 1
        and module.in_channels < _ONEDNN_BLOCK
    )


def _contiguous(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.contiguous() for x in inputs)


def count_gpus() -> int:
    """Those that PyTorch can use."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def is_device_lost(error: BaseException | None) -> bool:
    """True for an error after which the GPU no longer works for this process: every call to CUDA fails then."""
    return isinstance(error, torch.AcceleratorError) or (
        isinstance(error, RuntimeError) and "cuda error" in str(error).lower()
    )


def memory_bytes(device: torch.device) -> int | None:
    """All memory of a GPU; None for the CPU."""
    return int(torch.cuda.get_device_properties(device).total_memory) if device.type == "cuda" else None


def choose_device(*, deterministic: bool = False) -> Device:
    """The first CUDA device, with bf16 autocast where it has it; else the CPU in float32.

    With `deterministic`, CUDA repeats every bit of a run; an operation that cannot is an error. The CPU always does.

    Sets torch's thread count to the processors that this process may use, or to its share of them (`THREADS`). The CPU
    gets no bf16: where it was measured (AVX512-BF16, torch 2.15) the SE U-Net trained at half the speed of float32 in
    channels_last_3d, and oneDNN's weight gradient of a 3D convolution was wrong, up to NaN, for volumes two slices deep
    (the demo's deepest level).
    """
    num_threads = min(num_processors(), int(os.environ.get(THREADS) or num_processors()))
    torch.set_num_threads(num_threads)
    if torch.cuda.is_available():
        if deterministic:
            # cuBLAS reads it when it starts: too late once a matrix was multiplied.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(deterministic)
        # cuDNN tries its algorithms once for each shape and keeps the fastest, which need not be the same each time.
        torch.backends.cudnn.benchmark = not deterministic
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return Device(torch_device=torch.device("cuda"), bf16=bf16, channels_last=True, num_threads=num_threads)
    return Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=num_threads)
