"""The 2D U-Net as parts that several networks share: encoder, decoder, and the modules between them."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from hemosweep.model.architectures.layers2d import MaxPool2d, double_convolution, up_convolution

Block = Callable[[int, int], nn.Module]
"""Maker of a module from its input and output channels."""


def doubled(width: int, num_levels: int) -> list[int]:
    """Channels of the levels, the finest first: each has twice as many as the one before."""
    return [width * 2**level for level in range(num_levels)]


class Encoder(nn.Module):
    """Blocks at ever lower resolution. Gives the features of every block, the finest first.

    Args:
        downs: modules that halve the size, one before each block but the first; 2x2 max pooling where it is None.
    """

    def __init__(self, blocks: Iterable[nn.Module], downs: Iterable[nn.Module] | None = None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downs = nn.ModuleList(downs if downs is not None else (MaxPool2d() for _ in self.blocks[1:]))

    def forward(self, x_BCHW: Tensor) -> list[Tensor]:
        features = [self.blocks[0](x_BCHW)]
        for down, block in zip(self.downs, self.blocks[1:], strict=True):
            features.append(block(down(features[-1])))
        return features


class Concatenation(nn.Module):
    """Join of a skip connection and what came up from below."""

    def forward(self, skip_BCHW: Tensor, up_BCHW: Tensor) -> Tensor:
        return torch.cat([skip_BCHW, up_BCHW], dim=1)


class Decoder(nn.Module):
    """Blocks at ever higher resolution, from the features of all levels, the finest first.

    Args:
        ups: modules that double the size, the coarsest first; blocks and joins are in this order, too.
        joins: modules `(skip, up) -> x`; concatenations where it is None.
    """

    def __init__(
        self, ups: Iterable[nn.Module], blocks: Iterable[nn.Module], joins: Iterable[nn.Module] | None = None
    ) -> None:
        super().__init__()
        self.ups, self.blocks = nn.ModuleList(ups), nn.ModuleList(blocks)
        self.joins = nn.ModuleList(joins if joins is not None else (Concatenation() for _ in self.ups))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        *skips, x_BCHW = features
        for up, join, block, skip_BCHW in zip(self.ups, self.joins, self.blocks, reversed(skips), strict=True):
            x_BCHW = block(join(skip_BCHW, up(x_BCHW)))
        return x_BCHW


class UNet2D(nn.Module):
    """An encoder, a decoder, and a head that makes logits `(B, 2, H, W)` of the decoder's features."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder, self.head = encoder, decoder, head

    def forward(self, x_BCHW: Tensor) -> Tensor:
        logits_BCHW: Tensor = self.head(self.decoder(self.encoder(x_BCHW)))
        return logits_BCHW


def encoder_of(in_channels: int, widths: Sequence[int], block: Block = double_convolution) -> Encoder:
    """An encoder of one block a level, with max pooling between them."""
    return Encoder(block(before, after) for before, after in pairwise([in_channels, *widths]))


def decoder_of(
    widths: Sequence[int],
    block: Block = double_convolution,
    *,
    up: Block = up_convolution,
    joins: Iterable[nn.Module] | None = None,
    skips_per_level: int = 1,
) -> Decoder:
    """A decoder for the features of such an encoder.

    Args:
        skips_per_level: channels of a skip connection, as a multiple of its level's.
    """
    steps = [(below, here) for here, below in reversed(list(pairwise(widths)))]
    ups = [up(below, here) for below, here in steps]
    blocks = [block((1 + skips_per_level) * here, here) for _, here in steps]
    return Decoder(ups, blocks, joins)


def unet2d(in_channels: int, widths: Sequence[int], block: Block = double_convolution) -> UNet2D:
    """The U-Net (Ronneberger et al. 2015) with *same* padding; its multiple is 2 to the number of levels less one."""
    return UNet2D(encoder_of(in_channels, widths, block), decoder_of(widths, block), nn.Conv2d(widths[0], 2, 1))
