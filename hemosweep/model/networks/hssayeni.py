"""The U-Net of Hssayeni et al. 2020."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.model.networks.checks import check_network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class HssayeniUNet:
    """2D U-Net for crops of 160x160 of a slice (Hssayeni et al. 2020, Data 5:14).

    Read in their public code: five levels of 64 to 1024 channels, two 3x3 convolutions with ReLU each and *same*
    padding, no batch normalisation, He's initialisation; dropout of 0.5 behind the last two levels; 2x2 max pooling;
    up: each voxel four times, a 2x2 convolution with ReLU, concatenation; at the end a 3x3 convolution to 2 channels
    with ReLU, and a 1x1 convolution to one logit. 31,031,685 parameters with their one input channel.

    Read by us as: the logit z of the lesion becomes the logits (0, z) of our two classes, whose softmax is its sigmoid.

    Inferred: the two weights of that logit start with different signs. With one sign, as half of all starts have,
    only the bias can raise or lower it, and a learning rate of 1e-5 hardly moves the bias.
    """

    slice_wise: ClassVar[bool] = True
    width: int = 64
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_network(width=self.width, dropout=self.dropout)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """16 in plane: the network halves a slice four times."""
        return 1, 16, 16

    def build(self, *, in_channels: int) -> "nn.Module":
        from hemosweep.model.architectures.hssayeni import hssayeni_unet
        from hemosweep.model.architectures.slice_wise import SliceWise

        return SliceWise(hssayeni_unet(in_channels, self.width, self.dropout))
