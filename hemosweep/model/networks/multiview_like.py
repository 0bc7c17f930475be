"""A network in the manner of the multi-view CNN of Yao et al. 2020."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.model.networks.checks import check_network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class MultiViewLike:
    """2D U-Net of blocks with several dilations, in the manner of Yao et al. 2020 (Artif. Intell. Med. 107:101910).

    Read in the abstract of their earlier paper (EMBC 2018): dilated convolutions, and skip layers that join features of
    a low and a high level. That earlier network neither halves nor doubles the size.

    From memory: the views are fields of view of the branches of a block, not axial, coronal and sagittal ones.

    Inferred: four levels of 32 to 256 channels; a block is 3x3 convolutions of dilation 1, 2 and 4 side by side, a
    third of the channels each, joined by a 1x1 convolution beside a shortcut, with batch normalisation and ReLU.
    """

    slice_wise: ClassVar[bool] = True
    width: int = 32

    def __post_init__(self) -> None:
        check_network(width=self.width)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """8 in plane: the network halves a slice three times."""
        return 1, 8, 8

    def build(self, *, in_channels: int) -> "nn.Module":
        from hemosweep.model.architectures.multiview import multiview_unet
        from hemosweep.model.architectures.slice_wise import SliceWise

        return SliceWise(multiview_unet(in_channels, self.width))
