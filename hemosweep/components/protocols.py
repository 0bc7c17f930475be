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

    from hemosweep.arrays import FloatArray, Mask, Spacing
    from hemosweep.preprocessing.record import PreprocessedCase


class Loss(Protocol):
    """A training loss.

    A loss may have `weight_map`, a `WeightMap` or None: its function is then given the weights of the voxels, too.
    """

    def build(self) -> "Callable[..., Tensor]":
        """Return a function `(logits_BCDHW, label_BDHW) -> scalar`; labels are whole numbers, 1 is the lesion.

        With a weight map it is a function `(logits_BCDHW, label_BDHW, weight_BDHW) -> scalar`.
        """
        ...


class WeightMap(Protocol):
    """Weights of a case's voxels in the loss, which the bank cuts into patches as it does the labels."""

    def weights(self, case: "PreprocessedCase") -> "FloatArray":
        """Return float32 weights `(D, H, W)` of the stored case, none of them negative. A voxel outside of the stored
        case has the weight 1."""
        ...


class Network(Protocol):
    """A segmentation network of two classes.

    A network may have `context_DHW`: the voxels at each side of a patch, along D, H and W, that it sees and does not
    label, (0, 0, 0) where it has none (`components.context`). A 2.5D network of 2k + 1 slices has (k, 0, 0). A network
    may also have `only_patch_DHW`: the one patch that it takes, or `least_voxels`: the fewest voxels of a patch that it
    takes, as one does that normalises over the voxels of its coarsest level. A network made for certain input channels
    has their names, in order, in `channels`, such as ("ct", "symmetric"); another one takes any. A network that labels
    each slice of a patch by itself, from the slice and its context, says so with `slice_wise = True`: its test then
    takes as few windows as cover the slices, since a slice in two of them would get the same twice.
    """

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """The numbers by which D, H and W of a patch must be divisible."""
        ...

    def build(self, *, in_channels: int) -> "nn.Module":
        """Return a module that maps `x_BCDHW` to logits `(B, 2, D, H, W)`, each axis shorter by twice the context.

        In training mode it may return a tuple of `hemosweep.model.outputs.Output` instead, each with its weight in the
        loss: the first has these logits, another one has logits of a lower resolution `(B, 2, d, h, w)` or of whole
        slices `(B, 2, D)`. In eval mode it returns one tensor.
        """
        ...


class Augmentation(Protocol):
    """A random change of training patches, on the training device."""

    def build(self) -> "Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, tuple[Tensor, ...]]]":
        """Return a function `(x_BCDHW, maps_BDHW) -> (x_BCDHW, maps_BDHW)` of batches of one shape.

        The maps are the labels, in int64, and the weights where the loss has some, in float32; they are moved with the
        image, by the nearest voxel, and keep their types. The function draws from torch's global generators alone,
        whose states are in a checkpoint, and changes nothing in place.
        """
        ...


class PostProcessing(Protocol):
    """A change of a predicted mask on the scanner's grid."""

    def apply(self, mask_DHW: "Mask", probability_DHW: "FloatArray", spacing_DHW_mm: "Spacing") -> "Mask":
        """Return the changed mask; the arrays that it is given stay as they are."""
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
    """A range of HU that becomes the network's -1 to 1; what lies beyond is cut off, and background is -1.

    An intensity may have `background_above`: where it is True, what lies above the range is background, too.
    """

    def build(self, brain_hu_N: "FloatArray") -> tuple[float, float]:
        """Return the lowest and the highest HU for a case, from the HU of its brain's voxels."""
        ...
