"""Protocols of the components. A component is a frozen dataclass: its fields are its configuration, written once.

Nothing is registered. A sweep puts a component into a configuration (`replace(base.training, loss=Tversky())`); the
record keeps its module, its name and its fields. The fields are numbers, texts, truth values, None, other components,
and tuples of these.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    # The configuration of an arm is read without torch, which takes seconds to import.
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from hemosweep.arrays import FloatArray, Mask
    from hemosweep.preprocessing.record import PreprocessedCase


class Loss(Protocol):
    """A training loss."""

    def build(self) -> "Callable[[Tensor, Tensor], Tensor]":
        """Return a function `(logits_BCDHW, label_BDHW) -> scalar`; labels are whole numbers, 1 is the lesion."""
        ...


class Network(Protocol):
    """A segmentation network of two classes."""

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """The numbers by which D, H and W of a patch must be divisible."""
        ...

    def build(self, *, in_channels: int) -> "nn.Module":
        """Return a module that maps `x_BCDHW` to logits `(B, 2, D, H, W)`."""
        ...


class Optimiser(Protocol):
    """An optimiser of the weights."""

    @property
    def learning_rate(self) -> float:
        """The learning rate that a schedule begins with."""
        ...

    def build(self, parameters: "Iterable[nn.Parameter]", *, on_cuda: bool) -> "Optimizer":
        """Return torch's optimiser of these parameters.

        Args:
            on_cuda: steps may become a CUDA graph, which needs `capturable=True` where torch's optimiser has it.
        """
        ...


class Schedule(Protocol):
    """A schedule of the learning rate."""

    def build(self, *, max_epochs: int) -> Callable[[Sequence[float]], float]:
        """Return a function from the validation losses of the epochs so far to the factor of the learning rate in the
        next epoch. It keeps no state, so that a resumed training goes on as if it had never stopped."""
        ...


class Region(Protocol):
    """A region of a case that centres of negative patches are drawn from. Lesion voxels are left out by the caller.

    A region that noise can imitate may have a number `full_share_ml`: where its mask is smaller, it takes its share in
    proportion to its volume.
    """

    def mask(self, case: "PreprocessedCase") -> "Mask":
        """Return the region's voxels: `(D, H, W)` of the stored case, which is cropped to the head, or of the whole
        image on the network's grid, `case.grid.full_DHW`."""
        ...


class Intensity(Protocol):
    """A range of HU that becomes the network's -1 to 1; what lies beyond is cut off, and background is -1."""

    def build(self, brain_hu_N: "FloatArray") -> tuple[float, float]:
        """Return the lowest and the highest HU for a case, from the HU of its brain's voxels."""
        ...
