"""Layers that 3D networks share. On CUDA all of them repeat their bits where PyTorch is told to."""

from torch import nn

from hemosweep.model.layers import BatchNorm

Kernel = int | tuple[int, int, int]


def convolution(
    in_channels: int,
    out_channels: int,
    kernel: Kernel = 3,
    *,
    stride: Kernel = 1,
    padding: Kernel | None = None,
    relu: bool = True,
) -> nn.Sequential:
    """A convolution without bias, batch normalisation and the rectifier.

    Args:
        padding: zeros at each side; None for as many as keep the size, but for the stride.
    """
    if padding is None:
        padding = kernel // 2 if isinstance(kernel, int) else (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Sequential(
        nn.Conv3d(in_channels, out_channels, kernel, stride=stride, padding=padding, bias=False),
        BatchNorm(out_channels, relu=relu),
    )


def double_convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    """Two 3x3x3 convolutions, each with batch normalisation and the rectifier: the block of a U-Net."""
    return nn.Sequential(*convolution(in_channels, out_channels), *convolution(out_channels, out_channels))
