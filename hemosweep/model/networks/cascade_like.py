"""A network in the manner of the cascade of Cho et al. 2019."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hemosweep.errors import BadInput
from hemosweep.model.networks.checks import check_in_channels, check_network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class CascadeLike:
    """Two classifiers of slices and two 2D U-Nets, one of each a window, in the manner of Cho et al. 2019 (J. Digit.
    Imaging 32:450).

    Read in their abstract: a cascade of two CNNs says whether a slice bleeds, then a dual fully convolutional network
    delineates; each is trained on two windows, level and width 50/100 and 40/40, which are combined.

    Inferred: a classifier is a ResNet-18, and a slice bleeds where either of them says so; a segmentation is a U-Net of
    five levels of 64 to 1024 channels with batch normalisation; their probabilities are averaged, and a slice that does
    not bleed has no lesion.

    Ours: all four are trained in one training, each by a loss of its own; `slice_weight` is the weight of the
    classifiers beside the U-Nets.
    """

    slice_wise: ClassVar[bool] = True
    channels: ClassVar[tuple[str, ...]] = ("ct", "ct_2")
    width: int = 64
    slice_weight: float = 1.0

    def __post_init__(self) -> None:
        check_network(width=self.width, slice_weight=self.slice_weight)
        if self.slice_weight == 0.0:
            raise BadInput("slice_weight=0.0: must be positive, or nothing trains the classifiers")

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """16 in plane: a U-Net halves a slice four times."""
        return 1, 16, 16

    def build(self, *, in_channels: int) -> "nn.Module":
        """Return the module; its two channels are the two windows.

        Raises:
            BadInput: there are not two input channels.
        """
        check_in_channels(self.channels, in_channels)
        from hemosweep.model.architectures.cascade import Cascade
        from hemosweep.model.architectures.slice_wise import SliceWise

        return SliceWise(Cascade(self.width, self.slice_weight))
