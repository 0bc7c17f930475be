"""Layers of 2D networks. On CUDA all of them repeat their bits where PyTorch is told to."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hemosweep.model.unet import SqueezeExcitation


class MaxPool2d(nn.Module):
    """2x2 max pooling, deterministic where PyTorch is told to be so; `hemosweep.model.layers.MaxPool` says more."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        if not torch.are_deterministic_algorithms_enabled():
            return F.max_pool2d(x_BCHW, 2)
        blocks: Tensor = x_BCHW.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))
        return blocks.amax(dim=(3, 5))


class SqueezeExcitation2d(SqueezeExcitation):
    """Channel re-weighting of a slice (Hu et al. 2018)."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return super().forward(x_BCHW[:, :, None]).squeeze(2)


def convolution(
    in_channels: int, out_channels: int, kernel: int = 3, *, stride: int = 1, dilation: int = 1, relu: bool = True
) -> nn.Sequential:
    """A convolution without bias that keeps the size but for its stride, batch normalisation and the rectifier."""
    padding = dilation * (kernel // 2)
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(out_channels),
    ]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def double_convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    """Two 3x3 convolutions, each with batch normalisation and the rectifier: the block of a U-Net."""
    return nn.Sequential(*convolution(in_channels, out_channels), *convolution(out_channels, out_channels))


def up_convolution(in_channels: int, out_channels: int) -> nn.ConvTranspose2d:
    """A 2x2 up-convolution, which doubles the size."""
    return nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)


def resize_bilinear(x_BCHW: Tensor, size_HW: tuple[int, int]) -> Tensor:
    """Bilinear interpolation to another size over the same extent, as `F.interpolate(..., align_corners=False)`.

    It is a product with a matrix along each axis, since the gradient of PyTorch's own form does not repeat its bits on
    CUDA. It is meant for larger sizes: a smaller one has no anti-aliasing.
    """
    height, width = size_HW
    rows, columns = _hats(x_BCHW, x_BCHW.shape[2], height), _hats(x_BCHW, x_BCHW.shape[3], width)
    return rows @ (x_BCHW @ columns.T)


def _hats(like: Tensor, size: int, new_size: int) -> Tensor:
    """Weights `(new_size, size)` of the old voxels in each new one: they fall linearly to 0 at the next voxel."""
    centre = (torch.arange(new_size, device=like.device) + 0.5) * (size / new_size) - 0.5
    distance = centre.clamp(0, size - 1)[:, None] - torch.arange(size, device=like.device)
    return (1.0 - distance.abs()).clamp_min(0.0).to(like.dtype)
