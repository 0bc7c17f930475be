"""The network of PatchFCN (Kuo et al. 2019)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.model.networks.checks import check_network

if TYPE_CHECKING:
    from torch import nn

NUM_NEIGHBOURS = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class PatchFCN:
    """Dilated residual network on a crop of a slice and its two neighbours (Kuo et al. 2019, PNAS 116:22737).

    Read in their abstracts: one fully convolutional network, trained on patches of slices. The paper that hemosweep
    follows calls it a dilated residual network of 38 layers.

    Read in the public code of that network (Yu et al. 2017): the one of 38 layers is DRN-D-38; output at an eighth of
    the size, interpolated by bilinear weights. (Form C with as many basic blocks has 42 layers.)

    From memory: the slice and its two neighbours are the input channels.

    Read by us as: random weights to begin with; the head for a stack's score is left out, since nothing here scores it.
    """

    slice_wise: ClassVar[bool] = True
    width: int = 16

    def __post_init__(self) -> None:
        check_network(width=self.width)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """8 in plane: the network halves a slice three times."""
        return 1, 8, 8

    @property
    def context_DHW(self) -> tuple[int, int, int]:
        """One slice at either end of a patch."""
        return NUM_NEIGHBOURS, 0, 0

    def build(self, *, in_channels: int) -> "nn.Module":
        from hemosweep.model.architectures.drn import DRN38
        from hemosweep.model.architectures.slice_wise import SliceWise

        network = DRN38((2 * NUM_NEIGHBOURS + 1) * in_channels, self.width)
        return SliceWise(network, num_neighbours=NUM_NEIGHBOURS)
