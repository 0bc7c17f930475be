"""Residual stages of 2D networks (He et al. 2016), dilated ones (Yu et al. 2017) among them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hemosweep.model.architectures.layers2d import MaxPool2d, convolution
from hemosweep.model.architectures.unet2d import doubled


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where size or channels change."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            convolution(in_channels, out_channels, stride=stride, dilation=dilation),
            convolution(out_channels, out_channels, dilation=dilation, relu=False),
        )
        changes = stride != 1 or in_channels != out_channels
        self.shortcut = (
            convolution(in_channels, out_channels, 1, stride=stride, relu=False) if changes else nn.Identity()
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return torch.relu(self.convolutions(x_BCHW) + self.shortcut(x_BCHW))


def residual_stage(
    in_channels: int, out_channels: int, num_blocks: int, *, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Basic blocks one after the other; the first changes size and channels."""
    first = BasicBlock(in_channels, out_channels, stride=stride, dilation=dilation)
    others = (BasicBlock(out_channels, out_channels, dilation=dilation) for _ in range(num_blocks - 1))
    return nn.Sequential(first, *others)


class ResNet(nn.Module):
    """Encoder of a ResNet of basic blocks: (2, 2, 2, 2) makes ResNet-18, (3, 4, 6, 3) ResNet-34.

    Gives the features of its four stages, at a quarter, an eighth and a sixteenth of the size, and at a 32nd, or with
    `dilated` at a sixteenth again. The pooling behind the first convolution is 2x2, not 3x3 as in the original, whose
    gradient would not repeat its bits on CUDA.

    Args:
        width: channels of the first stage; 64 in the original.
    """

    def __init__(self, in_channels: int, width: int, num_blocks: Sequence[int], *, dilated: bool = False) -> None:
        super().__init__()
        first, second, third, fourth = doubled(width, 4)
        last = {"dilation": 2} if dilated else {"stride": 2}
        self.stem = nn.Sequential(convolution(in_channels, first, 7, stride=2), MaxPool2d())
        self.stages = nn.ModuleList(
            [
                residual_stage(first, first, num_blocks[0]),
                residual_stage(first, second, num_blocks[1], stride=2),
                residual_stage(second, third, num_blocks[2], stride=2),
                residual_stage(third, fourth, num_blocks[3], **last),
            ]
        )

    def forward(self, x_BCHW: Tensor) -> list[Tensor]:
        x_BCHW, features = self.stem(x_BCHW), []
        for stage in self.stages:
            x_BCHW = stage(x_BCHW)
            features.append(x_BCHW)
        return features
