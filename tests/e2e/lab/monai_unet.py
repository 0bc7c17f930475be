"""Does MONAI's residual U-Net segment better than the paper's network?

A lab's own network in one file: any module of another library becomes an arm.
"""

from dataclasses import dataclass, replace

from monai.networks.nets import UNet
from torch import nn

from hemosweep.ablation.sweep import Sweep


@dataclass(frozen=True)
class ResidualUNet:
    """MONAI's U-Net with residual units (Kerfoot et al. 2018)."""

    channels: tuple[int, ...] = (8, 16, 24)
    patch_multiple: tuple[int, int, int] = (4, 4, 4)

    def build(self, *, in_channels: int) -> nn.Module:
        strides = (2,) * (len(self.channels) - 1)
        return UNet(
            spatial_dims=3,
            in_channels=in_channels,
            out_channels=2,
            channels=self.channels,
            strides=strides,
            num_res_units=1,
        )


SWEEP = Sweep(
    name="residual",
    question="Does MONAI's residual U-Net segment better than the paper's network?",
    space={"network": ("se_unet", "residual")},
    arm_name=lambda params: params["network"],
    configure=lambda base, params: base if params["network"] == "se_unet" else replace(base, network=ResidualUNet()),
    baseline="se_unet",
    comparisons=(("se_unet", "residual"),),
)
