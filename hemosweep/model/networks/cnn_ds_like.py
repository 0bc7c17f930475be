"""A network in the manner of CNN-DS."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.model.networks.checks import check_network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class CNNDSLike:
    """Encoder-decoder of the whole head with deep supervision (in the manner of Arab et al. 2020, Sci. Rep. 10:19389).

    Read in their abstract: the head as 64 slices of 128x128, a CNN with deep supervision.

    From memory: in the manner of Isensee et al. 2017, with residual context blocks; segmentation maps of lower decoder
    levels are doubled and added to the last one, and the loss sees the sum.

    Inferred: levels of 16 to 256 channels, instance normalisation and leaky ReLU before each convolution, dropout of
    0.3 in a context block, stride-2 convolutions down, nearest voxels and a convolution up, a 1x1x1 convolution behind
    the concatenation, and maps of the three finest decoder levels.
    """

    width: int = 16
    dropout: float = 0.3

    def __post_init__(self) -> None:
        check_network(width=self.width, dropout=self.dropout)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """16 along each axis: the network halves a patch four times."""
        return 16, 16, 16

    @property
    def least_voxels(self) -> int:
        """Two voxels at the coarsest level, which is normalised over its voxels."""
        return 2 * math.prod(self.patch_multiple)

    def build(self, *, in_channels: int) -> "nn.Module":
        from hemosweep.model.architectures.cnn_ds import CNNDS

        return CNNDS(in_channels, self.width, self.dropout)
