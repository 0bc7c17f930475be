"""A network in the manner of psi-Net (Kuang et al. 2020)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.model.networks.checks import check_network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class PsiNetLike:
    """2D U-Net with self-attention, contextual attention and a head for slices, in the manner of psi-Net (Kuang et al.
    2020, Comput. Methods Programs Biomed. 194:105546).

    Read in their abstract: slices; a self-attention block against what is irrelevant; a contextual-attention block for
    border areas; learning at the level of slices beside that of voxels.

    Inferred, since nothing else of it is public: five levels of 32 to 512 channels, two 3x3 convolutions with batch
    normalisation and ReLU each; a non-local block at the deepest level; a gate on each skip connection, of the skip and
    of dilated convolutions (1, 2, 4; a quarter of the channels each) of what comes up; "this slice holds lesion" from
    the mean of the deepest features, with a weight of 0.1 in the loss.
    """

    slice_wise: ClassVar[bool] = True
    width: int = 32
    slice_weight: float = 0.1

    def __post_init__(self) -> None:
        check_network(width=self.width, slice_weight=self.slice_weight)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """16 in plane: the network halves a slice four times."""
        return 1, 16, 16

    def build(self, *, in_channels: int) -> "nn.Module":
        from hemosweep.model.architectures.psinet import PsiNet
        from hemosweep.model.architectures.slice_wise import SliceWise

        return SliceWise(PsiNet(in_channels, self.width, self.slice_weight))
