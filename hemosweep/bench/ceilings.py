"""Ceilings of a GPU, measured, and the share of them that each convolution of the network reaches."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from hemosweep.bench.timing import cuda_ms

BATCH = 64
PATCH_DHW = (16, 32, 32)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceilings:
    """Bytes that a copy reads and writes, and operations of a bf16 matrix product, each a second."""

    copy_bytes_per_s: float
    product_flop_per_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Convolution:
    """A convolution of the full network: 3x3x3, or where `up` is set a transposed 2x2x2.

    `divide` tells how often its patch was halved.
    """

    name: str
    in_channels: int
    out_channels: int
    divide: int
    up: bool = False

    @property
    def num_voxels(self) -> int:
        """Of its input, in a batch."""
        depth, height, width = PATCH_DHW
        return BATCH * (depth >> self.divide) * (height >> self.divide) * (width >> self.divide)

    @property
    def flop(self) -> float:
        """Of the forward pass; the gradients of input and weight take as many each."""
        return 2.0 * self.num_voxels * self.in_channels * self.out_channels * (8 if self.up else 27)


CONVOLUTIONS = (
    Convolution(name="encode1", in_channels=2, out_channels=64, divide=0),
    Convolution(name="encode2", in_channels=64, out_channels=128, divide=1),
    Convolution(name="bottom", in_channels=128, out_channels=192, divide=2),
    Convolution(name="up2", in_channels=192, out_channels=128, divide=2, up=True),
    Convolution(name="decode2", in_channels=256, out_channels=128, divide=1),
    Convolution(name="up1", in_channels=128, out_channels=64, divide=1, up=True),
    Convolution(name="decode1", in_channels=128, out_channels=64, divide=0),
)

TRAFFIC_BYTES = 6.5e9
"""Least memory traffic of a step of 64 patches beside its convolutions, counted for well fused kernels."""


def measure_ceilings() -> Ceilings:
    """A copy of 2 GB, and a product of two matrices of 8192 x 8192 random numbers."""
    source = torch.randn(2**30, dtype=torch.bfloat16, device="cuda")
    target = torch.empty_like(source)
    copy_ms = cuda_ms(lambda: target.copy_(source), repeats=10)
    a = torch.randn(8192, 8192, dtype=torch.bfloat16, device="cuda")
    b = torch.randn_like(a)
    product_ms = cuda_ms(lambda: a @ b)
    return Ceilings(copy_bytes_per_s=2e3 * source.nbytes / copy_ms, product_flop_per_s=2e3 * 8192**3 / product_ms)


def bound_ms(ceilings: Ceilings) -> float:
    """Least time of a training step of the full network: its convolutions, and beside them its traffic."""
    first, *others = CONVOLUTIONS
    flop = 2 * first.flop + sum(3 * convolution.flop for convolution in others)  # Images need no gradient.
    return 1e3 * (flop / ceilings.product_flop_per_s + TRAFFIC_BYTES / ceilings.copy_bytes_per_s)


def time_convolutions(ceilings: Ceilings) -> list[dict[str, Any]]:
    """Each convolution forward and both gradients, in milliseconds and as a share of its floor.

    First without cuDNN's search for the fastest algorithm, then with it.

    The floor is the longer one of its operations at the rate of a matrix product and its tensors at that of a copy.
    """
    rows = []
    for search in (False, True):
        torch.backends.cudnn.benchmark = search
        for convolution in CONVOLUTIONS:
            rows.append({"name": convolution.name, "search": search, **_time(convolution, ceilings)})
    return rows


def _time(convolution: Convolution, ceilings: Ceilings) -> dict[str, float]:
    layout = torch.channels_last_3d
    size = tuple(length // 2**convolution.divide for length in PATCH_DHW)
    kernel = 2 if convolution.up else 3
    channels = (convolution.in_channels, convolution.out_channels)
    x = torch.randn(BATCH, convolution.in_channels, *size, dtype=torch.bfloat16, device="cuda")
    x = x.contiguous(memory_format=layout)
    shape = channels if convolution.up else channels[::-1]
    weight = torch.randn(*shape, kernel, kernel, kernel, dtype=torch.bfloat16, device="cuda")
    weight = weight.contiguous(memory_format=layout)
    stride, padding = (2, 0) if convolution.up else (1, 1)

    def forward() -> torch.Tensor:
        if convolution.up:
            return F.conv_transpose3d(x, weight, stride=2)
        return F.conv3d(x, weight, padding=1)

    gradient = torch.randn_like(forward())

    def backward(*, of_input: bool) -> object:
        return torch.ops.aten.convolution_backward(
            gradient, x, weight, None, [stride] * 3, [padding] * 3, [1] * 3, convolution.up, [0] * 3, 1,
            [of_input, not of_input, False],
        )  # fmt: skip

    floor_ms = 1e3 * max(
        convolution.flop / ceilings.product_flop_per_s, (x.nbytes + gradient.nbytes) / ceilings.copy_bytes_per_s
    )
    times = {
        "forward": cuda_ms(forward, repeats=10),
        "input": cuda_ms(lambda: backward(of_input=True), repeats=10),
        "weight": cuda_ms(lambda: backward(of_input=False), repeats=10),
    }
    shares = {f"{name}_share": round(floor_ms / ms, 3) for name, ms in times.items()}
    return {"floor_ms": round(floor_ms, 4), **{f"{name}_ms": round(ms, 4) for name, ms in times.items()}, **shares}
