"""Overlapping-patch inference (paper, Section 2.2.3): mean probability over all patches that see a voxel.

A case stays on the device: one operation a batch gathers its patches, one adds up their probabilities, and the result
is copied to the host once.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from hemosweep.arrays import Mask, Shape
from hemosweep.components.context import NO_CONTEXT, context_of, is_slice_wise, labelled_part
from hemosweep.config import WHOLE, ArmConfig
from hemosweep.model.device import Device
from hemosweep.model.memory import MicroBatch
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.sampling.bank import BACKGROUND_VALUE
from hemosweep.sampling.restriction import Restriction

Starts = tuple[list[int], list[int], list[int]]
"""Starts of windows along each axis; each combination is a window."""


def window_starts(length: int, patch: int, overlap: float) -> list[int]:
    """Starts of the fewest, evenly spread windows that cover `length` voxels and share more than `overlap`.

    The first window starts at 0 and the last one ends with the volume; one window covers a length up to `patch`.
    Neighbours share more than `overlap` of their extent on average, but a step is never shorter than one voxel. Starts
    are rounded to whole voxels, so that a single pair may share exactly half where half is asked for: the average
    counts.
    """
    span = length - patch
    if span <= 0:
        return [0]
    # Steps of patch * (1 - overlap) share exactly `overlap`, which is too little; 1e-9 is for that product's rounding.
    return _spread(span, min(span, math.floor(span / (patch * (1.0 - overlap)) + 1e-9) + 1))


def _spread(span: int, num_steps: int) -> list[int]:
    """Whole numbers from 0 to `span` in steps as even as can be."""
    return [(2 * step * span + num_steps) // (2 * num_steps) for step in range(num_steps + 1)]


def windows_with_brain(brain_DHW: Mask, starts: Starts, patch_DHW: Shape) -> Mask:
    """Mask `(Z, Y, X)` of the windows, by their starts along each axis, that hold a brain voxel."""
    occupied = brain_DHW
    for axis, (axis_starts, size) in enumerate(zip(starts, patch_DHW, strict=True)):
        planes = np.moveaxis(occupied, axis, 0)
        occupied = np.stack([planes[start : start + size].any(axis=0) for start in axis_starts], axis=axis)
    return occupied


def num_windows_that_see(kept_ZYX: Tensor, starts: Starts, patch_DHW: Shape, shape_DHW: Shape) -> Tensor:
    """Number of the kept windows that hold each voxel, `(D, H, W)` in float32, on the device of `kept_ZYX`."""
    covers = []
    for axis_starts, size, length in zip(starts, patch_DHW, shape_DHW, strict=True):
        distance = torch.arange(length) - torch.tensor(axis_starts)[:, None]
        covers.append(((distance >= 0) & (distance < size)).float().to(kept_ZYX.device))
    covers_ZD, covers_YH, covers_XW = covers
    # Whole numbers up to 2048 are exact in every arithmetic that a float32 product may use, TF32 included.
    seen_ZHW = covers_YH.T @ (kept_ZYX.float() @ covers_XW)
    return (covers_ZD.T @ seen_ZHW.flatten(1)).view(shape_DHW)


def fill_last_batch(start_N: Tensor, batch_size: int) -> Tensor:
    """The windows, the last one repeated until they are a multiple of `batch_size`."""
    return torch.cat([start_N, start_N[-1:].expand(-len(start_N) % batch_size)])


def wants_whole_batches(device: Device) -> bool:
    """True where every batch is filled up: off the CPU, since cuDNN's search for each new shape takes longer."""
    return device.torch_device.type != "cpu"


def seen_volume(case: PreprocessedCase, restriction: Restriction) -> tuple[NDArray[np.float16], Mask]:
    """Image `(C, D, H, W)` that a network is tested on, and the voxels whose windows it sees.

    That is the stored case, which is cropped to the head, and its brain: elsewhere nothing was drawn for the training,
    and the result is background. An arm whose negatives come from the whole image sees every window of it: what lies
    outside the crop is background there, too.
    """
    if not restriction.leaves_brain:
        return case.image_CDHW, case.brain_DHW
    image_CDHW = case.grid.uncrop(case.image_CDHW, fill=BACKGROUND_VALUE)
    return image_CDHW, np.ones(case.grid.full_DHW, dtype=bool)


