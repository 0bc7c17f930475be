"""Overlapping-patch inference (paper, Section 2.2.3): mean probability over all patches that see a voxel."""

from functools import partial
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from hemosweep.model.device import Device
from hemosweep.model.memory import MicroBatch


def window_starts(length: int, patch: int, overlap: float) -> list[int]:
    """Starts of windows that cover `length` voxels, neighbours sharing at least `overlap` of their extent.

    One window at 0 covers a length up to `patch`; the last window ends with the volume.
    """
    if length <= patch:
        return [0]
    stride = max(1, int(patch * (1.0 - overlap) + 1e-9))
    return [*range(0, length - patch, stride), length - patch]


def predict_probability(
    model: nn.Module,
    image_CDHW: NDArray[np.float16],
    brain_DHW: NDArray[np.bool_],
    *,
    patch_DHW: tuple[int, int, int],
    overlap: float,
    batch_size: int,
    device: Device,
) -> NDArray[np.float32]:
    """Lesion probability of every voxel of one case.

    Windows without a brain voxel hold background only and are skipped: probability 0 there. A volume smaller than the
    patch is padded with background. Where memory does not hold `batch_size` windows at once, fewer are taken.

    Raises:
        OutOfMemory: memory does not hold one window.
    """
    shape = brain_DHW.shape
    missing = [max(0, patch - length) for patch, length in zip(patch_DHW, shape, strict=True)]
    image = torch.from_numpy(image_CDHW).to(device.torch_device).float()
    image = F.pad(image, (0, missing[2], 0, missing[1], 0, missing[0]), value=-1.0)
    depth, height, width = patch_DHW
    windows = [
        (z, y, x)
        for z, y, x in product(*(window_starts(n, p, overlap) for n, p in zip(shape, patch_DHW, strict=True)))
        if brain_DHW[z : z + depth, y : y + height, x : x + width].any()
    ]
    total_DHW = torch.zeros(image.shape[1:], device=device.torch_device)
    num_seen_DHW = torch.zeros_like(total_DHW)
    network = partial(_lesion_probability, model, device)
    at_once = MicroBatch(batch_size)
    model.eval()
    with torch.inference_mode():
        for first in range(0, len(windows), batch_size):
            batch = windows[first : first + batch_size]
            x_BCDHW = torch.stack([image[:, z : z + depth, y : y + height, x : x + width] for z, y, x in batch])
            probability_BDHW = at_once.forward(network, x_BCDHW)
            for (z, y, x), probability_DHW in zip(batch, probability_BDHW, strict=True):
                total_DHW[z : z + depth, y : y + height, x : x + width] += probability_DHW
                num_seen_DHW[z : z + depth, y : y + height, x : x + width] += 1.0
    mean_DHW = (total_DHW / num_seen_DHW.clamp(min=1.0))[: shape[0], : shape[1], : shape[2]]
    probability: NDArray[np.float32] = mean_DHW.cpu().numpy()
    return probability


def _lesion_probability(model: nn.Module, device: Device, x_BCDHW: Tensor) -> Tensor:
    with device.autocast():
        logits_BCDHW = model(device.arrange(x_BCDHW))
    return torch.softmax(logits_BCDHW.float(), dim=1)[:, 1]
