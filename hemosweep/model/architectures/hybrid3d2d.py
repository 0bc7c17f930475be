"""A network that sees a slab of slices and labels the one in its middle (after Chang et al. 2018)."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from hemosweep.model.architectures.layers2d import resize_bilinear
from hemosweep.model.architectures.layers3d import convolution

SLAB = 5
"""Slices that are seen for each that is labelled."""
NUM_LEVELS = 4
STEM_STRIDE = 2
IN_PLANE_3 = (1, 3, 3)
IN_PLANE_2 = (1, 2, 2)


class Hybrid3D2D(nn.Module):
    """Residual encoder of slabs and a feature pyramid (Lin et al. 2017) of slices; no region proposals.

    Convolutions along the slices are not padded. The first one takes five slices to three, those in front of the
    pyramid three to one, so that a slice's logits are the same whatever the depth of its patch.

    Maps `x_BCDHW` to class logits `(B, 2, D - 4, H, W)`; H and W must be multiples of 32.
    """

    def __init__(self, in_channels: int, width: int = 32, pyramid: int = 128) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(NUM_LEVELS)]
        self.stem = convolution(in_channels, width, (3, 3, 3), stride=(1, STEM_STRIDE, STEM_STRIDE), padding=(0, 1, 1))
        self.levels = nn.ModuleList(_Residual(before, here) for before, here in pairwise([width, *widths]))
        self.laterals = nn.ModuleList(nn.Conv3d(here, pyramid, (SLAB - 2, 1, 1)) for here in widths)
        self.upsample = nn.Upsample(scale_factor=IN_PLANE_2, mode="nearest")
        self.join = convolution(pyramid, pyramid, IN_PLANE_3)
        self.classify = nn.Conv3d(pyramid, 2, 1)

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        x, maps = self.stem(x_BCDHW), []
        for level, lateral in zip(self.levels, self.laterals, strict=True):
            x = level(x)
            maps.append(lateral(x))
        coarsest, *finer = reversed(maps)
        pyramid, total = coarsest, coarsest
        for one in finer:
            pyramid = self.upsample(pyramid) + one
            total = self.upsample(total) + pyramid
        logits: Tensor = self.classify(self.join(total))
        height, width = x_BCDHW.shape[3:]
        whole_BNHW = resize_bilinear(logits.flatten(1, 2), (height, width))
        return whole_BNHW.unflatten(1, (2, -1))  # type: ignore[no-any-return]


class _Residual(nn.Module):
    """Two convolutions in plane, the first one of stride 2, added to their input (He et al. 2016)."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            convolution(in_channels, channels, IN_PLANE_3, stride=IN_PLANE_2),
            convolution(channels, channels, IN_PLANE_3, relu=False),
        )
        self.shortcut = convolution(in_channels, channels, 1, stride=IN_PLANE_2, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.layers(x) + self.shortcut(x))
