"""An encoder and decoder in the manner of DeepLabv3+ (Chen et al. 2018) on a ResNet-34."""

import torch
from torch import Tensor, nn

from hemosweep.model.architectures.layers2d import convolution, double_convolution, resize_bilinear
from hemosweep.model.architectures.residual2d import ResNet
from hemosweep.model.architectures.unet2d import doubled

STRIDE = 16
NUM_BLOCKS = (3, 4, 6, 3)
RATES = (6, 12, 18)


class AtrousPyramid(nn.Module):
    """A 1x1 convolution, dilated 3x3 ones and the mean of the whole slice side by side, joined by a 1x1 convolution.

    The mean's convolution has no batch normalisation: of a single slice there is nothing to normalise by.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.views = nn.ModuleList(
            [
                convolution(in_channels, out_channels, 1),
                *(convolution(in_channels, out_channels, dilation=rate) for rate in RATES),
            ]
        )
        self.mean = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), nn.ReLU(inplace=True))
        self.join = convolution((len(RATES) + 2) * out_channels, out_channels, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        views = [view(x_BCHW) for view in self.views]
        mean_BCHW = self.mean(x_BCHW.mean(dim=(2, 3), keepdim=True)).expand_as(views[0])
        joined_BCHW: Tensor = self.join(torch.cat([*views, mean_BCHW], dim=1))
        return joined_BCHW


class EDNet(nn.Module):
    """A pyramid on the deepest features, and a decoder that joins it with those of three finer stages.

    Args:
        width: channels of the ResNet's first stage; the decoder has 4 and each joined stage 3/4 times as many.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        *fine, deepest = doubled(width, 4)
        decoded, joined = 4 * width, max(1, 3 * width // 4)
        self.encoder = ResNet(in_channels, width, NUM_BLOCKS, dilated=True)
        self.pyramid = AtrousPyramid(deepest, decoded)
        self.joins = nn.ModuleList(convolution(channels, joined, 1) for channels in fine)
        self.decoder = double_convolution(decoded + len(fine) * joined, decoded)
        self.classify = nn.Conv2d(decoded, 2, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        *fine, deepest_BCHW = self.encoder(x_BCHW)
        joined = [join(feature) for join, feature in zip(self.joins, fine, strict=True)]
        quarter_HW = fine[0].shape[2], fine[0].shape[3]
        parts = [resize_bilinear(part, quarter_HW) for part in [*joined[1:], self.pyramid(deepest_BCHW)]]
        logits_BCHW = self.classify(self.decoder(torch.cat([joined[0], *parts], dim=1)))
        return resize_bilinear(logits_BCHW, (x_BCHW.shape[2], x_BCHW.shape[3]))
