"""MONAI's DynUNet."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.model.networks.anisotropic_plan import kernels, multiple_of, widths
from hemosweep.model.networks.checks import check_network
from hemosweep.model.networks.extras import MONAI, of_extra

if TYPE_CHECKING:
    from torch import nn

STRIDES = ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2))
"""Stride of each level along D, H and W."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DynUNet:
    """DynUNet, MONAI's U-Net after nnU-Net (Isensee et al. 2021); needs `hemosweep[monai]`.

    Five levels of 32 to 320 channels, kernels and strides as nnU-Net's rules give them for thick slices
    (`anisotropic_plan`), all else MONAI's defaults: 16,317,794 parameters with one input channel. No deep supervision.
    """

    extra: ClassVar[str] = MONAI
    width: int = 32

    def __post_init__(self) -> None:
        check_network(width=self.width)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """4 slices, 16 in plane: two halvings, and two more in plane."""
        return multiple_of(STRIDES)

    def build(self, *, in_channels: int) -> "nn.Module":
        nets = of_extra(self, "monai.networks.nets")
        network: nn.Module = nets.DynUNet(
            spatial_dims=3,
            in_channels=in_channels,
            out_channels=2,
            kernel_size=kernels(len(STRIDES)),
            strides=STRIDES,
            upsample_kernel_size=STRIDES[1:],
            filters=widths(self.width, len(STRIDES)),
        )
        return network
