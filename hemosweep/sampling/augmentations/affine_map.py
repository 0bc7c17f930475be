"""Affine maps in plane of a batch of patches."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from hemosweep.sampling.augmentations.ranges import drawn


def random_affine(
    x_BCDHW: Tensor, maps_BDHW: tuple[Tensor, ...], *, rotation_deg: float, zoom: float, shift: float, shear: float
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Move each patch by a map of its own (`sampling.augmentations.affine.Affine`)."""
    batch, height, width = len(x_BCDHW), *x_BCDHW.shape[3:]
    angle_B = drawn(math.radians(rotation_deg), x_BCDHW, batch)
    scale_B, shear_B = 1.0 / (1.0 + drawn(zoom, x_BCDHW, batch)), drawn(shear, x_BCDHW, batch)
    size_2 = torch.tensor([height, width], device=x_BCDHW.device)
    shift_B2 = drawn(shift, x_BCDHW, batch, 2) * size_2
    cos_B, sin_B = torch.cos(angle_B) * scale_B, torch.sin(angle_B) * scale_B
    # Rows: where a pixel's row and column come from; columns: by how much they change with its row and column.
    from_B22 = torch.stack([cos_B, -sin_B, sin_B + shear_B * cos_B, cos_B - shear_B * sin_B], dim=1).view(-1, 2, 2)
    return move(x_BCDHW, maps_BDHW, from_B22, shift_B2)


def move(
    x_BCDHW: Tensor, maps_BDHW: tuple[Tensor, ...], from_B22: Tensor, shift_B2: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Move patches in plane: the pixel at (row, column) from the patch's middle comes from `from_B22` times that, plus
    `shift_B2`."""
    height, width = x_BCDHW.shape[3:]
    h_H = torch.arange(height, device=x_BCDHW.device) - (height - 1) / 2
    w_W = torch.arange(width, device=x_BCDHW.device) - (width - 1) / 2
    place_HW2 = torch.stack(torch.meshgrid(h_H, w_W, indexing="ij"), dim=-1)
    source_BHW2 = torch.einsum("brc,hwc->bhwr", from_B22, place_HW2) + shift_B2[:, None, None]
    # PyTorch's coordinates are (x, y) from -1 to 1 over the edges of the image.
    grid_BHW2 = source_BHW2.flip(-1) * 2.0 / torch.tensor([width, height], device=x_BCDHW.device)

    def sampled(planes: Tensor, mode: str) -> Tensor:
        return F.grid_sample(planes, grid_BHW2, mode=mode, padding_mode="border", align_corners=False)

    # Slices become channels.
    moved_BCDHW = sampled(x_BCDHW.flatten(1, 2), "bilinear").view(x_BCDHW.shape)
    return moved_BCDHW, tuple(sampled(one.float(), "nearest").to(one.dtype) for one in maps_BDHW)
