"""A Siamese U-Net whose healthy template is the patient's own mirror image."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.model.networks.checks import check_in_channels, check_network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class SiameseSym:
    """2D U-Net with one encoder for the CT and its symmetric image, after the Siamese U-Net of Kwon et al. 2019
    (MICCAI).

    Read in their abstract: a pair of the patient's CT and a healthy template; the dissimilarity of their features goes
    into the long skip connections. Their references hold Siamese networks and the Hadamard product.

    Inferred: five levels of 64 to 1024 channels as in a 2D U-Net with batch normalisation; a skip connection is the
    patient's features f beside f * |f - g|, where g are the template's; the deepest features are the patient's alone.

    Ours: the template is the patient's own mirror image, the channel `symmetric`, so that no healthy scan is needed and
    none has to be registered.
    """

    slice_wise: ClassVar[bool] = True
    channels: ClassVar[tuple[str, ...]] = ("ct", "symmetric")
    width: int = 64

    def __post_init__(self) -> None:
        check_network(width=self.width)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """16 in plane: the network halves a slice four times."""
        return 1, 16, 16

    def build(self, *, in_channels: int) -> "nn.Module":
        """Return the module; its first channel is the CT and its second one the symmetric image.

        Raises:
            BadInput: there are not two input channels.
        """
        check_in_channels(self.channels, in_channels)
        from hemosweep.model.architectures.siamese import SiameseUNet
        from hemosweep.model.architectures.slice_wise import SliceWise

        return SliceWise(SiameseUNet(self.width))
