"""A classifier of slices and a segmentation of those that bleed, for each of two windows."""

import torch
from torch import Tensor, nn

from hemosweep.model.architectures.residual2d import ResNet
from hemosweep.model.architectures.unet2d import doubled, unet2d
from hemosweep.model.outputs import Output, Outputs

NUM_LEVELS = 5
NUM_BLOCKS = (2, 2, 2, 2)
LEAST_PROBABILITY = 1e-6
"""Bound of a class' probability, so that its logarithm and the loss are finite."""


class SliceClassifier(nn.Module):
    """ResNet-18 with logits `(B, 2)` of whole slices."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.encoder = ResNet(in_channels, width, NUM_BLOCKS)
        self.classify = nn.Linear(doubled(width, len(NUM_BLOCKS))[-1], 2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        logits_BC: Tensor = self.classify(self.encoder(x_BCHW)[-1].mean(dim=(2, 3)))
        return logits_BC


class Cascade(nn.Module):
    """Two U-Nets and two classifiers; the channels of `x_BCHW` are the two windows.

    In training each network has an output of its own. In evaluation the U-Nets' probabilities are averaged, and a slice
    that no classifier calls bleeding has no lesion; the logits are the logarithms of the probabilities.
    """

    def __init__(self, width: int, slice_weight: float) -> None:
        super().__init__()
        self.segment = nn.ModuleList(unet2d(1, doubled(width, NUM_LEVELS)) for _ in range(2))
        self.classify = nn.ModuleList(SliceClassifier(1, width) for _ in range(2))
        self.slice_weight = slice_weight

    def forward(self, x_BCHW: Tensor) -> Outputs:
        windows = x_BCHW.split(1, dim=1)
        voxels = [segment(window) for segment, window in zip(self.segment, windows, strict=True)]
        slices = [classify(window) for classify, window in zip(self.classify, windows, strict=True)]
        if self.training:
            return (
                *(Output(logits_BCHW, 0.5) for logits_BCHW in voxels),
                *(Output(logits_BC, 0.5 * self.slice_weight) for logits_BC in slices),
            )
        bleeds_B = torch.stack([logits_BC[:, 1] > logits_BC[:, 0] for logits_BC in slices]).any(dim=0)
        mean_BCHW = torch.stack([logits_BCHW.float().softmax(dim=1) for logits_BCHW in voxels]).mean(dim=0)
        lesion_B1HW = mean_BCHW[:, 1:] * bleeds_B[:, None, None, None]
        both_BCHW = torch.cat([1.0 - lesion_B1HW, lesion_B1HW], dim=1)
        return both_BCHW.clamp(LEAST_PROBABILITY, 1.0).log()
