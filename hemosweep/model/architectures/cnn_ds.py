"""The 3D encoder-decoder with summed segmentation maps (Isensee et al. 2017, arXiv 1802.10508), as we read CNN-DS."""

from itertools import pairwise

import torch
from torch import Tensor, nn

NUM_LEVELS = 5
NUM_MAPS = 3
"""Decoder levels whose segmentation maps are summed."""
_SLOPE = 0.01


class CNNDS(nn.Module):
    """Residual encoder, and a decoder whose three finest levels each give a segmentation map; the sum is the result.

    A coarser map is doubled and added to the next finer one, so that the loss reaches the coarser levels directly.

    Maps `x_BCDHW` to class logits `(B, 2, D, H, W)`; D, H and W must be multiples of 16, one of them at least 32:
    the coarsest level is normalised over its voxels, which takes two.
    """

    def __init__(self, in_channels: int, width: int = 16, dropout: float = 0.3) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(NUM_LEVELS)]
        self.encode = nn.ModuleList(
            nn.Sequential(nn.Conv3d(before, here, 3, stride=2 if level else 1, padding=1), _Context(here, dropout))
            for level, (before, here) in enumerate(zip([in_channels, *widths[:-1]], widths, strict=True))
        )
        coarse_to_fine = widths[::-1]
        pairs = list(pairwise(coarse_to_fine))
        self.up = nn.ModuleList(
            nn.Sequential(*_normalised(below), _doubled(), nn.Conv3d(below, here, 3, padding=1))
            for below, here in pairs
        )
        self.localise = nn.ModuleList(
            nn.Sequential(*_normalised(2 * here), nn.Conv3d(2 * here, here, 1)) for _, here in pairs
        )
        self.maps = nn.ModuleList(
            nn.Sequential(*_normalised(here), nn.Conv3d(here, 2, 1)) for here in coarse_to_fine[-NUM_MAPS:]
        )
        self.upsample = _doubled()

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        x, skips = x_BCDHW, []
        for encode in self.encode:
            x = encode(x)
            skips.append(x)
        decoded = []
        for up, localise, skip in zip(self.up, self.localise, reversed(skips[:-1]), strict=True):
            x = localise(torch.cat([up(x), skip], dim=1))
            decoded.append(x)
        coarsest, *finer = (to_map(x) for to_map, x in zip(self.maps, decoded[-NUM_MAPS:], strict=True))
        total: Tensor = coarsest
        for one in finer:
            total = self.upsample(total) + one
        return total


class _Context(nn.Module):
    """Two 3x3x3 convolutions behind normalisation, with dropout of channels between them, added to their input."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_normalised(channels),
            nn.Conv3d(channels, channels, 3, padding=1),
            nn.Dropout3d(dropout),
            *_normalised(channels),
            nn.Conv3d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)  # type: ignore[no-any-return]


def _normalised(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.InstanceNorm3d(channels, affine=True), nn.LeakyReLU(_SLOPE, inplace=True)


def _doubled() -> nn.Module:
    return nn.Upsample(scale_factor=2, mode="nearest")
