"""The 3D U-Net of Çiçek et al. 2016."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.model.networks.checks import check_network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class CicekUNet3D:
    """3D U-Net of two convolutions a level (Çiçek et al. 2016, MICCAI), our reading of two papers.

    Wang et al. 2018 (BIBE, pp. 78-83), arm `unet3d-cicek`: nothing but "3D CNN" and "U-shaped" is known to us from the
    paper that hemosweep follows. All else is inferred: levels of 32, 64, 128 and 256 channels, two 3x3x3 convolutions
    with batch normalisation each, 2x2x2 pooling and up-convolutions, concatenation.

    Patel et al. 2019 (Sci. Rep. 9), arm `weightmap-like`: known from there are a patch-based 3D U-shaped CNN and a
    weight map for each patch, which is the loss's. Inferred is the same network, with `num_levels` of 3 or 4 and
    convolutions that keep the size; from memory, theirs do not.
    """

    width: int = 32
    num_levels: int = 4

    def __post_init__(self) -> None:
        check_network(width=self.width, num_levels=self.num_levels)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """The network halves a patch once less than it has levels."""
        multiple = 2 ** (self.num_levels - 1)
        return multiple, multiple, multiple

    def build(self, *, in_channels: int) -> "nn.Module":
        from hemosweep.model.architectures.cicek import UNet3D

        return UNet3D(in_channels, self.width, self.num_levels)
