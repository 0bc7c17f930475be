"""The V-Net of DeepBleed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.model.networks.checks import check_network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepBleedVNet:
    """V-Net of the whole head (Sharrock et al. 2020, Neuroinformatics; DeepBleed).

    Read in their public code: 5x5x5 convolutions with ReLU, neither normalisation nor dropout; the input, repeated, is
    added to the first 16 channels; 2x2x2 convolutions of stride 2 down to 32, 64, 128 and 256 channels, transposed ones
    up, concatenation; each level adds its input to what 2, 3, 3, 3 convolutions (up: 3, 3, 2, 1) make of it. A level
    calls *one* convolution that often: its weights are tied (`tied`). At the end 1x1x1 convolutions to 2 channels with
    ReLU, and to one logit. 22,546,101 parameters with one input channel, 65,171,861 untied.

    Inferred: Keras' initialisation, which their code leaves as it is, but the two weights of the last logit start with
    different signs: with one sign, as half of all starts have, only the bias can raise or lower it. The logit z of the
    lesion becomes the logits (0, z) of our two classes, whose softmax is its sigmoid.
    """

    width: int = 16
    tied: bool = True

    def __post_init__(self) -> None:
        check_network(width=self.width)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """16 along each axis: the network halves a patch four times."""
        return 16, 16, 16

    def build(self, *, in_channels: int) -> "nn.Module":
        from hemosweep.model.architectures.vnet import VNet

        return VNet(in_channels, self.width, tied=self.tied)
