"""Methods that are not the paper's, fitted to a profile: widths, patches, batches, rates and tests as it scales the
paper's.

A network made for certain channels gets them.
"""

import math
from dataclasses import replace

from hemosweep.components.context import channels_of, context_of, only_patch_of
from hemosweep.components.protocols import Network
from hemosweep.config import ArmConfig, PreprocessingConfig, SamplingConfig, TrainingConfig
from hemosweep.intensity.window import Window
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.sweeps.base import PAPER_PATCH_HWD, SYMMETRIC_METHOD, paper_network

SECOND_WINDOW = Window(low_hu=20.0, high_hu=60.0)
"""Level 40 and width 40, the narrow one of Cho et al. 2019; their other one, 50/100, is the paper's."""
SHORTEST_MEMORY = 10.0
"""Steps that the usual momentum of 0.9 remembers."""
LESS_OVERLAP = 0.5
"""Factor of the overlap of windows where a profile has fewer steps than the paper."""
_PAPER_SAMPLING, _PAPER_TRAINING = SamplingConfig(), TrainingConfig()


def narrowed(base: ArmConfig, width: int, *, multiple: int = 1, least: int | None = None) -> int:
    """A width as the profile narrows the paper's network, no narrower than that one is, and a multiple of `multiple`.

    At full width it is the width itself.

    Args:
        least: the narrowest width, in place of that of the paper's network.
    """
    own = paper_network(base).width
    scaled = max(round(width * own / SEUNet3D().width), min(width, own if least is None else least))
    return min(width, multiple * math.ceil(scaled / multiple))


def scaled_size(base: ArmConfig, size: int) -> int:
    """Voxels or tokens along an axis in plane, as the profile scales the voxels of the paper's patch."""
    return size * base.sampling.patch_HWD[0] // PAPER_PATCH_HWD[0]


def fitted_patch(network: Network, labelled_HWD: tuple[int, int, int]) -> tuple[int, int, int]:
    """The smallest patch that a network takes and of which it labels at least so much."""
    if (only_DHW := only_patch_of(network)) is not None:
        return only_DHW[1], only_DHW[2], only_DHW[0]
    height, width, depth = labelled_HWD
    sizes = (depth, height, width)
    fitted = [multiple * -(-size // multiple) for size, multiple in zip(sizes, network.patch_multiple, strict=True)]
    while math.prod(fitted) < getattr(network, "least_voxels", 1):
        fitted[1 + (fitted[1] > fitted[2])] *= 2
    depth, height, width = (size + 2 * context for size, context in zip(fitted, context_of(network), strict=True))
    return height, width, depth


def with_network(
    base: ArmConfig, network: Network, labelled_HWD: tuple[int, int, int], *, batch_size: int | None = None
) -> ArmConfig:
    """An arm with another network, on the smallest patch of which it labels so much, and with the channels that it is
    made for.

    An epoch holds as many voxels as before, and at least one step a case.

    Args:
        batch_size: that of the method at full size, which is scaled as the profile scales the paper's; by default a
            batch, too, holds as many voxels as before.
    """
    patch_HWD = fitted_patch(network, labelled_HWD)
    ratio = math.prod(base.sampling.patch_HWD) / math.prod(patch_HWD)
    num_patches = max(2, 2 * round(base.sampling.num_patches_per_case * ratio / 2))
    if batch_size is None:
        batch = round(base.training.batch_size * ratio)
    else:
        batch = round(batch_size * base.training.batch_size / _PAPER_TRAINING.batch_size)
    return replace(
        base,
        network=network,
        preprocessing=_with_channels(base.preprocessing, channels_of(network) or base.preprocessing.channels),
        sampling=replace(base.sampling, patch_HWD=patch_HWD, num_patches_per_case=num_patches),
        training=replace(base.training, batch_size=max(2, min(batch, num_patches))),
    )


def _with_channels(preprocessing: PreprocessingConfig, channels: tuple[str, ...]) -> PreprocessingConfig:
    symmetric = preprocessing.symmetric
    if "symmetric" not in channels:
        symmetric = "none"
    elif symmetric == "none":
        symmetric = SYMMETRIC_METHOD
    further = preprocessing.ct_channels or (SECOND_WINDOW,)
    return replace(preprocessing, symmetric=symmetric, ct_channels=further if "ct_2" in channels else ())


def scaled_rate(base: ArmConfig, rate: float, *, at_most: float) -> float:
    """A learning rate made for the paper's number of steps, raised where the profile has fewer of them."""
    return min(max(rate, at_most), rate * _shortening(base))


def scaled_momentum(base: ArmConfig, momentum: float) -> float:
    """A momentum with a memory of 1 / (1 - momentum) steps, shortened as the training is, to 10 steps at the least."""
    memory = 1.0 / (1.0 - momentum)
    return momentum if memory <= SHORTEST_MEMORY else 1.0 - 1.0 / max(SHORTEST_MEMORY, memory / _shortening(base))


def rate_for_momentum(base: ArmConfig, rate: float, momentum: float) -> float:
    """The learning rate for `scaled_momentum`, with which a gradient moves the weights as far in all as before.

    That is rate / (1 - momentum) times the gradient, summed over the steps that remember it.
    """
    return round(rate * (1.0 - scaled_momentum(base, momentum)) / (1.0 - momentum), 9)


def with_scaled_test(base: ArmConfig, arm: ArmConfig) -> ArmConfig:
    """An arm whose windows share half as much as the profile's, where that has fewer steps than the paper.

    The test of large networks would take nearly half as long as their training. An overlap of a method's own stays.
    """
    if _shortening(base) == 1.0 or arm.inference.overlap != base.inference.overlap:
        return arm
    return replace(arm, inference=replace(arm.inference, overlap=LESS_OVERLAP * base.inference.overlap))


def _shortening(base: ArmConfig) -> float:
    """Factor by which the profile has fewer steps than the paper; 1 where it has as many."""
    return max(1.0, _num_steps(_PAPER_SAMPLING, _PAPER_TRAINING) / _num_steps(base.sampling, base.training))


def _num_steps(sampling: SamplingConfig, training: TrainingConfig) -> float:
    """Steps that a case gives in the longest training."""
    return sampling.num_patches_per_case / training.batch_size * training.max_epochs
