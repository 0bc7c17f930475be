"""MONAI's SegResNet."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.errors import BadInput
from hemosweep.model.networks.checks import check_network
from hemosweep.model.networks.extras import MONAI, of_extra

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class SegResNet:
    """SegResNet (Myronenko 2018, arXiv 1810.11654) as MONAI has it; needs `hemosweep[monai]`.

    MONAI's defaults, but for 16 channels to begin with: 4,700,914 parameters with one input channel.

    On CUDA its gradients do not repeat their bits, since it interpolates trilinearly: PyTorch refuses it where
    `deterministic` is asked for.
    """

    extra: ClassVar[str] = MONAI
    width: int = 16

    def __post_init__(self) -> None:
        check_network(width=self.width)
        if self.width % 8:
            raise BadInput(f"width={self.width}: SegResNet normalises 8 groups of channels; give a multiple of 8")

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """8 along each axis: the network halves a patch three times."""
        return 8, 8, 8

    def build(self, *, in_channels: int) -> "nn.Module":
        nets = of_extra(self, "monai.networks.nets")
        network: nn.Module = nets.SegResNet(init_filters=self.width, in_channels=in_channels, out_channels=2)
        return network
