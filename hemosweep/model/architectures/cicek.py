"""The 3D U-Net of Çiçek et al. (MICCAI 2016, arXiv 1606.06650), as wide as one likes."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from hemosweep.model.architectures.layers3d import double_convolution
from hemosweep.model.layers import MaxPool


class UNet3D(nn.Module):
    """U-Net of two 3x3x3 convolutions a level, each with batch normalisation and the rectifier.

    2x2x2 max pooling, 2x2x2 up-convolutions, concatenation, a 1x1x1 convolution at the end. Each level has twice the
    channels of the one above it. Convolutions keep the size, where the paper's lose their border.

    Maps `x_BCDHW` to class logits `(B, 2, D, H, W)`; D, H and W must be multiples of `2 ** (num_levels - 1)`.
    """

    def __init__(self, in_channels: int, width: int, num_levels: int) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(num_levels)]
        self.encode = nn.ModuleList(map(double_convolution, [in_channels, *widths[:-1]], widths))
        self.pool = MaxPool()
        coarse_to_fine = widths[::-1]
        self.up = nn.ModuleList(
            nn.ConvTranspose3d(below, here, 2, stride=2) for below, here in pairwise(coarse_to_fine)
        )
        self.decode = nn.ModuleList(double_convolution(2 * here, here) for here in coarse_to_fine[1:])
        self.classify = nn.Conv3d(width, 2, 1)

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        first, *others = self.encode
        x, skips = first(x_BCDHW), []
        for encode in others:
            skips.append(x)
            x = encode(self.pool(x))
        for up, decode, skip in zip(self.up, self.decode, reversed(skips), strict=True):
            x = decode(torch.cat([up(x), skip], dim=1))
        logits: Tensor = self.classify(x)
        return logits
