"""The dilated residual network DRN-D-38 (Yu et al. 2017) with a map of logits at its end."""

from torch import Tensor, nn

from hemosweep.model.architectures.layers2d import convolution, resize_bilinear
from hemosweep.model.architectures.residual2d import residual_stage

STRIDE = 8


class DRN38(nn.Module):
    """38 layers at an eighth of the size at the least, and logits interpolated to the whole size.

    Form D of the public code: levels of 1, 1 single convolutions, 3, 4, 6, 3 basic blocks and 1, 1 single convolutions
    that take away the grid of the dilated ones, with 1, 2, 4, 8, 16, 32, 32, 32 times `width` channels. The last
    levels do not halve the size; they have dilations of 2, 4, 2 and 1 instead.

    Args:
        width: 16 in the original.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            convolution(in_channels, width, 7),
            convolution(width, width),
            convolution(width, 2 * width, stride=2),
            residual_stage(2 * width, 4 * width, 3, stride=2),
            residual_stage(4 * width, 8 * width, 4, stride=2),
            residual_stage(8 * width, 16 * width, 6, dilation=2),
            residual_stage(16 * width, 32 * width, 3, dilation=4),
            convolution(32 * width, 32 * width, dilation=2),
            convolution(32 * width, 32 * width),
        )
        self.classify = nn.Conv2d(32 * width, 2, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        assert self.classify.bias is not None
        nn.init.zeros_(self.classify.bias)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        height, width = x_BCHW.shape[2:]
        return resize_bilinear(self.classify(self.features(x_BCHW)), (height, width))
