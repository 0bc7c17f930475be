"""A network in the manner of ED-Net (Hu et al. 2020)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.model.networks.checks import check_network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class EDNetLike:
    """Encoder and decoder with features of several scales, in the manner of ED-Net (Hu et al. 2020, Inf. Process.
    Manag. 57:102352).

    Read in their abstract: the encoder extracts semantic features of several scales, the decoder fuses them into one
    representation.

    Inferred: as DeepLabv3+ (Chen et al. 2018) with a ResNet-34, random weights to begin with; an atrous pyramid of the
    rates 1, 6, 12, 18 and the slice's mean, 256 channels; the decoder joins it with three finer stages by 1x1
    convolutions to 48 channels each, and two 3x3 convolutions of 256 channels.
    """

    slice_wise: ClassVar[bool] = True
    width: int = 64

    def __post_init__(self) -> None:
        check_network(width=self.width)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """16 in plane: the network halves a slice four times."""
        return 1, 16, 16

    def build(self, *, in_channels: int) -> "nn.Module":
        from hemosweep.model.architectures.ednet import EDNet
        from hemosweep.model.architectures.slice_wise import SliceWise

        return SliceWise(EDNet(in_channels, self.width))
