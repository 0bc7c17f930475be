"""The V-Net of DeepBleed (Sharrock et al. 2020)."""

import torch
from torch import Tensor, nn

from hemosweep.model.architectures.lesion_logit import LesionLogit3d, start_with_both_signs

NUM_DOWN = (2, 3, 3, 3)
"""Convolutions of each level on the way down, below the first one, which has one."""
NUM_UP = (3, 3, 2, 1)
"""Convolutions of each level on the way up."""


class VNet(nn.Module):
    """V-Net of 5x5x5 convolutions without normalisation; the levels have 1, 2, 4, 8 and 16 times `width` channels.

    Maps `x_BCDHW` to class logits `(B, 2, D, H, W)`; D, H and W must be multiples of 16.

    Args:
        tied: the convolutions of a level on one way are one and the same.
    """

    def __init__(self, in_channels: int, width: int = 16, *, tied: bool = True) -> None:
        super().__init__()
        self.width = width
        self.first = nn.Conv3d(in_channels, width, 5, padding=2)
        widths = [width * 2**level for level in range(len(NUM_DOWN) + 1)]
        self.down = nn.ModuleList(
            _Down(finer, here, times, tied=tied)
            for finer, here, times in zip(widths[:-1], widths[1:], NUM_DOWN, strict=True)
        )
        # With the skip's channels beside its own, a level on the way up is as wide as the one below it on the way down.
        up = widths[:0:-1]
        self.up = nn.ModuleList(
            _Up(below, here, times, tied=tied)
            for below, here, times in zip([widths[-1], *up[:-1]], up, NUM_UP, strict=True)
        )
        self.last = nn.Conv3d(2 * width, 2, 1)
        self.classify = LesionLogit3d(2)
        self.apply(_glorot)
        start_with_both_signs(self.classify)

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        repeats = -(-self.width // x_BCDHW.shape[1])
        x = torch.relu(self.first(x_BCDHW)) + x_BCDHW.repeat(1, repeats, 1, 1, 1)[:, : self.width]
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            x = up(x, skip)
        logits: Tensor = self.classify(torch.relu(self.last(x)))
        return logits


class _Convolutions(nn.Module):
    """5x5x5 convolutions with rectifiers, one after the other; tied, one convolution several times."""

    def __init__(self, channels: int, times: int, *, tied: bool) -> None:
        super().__init__()
        self.times = times
        self.convolutions = nn.ModuleList(
            nn.Conv3d(channels, channels, 5, padding=2) for _ in range(1 if tied else times)
        )

    def forward(self, x: Tensor) -> Tensor:
        for index in range(self.times):
            x = torch.relu(self.convolutions[index % len(self.convolutions)](x))
        return x


class _Down(nn.Module):
    def __init__(self, in_channels: int, channels: int, times: int, *, tied: bool) -> None:
        super().__init__()
        self.halve = nn.Conv3d(in_channels, channels, 2, stride=2)
        self.convolutions = _Convolutions(channels, times, tied=tied)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.halve(x))
        return x + self.convolutions(x)  # type: ignore[no-any-return]


class _Up(nn.Module):
    def __init__(self, in_channels: int, channels: int, times: int, *, tied: bool) -> None:
        super().__init__()
        self.upsample = nn.ConvTranspose3d(in_channels, channels // 2, 2, stride=2)
        self.convolutions = _Convolutions(channels, times, tied=tied)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = torch.cat([torch.relu(self.upsample(x)), skip], dim=1)
        return x + self.convolutions(x)  # type: ignore[no-any-return]


def _glorot(module: nn.Module) -> None:
    """Keras' initialisation where a layer names none."""
    if isinstance(module, nn.Conv3d | nn.ConvTranspose3d) and module.bias is not None:
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
