"""The paper's network."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class SEUNet3D:
    """3D U-Net with squeeze-and-excitation, or without (`se=False`); paper, Section 2.2.2.

    `width` is the channel count of its first level, `reduction` the ratio of its squeeze-and-excitation blocks. Dropout
    leaves out single values, or with `channel_dropout` whole channels.
    """

    width: int = 64
    se: bool = True
    reduction: int = 16
    dropout: float = 0.2
    channel_dropout: bool = False

    def __post_init__(self) -> None:
        if self.width < 1:
            raise BadInput(f"width={self.width}: must be at least 1")
        if self.reduction < 1:
            raise BadInput(f"reduction={self.reduction}: must be at least 1")
        if not 0.0 <= self.dropout < 1.0:
            raise BadInput(f"dropout={self.dropout}: must lie in [0, 1)")

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """4 along each axis: the network halves a patch twice."""
        return 4, 4, 4

    def build(self, *, in_channels: int) -> "nn.Module":
        from hemosweep.model.unet import SEUNet

        return SEUNet(
            in_channels=in_channels,
            width=self.width,
            se=self.se,
            reduction=self.reduction,
            dropout=self.dropout,
            channel_dropout=self.channel_dropout,
        )
