"""The 3D U-Net with squeeze-and-excitation blocks (paper, Section 2.2.2 and Fig. 3)."""

import torch
from torch import Tensor, nn

from hemosweep.model.layers import BatchNorm, InputConvolution, MaxPool


class SqueezeExcitation(nn.Module):
    """Channel re-weighting (Hu et al. 2018): global mean, C -> C/r -> C without bias, sigmoid gate."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.excite = nn.Linear(hidden, channels, bias=False)

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        gate_BC = torch.sigmoid(self.excite(torch.relu(self.squeeze(x_BCDHW.mean(dim=(2, 3, 4))))))
        return x_BCDHW * gate_BC[:, :, None, None, None]


def _block(convolution: nn.Conv3d, reduction: int | None) -> nn.Sequential:
    layers: list[nn.Module] = [
        convolution,
        BatchNorm(convolution.out_channels, relu=True),
        nn.Identity(),  # Where the rectifier was: checkpoints number the layers.
    ]
    if reduction is not None:
        layers.append(SqueezeExcitation(convolution.out_channels, reduction))
    return nn.Sequential(*layers)


def _conv(in_channels: int, out_channels: int) -> nn.Conv3d:
    return nn.Conv3d(in_channels, out_channels, 3, padding=1, bias=False)


def _up(in_channels: int, out_channels: int, dropout: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose3d(in_channels, out_channels, 2, stride=2, bias=False),
        BatchNorm(out_channels),
        dropout,
    )


class SEUNet(nn.Module):
    """Two-level 3D U-Net; `se=False` gives the paper's plain 3D U-Net.

    From the paper: single 3x3x3 convolutions with ReLU, 2x2x2 max pooling and 2x2x2 up-convolutions each followed by
    dropout, squeeze-and-excitation after the encoder and decoder blocks, two output classes, 2,263,042 parameters.
    Inferred, since the text leaves it open: widths of 64, 128 and 192 channels, batch normalisation after every
    (bias-free) convolution, reduction ratio 16, no bias in the excitation. With two input channels this reading gives
    the printed parameter count to the unit.

    Maps `x_BCDHW` to class logits `(B, 2, D, H, W)`; D, H and W must be multiples of 4.
    """

    def __init__(
        self,
        in_channels: int = 2,
        width: int = 64,
        se: bool = True,
        reduction: int = 16,
        dropout: float = 0.2,
        channel_dropout: bool = False,
    ) -> None:
        super().__init__()
        drop = nn.Dropout3d if channel_dropout else nn.Dropout
        ratio = reduction if se else None
        first, second, third = width, 2 * width, 3 * width
        self.encode1 = _block(InputConvolution(in_channels, first), ratio)
        self.encode2 = _block(_conv(first, second), ratio)
        self.bottom = _block(_conv(second, third), None)
        self.up2 = _up(third, second, drop(dropout))
        self.decode2 = _block(_conv(2 * second, second), ratio)
        self.up1 = _up(second, first, drop(dropout))
        self.decode1 = _block(_conv(2 * first, first), ratio)
        self.classify = nn.Conv3d(first, 2, 1)
        self.down = nn.Sequential(MaxPool(), drop(dropout))

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        skip1 = self.encode1(x_BCDHW)
        skip2 = self.encode2(self.down(skip1))
        x = self.bottom(self.down(skip2))
        x = self.decode2(torch.cat([self.up2(x), skip2], dim=1))
        x = self.decode1(torch.cat([self.up1(x), skip1], dim=1))
        logits: Tensor = self.classify(x)
        return logits
