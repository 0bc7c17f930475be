"""MONAI's UNETR."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.errors import BadInput
from hemosweep.model.networks.checks import check_network
from hemosweep.model.networks.extras import MONAI, of_extra

if TYPE_CHECKING:
    from torch import nn

TOKEN = 16
"""Voxels along the side of a token."""
HIDDEN, MLP = 48, 192
"""Length of a token, and width of the layer behind its attention, in features of the first level."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UNETR:
    """UNETR, base size (Hatamizadeh et al. 2022, arXiv 2103.10504), as MONAI has it; needs `hemosweep[monai]`.

    MONAI's defaults: tokens of 16x16x16 voxels and length 768, 12 layers of 12 heads. 92,660,962 parameters with one
    input channel and the patch (64, 64, 32), each of whose tokens has learnt a position of its own: the network takes
    no other patch. An arm's `sampling.patch_HWD` must be this one.

    18,432 of the parameters are MONAI's norms of a cross-attention that UNETR does not have; they are not trained.
    """

    extra: ClassVar[str] = MONAI
    width: int = 16
    patch_HWD: tuple[int, int, int] = (64, 64, 32)

    def __post_init__(self) -> None:
        check_network(width=self.width)
        if len(self.patch_HWD) != 3 or not all(size >= TOKEN and size % TOKEN == 0 for size in self.patch_HWD):
            raise BadInput(f"patch_HWD={self.patch_HWD}: UNETR needs three multiples of {TOKEN}")

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """16 along each axis: the side of a token."""
        return TOKEN, TOKEN, TOKEN

    @property
    def only_patch_DHW(self) -> tuple[int, int, int]:
        """The patch whose tokens have positions."""
        height, width, depth = self.patch_HWD
        return depth, height, width

    def build(self, *, in_channels: int) -> "nn.Module":
        nets = of_extra(self, "monai.networks.nets")
        network = nets.UNETR(
            in_channels=in_channels,
            out_channels=2,
            img_size=self.only_patch_DHW,
            feature_size=self.width,
            hidden_size=HIDDEN * self.width,
            mlp_dim=MLP * self.width,
        )
        for block in network.vit.blocks:  # MONAI makes and counts these, and uses them in other networks.
            block.norm_cross_attn.requires_grad_(False)
        module: nn.Module = network
        return module
