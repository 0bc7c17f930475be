"""The 2D U-Net with squeeze-and-excitation blocks."""

from torch import nn

from hemosweep.model.architectures.layers2d import SqueezeExcitation2d, double_convolution
from hemosweep.model.architectures.unet2d import UNet2D, doubled, unet2d

NUM_LEVELS = 5


def se_unet2d(in_channels: int, width: int, reduction: int) -> UNet2D:
    """A U-Net of five levels with an excitation after each block of both paths."""

    def block(before: int, after: int) -> nn.Sequential:
        return nn.Sequential(*double_convolution(before, after), SqueezeExcitation2d(after, reduction))

    return unet2d(in_channels, doubled(width, NUM_LEVELS), block)
