"""SUNETx5 in two dimensions, the residual U-Net of Clèrigues et al. 2019."""

import torch
from torch import Tensor, nn

from hemosweep.model.architectures.layers2d import MaxPool2d
from hemosweep.model.architectures.unet2d import Decoder, Encoder, UNet2D, doubled

NUM_LEVELS = 5
DROPOUT_LEVELS = (2, 3, 4)
"""Levels whose blocks drop channels, counted from 0."""


def sunet2d(in_channels: int, width: int, dropout: float) -> UNet2D:
    """The network of their public code; `hemosweep.model.networks.sunet` gives its facts."""
    widths = doubled(width, NUM_LEVELS)
    first, *blocks = (
        _Residual(channels, 2, dropout if level in DROPOUT_LEVELS else 0.0) for level, channels in enumerate(widths)
    )
    encoder = Encoder(
        [nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1), first), *blocks],
        downs=[_Down(channels) for channels in widths[:-1]],
    )
    decoder = Decoder(
        ups=[_double(2 * channels, channels) for channels in reversed(widths[:-1])],
        blocks=[_Residual(channels, 1) for channels in reversed(widths[:-1])],
        joins=[_Sum() for _ in widths[:-1]],
    )
    return UNet2D(encoder, decoder, nn.Conv2d(width, 2, 3, padding=1))


def _activated(channels: int, *, stride: int = 1) -> list[nn.Module]:
    """Batch normalisation, a PReLU that begins as the rectifier, and a 3x3 convolution."""
    return [
        nn.BatchNorm2d(channels, momentum=0.01, eps=0.001),
        nn.PReLU(channels, init=0.0),
        nn.Conv2d(channels, channels, 3, padding=1, stride=stride),
    ]


class _Residual(nn.Module):
    """One or two activated convolutions beside a shortcut; channels are dropped after the first of two."""

    def __init__(self, channels: int, num_convolutions: int, dropout: float = 0.0) -> None:
        super().__init__()
        layers = _activated(channels)
        if num_convolutions == 2:
            layers += [nn.Dropout2d(dropout), *_activated(channels)]
        self.convolutions = nn.Sequential(*layers)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        sum_BCHW: Tensor = self.convolutions(x_BCHW) + x_BCHW
        return sum_BCHW


class _Down(nn.Module):
    """Half the size and twice the channels: a strided convolution beside max pooling."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Sequential(*_activated(channels, stride=2))
        self.pool = MaxPool2d()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return torch.cat([self.convolution(x_BCHW), self.pool(x_BCHW)], dim=1)


class _Sum(nn.Module):
    """Join of a skip connection and what came up from below."""

    def forward(self, skip_BCHW: Tensor, up_BCHW: Tensor) -> Tensor:
        return skip_BCHW + up_BCHW


def _double(in_channels: int, out_channels: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1)
