"""SUNETx5 of Clèrigues et al. 2019."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.model.networks.checks import check_network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class SUNetX5:
    """2D residual U-Net for patches of 64x64 of a slice (Clèrigues et al. 2019, Comput. Biol. Med. 115:103487).

    Read in their public code: two dimensions, five levels of 8 to 128 channels; a 3x3 convolution first; a block of the
    encoder is two times batch normalisation, PReLU that begins as ReLU, and a 3x3 convolution, beside a shortcut, with
    channel dropout of 0.2 between them in the last three levels; down: a strided convolution (with batch normalisation
    and PReLU before it) beside 2x2 max pooling; up: a transposed 3x3 convolution of stride 2, added to the skip
    connection; a block of the decoder has one convolution beside a shortcut; at the end a 3x3 convolution to two
    classes. Batch normalisation has a momentum of 0.01 and an epsilon of 0.001.

    Left out: their dropout at test, whose three passes they average.
    """

    slice_wise: ClassVar[bool] = True
    width: int = 8
    dropout: float = 0.2

    def __post_init__(self) -> None:
        check_network(width=self.width, dropout=self.dropout)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """16 in plane: the network halves a slice four times."""
        return 1, 16, 16

    def build(self, *, in_channels: int) -> "nn.Module":
        from hemosweep.model.architectures.slice_wise import SliceWise
        from hemosweep.model.architectures.sunet import sunet2d

        return SliceWise(sunet2d(in_channels, self.width, self.dropout))
