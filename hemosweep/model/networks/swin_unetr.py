"""MONAI's Swin UNETR."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.errors import BadInput
from hemosweep.model.networks.checks import check_network
from hemosweep.model.networks.extras import MONAI, of_extra

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class SwinUNETR:
    """Swin UNETR (Hatamizadeh et al. 2022, arXiv 2201.01266) as MONAI has it; needs `hemosweep[monai]`.

    MONAI's defaults with 24 features, a multiple of 12, and attention within 7x7x7 tokens: 15,703,004 parameters with
    one input channel.
    """

    extra: ClassVar[str] = MONAI
    width: int = 24
    window: int = 7
    """Side of an attention window, in tokens of two voxels."""

    def __post_init__(self) -> None:
        check_network(width=self.width, window=self.window)
        if self.width % 12:
            raise BadInput(f"width={self.width}: SwinUNETR has heads of a 12th of its features; give a multiple of 12")

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """32 along each axis: the network halves a patch five times."""
        return 32, 32, 32

    @property
    def least_voxels(self) -> int:
        """Two voxels at the coarsest level, which is normalised over its voxels."""
        return 2 * math.prod(self.patch_multiple)

    def build(self, *, in_channels: int) -> "nn.Module":
        nets = of_extra(self, "monai.networks.nets")
        network: nn.Module = nets.SwinUNETR(
            in_channels=in_channels, out_channels=2, feature_size=self.width, window_size=self.window
        )
        return network
