"""MONAI's MedNeXt."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.model.networks.checks import check_network
from hemosweep.model.networks.extras import MONAI, of_extra

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class MedNeXtS:
    """MedNeXt-S of 3x3x3 kernels (Roy et al. 2023, arXiv 2303.09975) as MONAI has it; needs `hemosweep[monai]`.

    5,550,914 parameters with one input channel. No deep supervision, which is MONAI's default.
    """

    extra: ClassVar[str] = MONAI
    width: int = 32

    def __post_init__(self) -> None:
        check_network(width=self.width)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """16 along each axis: the network halves a patch four times."""
        return 16, 16, 16

    @property
    def least_voxels(self) -> int:
        """Two voxels at the coarsest level, which is normalised over its voxels."""
        return 2 * math.prod(self.patch_multiple)

    def build(self, *, in_channels: int) -> "nn.Module":
        nets = of_extra(self, "monai.networks.nets")
        network: nn.Module = nets.MedNeXt(
            spatial_dims=3,
            init_filters=self.width,
            in_channels=in_channels,
            out_channels=2,
            kernel_size=3,
            use_residual_connection=True,
        )
        return network
