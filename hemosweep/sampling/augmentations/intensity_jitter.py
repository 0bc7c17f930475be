"""Random changes of intensity."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hemosweep.sampling.augmentations.ranges import check_range

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class IntensityJitter:
    """Contrast, brightness, gamma and noise, in this order, drawn for each patch; all of its channels change alike.

    On the network's scale of -1 to 1: a factor of 1 - `contrast` to 1 + `contrast` about 0, an addition of up to
    `brightness`, a power of exp(-`gamma`) to exp(`gamma`) of the intensity scaled to 0 to 1, and normal noise of the
    standard deviation `noise` in each voxel. The result is cut to the scale, and background, -1, stays background.
    """

    brightness: float = 0.1
    contrast: float = 0.1
    gamma: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name, below in (("brightness", 2.0), ("contrast", 1.0), ("gamma", 2.0), ("noise", 2.0)):
            check_range(name, getattr(self, name), below)

    def build(self) -> "Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, tuple[Tensor, ...]]]":
        return partial(_jitter, brightness=self.brightness, contrast=self.contrast, gamma=self.gamma, noise=self.noise)


def _jitter(
    x_BCDHW: "Tensor",
    maps_BDHW: "tuple[Tensor, ...]",
    *,
    brightness: float,
    contrast: float,
    gamma: float,
    noise: float,
) -> "tuple[Tensor, tuple[Tensor, ...]]":
    import torch

    from hemosweep.sampling.augmentations.ranges import drawn

    one_each = len(x_BCDHW), 1, 1, 1, 1
    y_BCDHW = x_BCDHW * (1.0 + drawn(contrast, x_BCDHW, *one_each)) + drawn(brightness, x_BCDHW, *one_each)
    if gamma:
        share_BCDHW = ((y_BCDHW + 1.0) / 2.0).clamp(0.0, 1.0)
        y_BCDHW = 2.0 * share_BCDHW ** drawn(gamma, x_BCDHW, *one_each).exp() - 1.0
    if noise:
        y_BCDHW = y_BCDHW + noise * torch.randn_like(y_BCDHW)
    return torch.where(x_BCDHW <= -1.0, x_BCDHW, y_BCDHW.clamp(-1.0, 1.0)), maps_BDHW