def predict_probability(
    model: nn.Module,
    image_CDHW: NDArray[np.float16],
    brain_DHW: Mask,
    *,
    patch_DHW: tuple[int, int, int],
    overlap: float,
    batch_size: int,
    device: Device,
    context_DHW: tuple[int, int, int] = NO_CONTEXT,
    slice_wise: bool = False,
    centred: bool = False,
    on_windows: Callable[[int], object] = lambda num_windows: None,
) -> NDArray[np.float32]:
    """Lesion probability of every voxel of one case.

    Windows without a brain voxel hold background only and are skipped: probability 0 there. A volume smaller than the
    patch is padded with background. If memory does not hold `batch_size` windows at once, fewer are used.

    A window is the part of a patch that the network labels. The context around it is seen, and is background beyond the
    volume.

    The CPU repeats every bit; CUDA does so after `torch.use_deterministic_algorithms(True)`.

    Args:
        context_DHW: voxels at each side of a patch that the network sees and does not label.
        slice_wise: whether the network labels each slice by itself: `window_grid`.
        centred: whether a volume that is smaller than the window is padded at both ends alike, as around the centre of
            a whole case in training, and not at its ends alone.
        on_windows: called with the number of windows that the network sees.

    Raises:
        OutOfMemory: memory does not hold one window.
    """
    volume_DHW = brain_DHW.shape
    window_DHW = labelled_part(patch_DHW, context_DHW)
    starts = window_grid(volume_DHW, window_DHW, overlap, slice_wise=slice_wise)
    padded_DHW = padded_shape(volume_DHW, window_DHW)
    before_DHW = missing_before(volume_DHW, window_DHW) if centred else (0, 0, 0)
    is_kept_ZYX = windows_with_brain(brain_DHW, starts, window_DHW)
    num_windows, kept_ZYX = int(np.count_nonzero(is_kept_ZYX)), torch.from_numpy(is_kept_ZYX)
    on_windows(num_windows)

    def index(size_DHW: Shape, shape_DHW: Shape) -> tuple[Tensor, Tensor]:
        """Numbers of the first voxels of the windows, and of a window's voxels from its first one on, in a volume."""
        start_N = _flat_index(starts, shape_DHW)[kept_ZYX]
        if wants_whole_batches(device):
            start_N = fill_last_batch(start_N, batch_size)
        voxel_P = _flat_index([range(size) for size in size_DHW], shape_DHW).flatten()
        return start_N.to(device.torch_device), voxel_P.to(device.torch_device)

    has_context = any(context_DHW)
    image_DHW = padded_shape(padded_DHW, padded_DHW, context_DHW)
    start_N, patch_P = index(patch_DHW, image_DHW)
    place_N, window_P = index(window_DHW, padded_DHW) if has_context else (start_N, patch_P)
    offset_DHW = (before_DHW[0] + context_DHW[0], before_DHW[1] + context_DHW[1], before_DHW[2] + context_DHW[2])
    image_VC = _voxel_rows(torch.from_numpy(image_CDHW).to(device.torch_device), image_DHW, offset_DHW)
    total_V = torch.zeros(math.prod(padded_DHW), device=device.torch_device)
    network = partial(_lesion_probability, model, device)
    at_once = MicroBatch(batch_size)
    model.eval()
    with torch.inference_mode():
        for first in range(0, num_windows, batch_size):
            # An index of one batch: that of all windows would take many times the memory of the volume.
            voxel_BP = start_N[first : first + batch_size, None] + patch_P
            x_BCDHW = image_VC[voxel_BP].unflatten(1, patch_DHW).movedim(-1, 1)
            probability_BP = at_once.forward(network, x_BCDHW).flatten(1)
            num_new = min(batch_size, num_windows - first)
            if has_context:
                voxel_BP = place_N[first : first + batch_size, None] + window_P
            # On the CPU it adds in the order of the windows, which `index_put_` does not promise; CUDA has a
            # deterministic form of it.
            total_V.index_add_(0, voxel_BP[:num_new].flatten(), probability_BP[:num_new].flatten())
        num_seen_DHW = num_windows_that_see(kept_ZYX.to(device.torch_device), starts, window_DHW, padded_DHW)
        mean_DHW = total_V.view(padded_DHW) / num_seen_DHW.clamp(min=1.0)
    d, h, w = (slice(before, before + size) for before, size in zip(before_DHW, volume_DHW, strict=True))
    probability: NDArray[np.float32] = mean_DHW[d, h, w].cpu().numpy()
    return probability


