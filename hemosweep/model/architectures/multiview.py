"""A 2D U-Net whose blocks see a voxel in several fields of view."""

import torch
from torch import Tensor, nn

from hemosweep.model.architectures.layers2d import convolution
from hemosweep.model.architectures.unet2d import UNet2D, doubled, unet2d

NUM_LEVELS = 4
DILATIONS = (1, 2, 4)


class MultiViewBlock(nn.Module):
    """3x3 convolutions of several dilations side by side, a third of the channels each, joined by a 1x1 convolution
    beside a shortcut."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        third = -(-out_channels // len(DILATIONS))
        self.views = nn.ModuleList(convolution(in_channels, third, dilation=dilation) for dilation in DILATIONS)
        self.join = convolution(third * len(DILATIONS), out_channels, 1, relu=False)
        changes = in_channels != out_channels
        self.shortcut = convolution(in_channels, out_channels, 1, relu=False) if changes else nn.Identity()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        views_BCHW = torch.cat([view(x_BCHW) for view in self.views], dim=1)
        return torch.relu(self.join(views_BCHW) + self.shortcut(x_BCHW))


def multiview_unet(in_channels: int, width: int) -> UNet2D:
    """A U-Net of four levels of such blocks."""
    return unet2d(in_channels, doubled(width, NUM_LEVELS), MultiViewBlock)
