"""Layers of the U-Net, each with two forms of one function: PyTorch's own, and one that suits a compiled network.

PyTorch's own form runs wherever the network is not compiled, on the CPU above all. `torch.compile` traces the other
one: pooling becomes comparisons that the compiler joins to what comes before and after, and the first convolution a
matrix product, since tensor cores have no kernel for two channels. Both forms have the same parameters, so that a
checkpoint fits both.
"""

from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNEL_MULTIPLE = 16
"""Divisor of the summed dimension of a matrix product that suits tensor cores."""


class BatchNorm(nn.BatchNorm3d):
    """Batch normalisation, followed by the rectifier if `relu` is set.

    It normalises the view `(B, C, D*H, W)`: on CUDA, PyTorch has fast kernels for channels_last in 2D and none in 3D.
    On the CPU the view gives the same bits. A compiler writes kernels of its own, and would lose sight of the memory
    layout behind the view.
    """

    def __init__(self, channels: int, *, relu: bool = False) -> None:
        super().__init__(channels)
        self.relu = relu

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            y_BCDHW: Tensor = super().forward(x_BCDHW)
            return y_BCDHW.relu() if self.relu else y_BCDHW
        # The other work of nn.BatchNorm3d, except its check of the number of axes.
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        y_BCHW = F.batch_norm(
            x_BCDHW.flatten(2, 3),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            self.momentum or 0.0,
            self.eps,
        )
        # On the result itself: behind the view, the gradient of a rectifier in place would copy the tensor twice.
        y_BCHW = F.relu(y_BCHW, inplace=True) if self.relu else y_BCHW
        normalised_BCDHW: Tensor = y_BCHW.unflatten(2, x_BCDHW.shape[2:4])
        return normalised_BCDHW


class MaxPool(nn.Module):
    """2x2x2 max pooling, deterministic where PyTorch is told to be so.

    Of voxels that share a block's maximum the first one gets the gradient. On CUDA, older releases of PyTorch refuse
    the gradient of their own pooling where they shall be deterministic. That of `amax` repeats its bits and shares the
    gradient among such voxels; behind a rectifier it is the same for the most frequent tie, that of zeros, which let
    no gradient through.
    """

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            return max_pool_of_slices(x_BCDHW)
        if not torch.are_deterministic_algorithms_enabled():
            return F.max_pool3d(x_BCDHW, 2)
        blocks: Tensor = x_BCDHW.unflatten(4, (-1, 2)).unflatten(3, (-1, 2)).unflatten(2, (-1, 2))
        return blocks.amax(dim=(3, 5, 7))


class _MaxPool(torch.autograd.Function):
    """The maximum of the eight voxels of a block, and which of them it was, in one byte."""

    @staticmethod
    def forward(ctx: Any, x_BCDHW: Tensor) -> Tensor:
        corners = product((0, 1), repeat=3)
        best, *others = (x_BCDHW[:, :, d::2, h::2, w::2] for d, h, w in corners)
        first = torch.zeros_like(best, dtype=torch.uint8)
        for number, voxel in enumerate(others, start=1):
            larger = (voxel > best) | voxel.isnan()
            best = torch.where(larger, voxel, best)
            first = torch.where(larger, number, first)
        ctx.save_for_backward(first)
        return best

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (first,) = ctx.saved_tensors
        number = torch.arange(8, device=first.device, dtype=torch.uint8).view(1, 1, 1, 2, 1, 2, 1, 2)

        def spread(small_BCDHW: Tensor) -> Tensor:
            return small_BCDHW[:, :, :, None, :, None, :, None]

        whole = torch.where(spread(first) == number, spread(gradients[0]), 0.0)
        return whole.flatten(6, 7).flatten(4, 5).flatten(2, 3)


def max_pool_of_slices(x_BCDHW: Tensor) -> Tensor:
    """2x2x2 max pooling by comparisons alone: no index tensor of 8 bytes a voxel, no atomic addition.

    Values and gradients are those of `F.max_pool3d`, ties and NaN included.
    """
    pooled: Tensor = _MaxPool.apply(x_BCDHW)
    return pooled


class InputConvolution(nn.Conv3d):
    """A 3x3x3 convolution of few channels, without bias, for the network's input."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1, bias=False)

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            return convolve_as_product(x_BCDHW, self.weight)
        return super().forward(x_BCDHW)


def convolve_as_product(x_BCDHW: Tensor, weight: Tensor) -> Tensor:
    """A 3x3x3 convolution as one matrix product: the 27 voxels around each voxel, in all channels, are a row.

    Of two channels that makes 54 columns; zeros fill them up to what tensor cores take.

    Args:
        weight: `(out_channels, in_channels, 3, 3, 3)`.
    """
    batch, channels, depth, height, width = x_BCDHW.shape
    around = F.pad(x_BCDHW, (1,) * 6).unfold(2, 3, 1).unfold(3, 3, 1).unfold(4, 3, 1)
    rows = around.permute(0, 2, 3, 4, 5, 6, 7, 1).reshape(batch * depth * height * width, 27 * channels)
    columns = weight.permute(2, 3, 4, 1, 0).reshape(27 * channels, -1)
    missing = -27 * channels % CHANNEL_MULTIPLE
    y = F.pad(rows, (0, missing)) @ F.pad(columns, (0, 0, 0, missing))
    return y.view(batch, depth, height, width, -1).permute(0, 4, 1, 2, 3)