def predict_case(
    model: nn.Module,
    case: PreprocessedCase,
    config: ArmConfig,
    device: Device,
    *,
    on_windows: Callable[[int], object] = lambda num_windows: None,
) -> NDArray[np.float32]:
    """Lesion probability of a case as an arm tests it, `(D, H, W)` of the image that `seen_volume` gives.

    Args:
        on_windows: called with the number of windows that the network sees.

    Raises:
        OutOfMemory: memory does not hold one window.
    """
    return predict_probability(
        model,
        *seen_volume(case, config.sampling.restriction),
        patch_DHW=config.sampling.patch_DHW,
        overlap=config.inference.overlap,
        batch_size=config.training.batch_size,
        device=device,
        context_DHW=context_of(config.network),
        slice_wise=is_slice_wise(config.network),
        centred=config.sampling.centres == WHOLE,
        on_windows=on_windows,
    )


def window_grid(volume_DHW: Sequence[int], window_DHW: Shape, overlap: float, *, slice_wise: bool) -> Starts:
    """Starts of the windows of a volume along each axis.

    Where the network labels each slice by itself, they are as few as cover the slices: of a slice in two of them it
    would say the same twice.
    """
    d, h, w = (window_starts(length, size, overlap) for length, size in zip(volume_DHW, window_DHW, strict=True))
    span = volume_DHW[0] - window_DHW[0]
    return (_spread(span, -(-span // window_DHW[0])) if slice_wise and span > 0 else d), h, w


def padded_shape(volume_DHW: Sequence[int], window_DHW: Shape, margin_DHW: Shape = NO_CONTEXT) -> Shape:
    """A volume's shape where it is as large as a window at least, with a margin at each side."""
    depth, height, width = (
        max(length, size) + 2 * margin for length, size, margin in zip(volume_DHW, window_DHW, margin_DHW, strict=True)
    )
    return depth, height, width


def missing_before(volume_DHW: Sequence[int], window_DHW: Shape) -> Shape:
    """Voxels of background before a volume in the middle of a larger window: voxel `length // 2` of the volume lies on
    voxel `size // 2` of the window, as a centre on its patch (`PatchBank`)."""
    d, h, w = (max(0, size // 2 - length // 2) for length, size in zip(volume_DHW, window_DHW, strict=True))
    return d, h, w


def _flat_index(axes: Sequence[Sequence[int]], shape_DHW: Shape) -> Tensor:
    """Number, in a flattened volume, of the voxel at each combination of coordinates along the axes."""
    _, height, width = shape_DHW
    z, y, x = (torch.tensor(axis) for axis in axes)
    return (z[:, None, None] * height + y[:, None]) * width + x


def _voxel_rows(image_CDHW: Tensor, shape_DHW: Shape, offset_DHW: Shape) -> Tensor:
    """The image padded with background, a row of channels for each voxel, in float32.

    Patches gathered from it are channels_last_3d already.

    Args:
        offset_DHW: place of the image's first voxel in the padded one.
    """
    margins = [
        (offset, full - offset - length)
        for full, offset, length in zip(shape_DHW, offset_DHW, image_CDHW.shape[1:], strict=True)
    ]
    padded_CDHW = F.pad(image_CDHW, (*margins[2], *margins[1], *margins[0]), value=BACKGROUND_VALUE)
    return padded_CDHW.flatten(1).T.float().contiguous()


def _lesion_probability(model: nn.Module, device: Device, x_BCDHW: Tensor) -> Tensor:
    with device.autocast():
        logits_BCDHW = model(device.arrange(x_BCDHW))
    return torch.softmax(logits_BCDHW.float(), dim=1)[:, 1]
