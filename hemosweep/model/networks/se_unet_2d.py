"""The 2D U-Net with squeeze-and-excitation of Woo et al. 2019."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.model.networks.checks import check_network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class SEUNet2D:
    """2D U-Net with squeeze-and-excitation, in the manner of Woo et al. 2019 (Korean J. Radiol. 20:1275).

    Read in their abstract: a 2D U-Net and a 2D DenseNet, both with squeeze-and-excitation blocks, for ischemic lesions
    in diffusion-weighted MRI.

    Inferred: five levels of 64 to 1024 channels, two 3x3 convolutions with batch normalisation and ReLU each, an
    excitation of ratio 16 after each block of both paths.
    """

    slice_wise: ClassVar[bool] = True
    width: int = 64
    reduction: int = 16

    def __post_init__(self) -> None:
        check_network(width=self.width, reduction=self.reduction)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """16 in plane: the network halves a slice four times."""
        return 1, 16, 16

    def build(self, *, in_channels: int) -> "nn.Module":
        from hemosweep.model.architectures.se_unet2d import se_unet2d
        from hemosweep.model.architectures.slice_wise import SliceWise

        return SliceWise(se_unet2d(in_channels, self.width, self.reduction))
