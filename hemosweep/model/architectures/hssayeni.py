"""The U-Net of Hssayeni et al. 2020."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hemosweep.model.architectures.lesion_logit import LesionLogit2d, start_with_both_signs
from hemosweep.model.architectures.unet2d import Encoder, UNet2D, decoder_of, doubled, encoder_of

NUM_LEVELS = 5
_TRUNCATED = 0.87962566103423978
"""Standard deviation of a standard normal variable that is cut at -2 and 2."""


def hssayeni_unet(in_channels: int, width: int, dropout: float) -> UNet2D:
    """The network of their public code; `hemosweep.model.networks.hssayeni` gives its facts."""
    widths = doubled(width, NUM_LEVELS)
    *fine, fourth, fifth = encoder_of(in_channels, widths, _two_convolutions).blocks
    encoder = Encoder([*fine, nn.Sequential(fourth, nn.Dropout(dropout)), nn.Sequential(fifth, nn.Dropout(dropout))])
    decoder = decoder_of(widths, _two_convolutions, up=_UpConvolution)
    last = LesionLogit2d(2)
    head = nn.Sequential(nn.Conv2d(width, 2, 3, padding=1), nn.ReLU(inplace=True), last)
    network = UNet2D(encoder, decoder, head)
    network.apply(_he_normal)
    nn.init.xavier_uniform_(last.weight)  # Keras' default.
    start_with_both_signs(last)
    return network


def _two_convolutions(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(out_channels, out_channels, 3, padding=1),
        nn.ReLU(inplace=True),
    )


class _UpConvolution(nn.Module):
    """Each voxel four times, then a 2x2 convolution, whose missing voxels lie below and to the right, as in Keras."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.enlarge = nn.UpsamplingNearest2d(scale_factor=2)
        self.convolution = nn.Conv2d(in_channels, out_channels, 2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return torch.relu(self.convolution(F.pad(self.enlarge(x_BCHW), (0, 1, 0, 1))))


def _he_normal(module: nn.Module) -> None:
    """Keras' `he_normal`, with its biases of zero."""
    if isinstance(module, nn.Conv2d) and module.bias is not None:
        fan_in = module.weight[0].numel()
        deviation = math.sqrt(2.0 / fan_in) / _TRUNCATED
        nn.init.trunc_normal_(module.weight, std=deviation, a=-2.0 * deviation, b=2.0 * deviation)
        nn.init.zeros_(module.bias)
