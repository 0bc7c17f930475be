"""The hybrid 3D/2D network of Chang et al. 2018, without its region proposals."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.model.networks.checks import check_network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class Hybrid3D2DFPN:
    """Slab of five slices in, logits of the middle one out (after Chang et al. 2018, AJNR 39:1609).

    Read in their abstract: a hybrid 3D/2D mask ROI-based CNN. Read in the author's teaching code: a slab of adjacent
    slices, a contracting path of 3D convolutions that use the depth up without padding, and a 2D expanding path.

    From memory: five slices in, a residual bottom-up path, a feature pyramid.

    Inferred: all sizes. A first convolution of stride 2 in plane, residual levels of 32, 64, 128 and 256 channels at a
    quarter to a 32nd of the size, a pyramid of 128 channels whose maps are summed at a quarter, bilinear x4. There are
    no region proposals and no boxes: to choose among candidates is left to post-processing.
    """

    slice_wise: ClassVar[bool] = True
    width: int = 32

    def __post_init__(self) -> None:
        check_network(width=self.width)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """32 in plane: the network halves a slice five times."""
        return 1, 32, 32

    @property
    def context_DHW(self) -> tuple[int, int, int]:
        """Two slices at either end of a patch."""
        return 2, 0, 0

    def build(self, *, in_channels: int) -> "nn.Module":
        from hemosweep.model.architectures.hybrid3d2d import Hybrid3D2D

        return Hybrid3D2D(in_channels, self.width, pyramid=4 * self.width)
