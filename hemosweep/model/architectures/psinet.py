"""A 2D U-Net with self-attention at its deepest level and contextual attention on its skip connections."""

import torch
from torch import Tensor, nn

from hemosweep.model.architectures.layers2d import convolution
from hemosweep.model.architectures.unet2d import decoder_of, doubled, encoder_of
from hemosweep.model.outputs import Output, Outputs

NUM_LEVELS = 5
RATES = (1, 2, 4)


class SelfAttention(nn.Module):
    """Non-local block (Wang et al. 2018): each place gets the mean of all values, weighted by query and key. Its share
    `gamma` is learned from 0 on (Zhang et al. 2019)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // 8)
        self.query = nn.Conv2d(channels, hidden, 1)
        self.key = nn.Conv2d(channels, hidden, 1, bias=False)  # The softmax over keys cancels a bias.
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        query_BCN, key_BCN, value_BCN = (part(x_BCHW).flatten(2) for part in (self.query, self.key, self.value))
        weight_BNN = (query_BCN.transpose(1, 2) @ key_BCN).softmax(dim=2)
        mean_BCHW = (value_BCN @ weight_BNN.transpose(1, 2)).view_as(x_BCHW)
        y_BCHW: Tensor = x_BCHW + self.gamma * mean_BCHW
        return y_BCHW


class ContextualAttention(nn.Module):
    """Join whose skip connection is weighted, place by place, by a gate that sees the surroundings from below in
    several dilations."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // 4)
        self.surroundings = nn.ModuleList(convolution(channels, hidden, dilation=rate) for rate in RATES)
        self.gate = nn.Conv2d(channels + len(RATES) * hidden, 1, 1)

    def forward(self, skip_BCHW: Tensor, up_BCHW: Tensor) -> Tensor:
        seen = [surrounding(up_BCHW) for surrounding in self.surroundings]
        gate_B1HW = torch.sigmoid(self.gate(torch.cat([skip_BCHW, *seen], dim=1)))
        return torch.cat([skip_BCHW * gate_B1HW, up_BCHW], dim=1)


class PsiNet(nn.Module):
    """Maps `x_BCHW` to logits `(B, 2, H, W)`; in training also to logits `(B, 2)` of whole slices.

    Args:
        slice_weight: weight of the slices in the loss; 0 leaves their head out.
    """

    def __init__(self, in_channels: int, width: int, slice_weight: float) -> None:
        super().__init__()
        widths = doubled(width, NUM_LEVELS)
        self.encoder = encoder_of(in_channels, widths)
        self.attention = SelfAttention(widths[-1])
        self.decoder = decoder_of(widths, joins=[ContextualAttention(channels) for channels in reversed(widths[:-1])])
        self.head = nn.Conv2d(width, 2, 1)
        self.slice_head = nn.Linear(widths[-1], 2) if slice_weight else None
        self.slice_weight = slice_weight

    def forward(self, x_BCHW: Tensor) -> Outputs:
        *skips, deepest_BCHW = self.encoder(x_BCHW)
        deepest_BCHW = self.attention(deepest_BCHW)
        logits_BCHW: Tensor = self.head(self.decoder([*skips, deepest_BCHW]))
        if self.slice_head is None or not self.training:
            return logits_BCHW
        logits_BC = self.slice_head(deepest_BCHW.mean(dim=(2, 3)))
        return Output(logits_BCHW, 1.0), Output(logits_BC, self.slice_weight)
