"""All patches of a set of cases, gathered on the training device (DESIGN.md, *Data path*)."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.sampling.centres import Centres


class PatchBank:
    """The cases of a fold as flat tensors on one device, and one gather that cuts a batch of patches out of them.

    Every case is padded by half a patch with background, so that a patch around any voxel lies inside; the padded
    start of a patch then equals its centre's unpadded index. Cases of different shapes share one flat tensor, and a
    batch mixes them freely.
    """

    def __init__(
        self,
        cases: Sequence[PreprocessedCase],
        centres: Sequence[Centres],
        patch_DHW: tuple[int, int, int],
        device: torch.device,
        *,
        augment: bool = False,
    ) -> None:
        self.patch_DHW = patch_DHW
        self._case_ids = [case.case_id for case in cases]
        depth, height, width = patch_DHW
        padding = (width // 2, width - width // 2, height // 2, height - height // 2, depth // 2, depth - depth // 2)
        images, labels, starts, strides, offsets = [], [], [], [], []
        offset = 0
        for case, drawn in zip(cases, centres, strict=True):
            image_CDHW = F.pad(torch.from_numpy(case.image_CDHW), padding, value=-1.0)
            label_DHW = F.pad(torch.from_numpy(case.lesion_DHW.astype(np.uint8)), padding, value=0)
            _, padded_height, padded_width = label_DHW.shape
            z, y, x = (torch.from_numpy(axis) for axis in np.unravel_index(drawn.index_N, case.lesion_DHW.shape))
            starts.append(offset + (z * padded_height + y) * padded_width + x)
            strides.append(torch.tensor([[padded_height * padded_width, padded_width]]).expand(len(drawn.index_N), 2))
            images.append(image_CDHW.flatten(1))
            labels.append(label_DHW.flatten())
            offsets.append(offset)
            offset += label_DHW.numel()
        self._image_CV = torch.cat(images, dim=1).to(device)
        self._label_V = torch.cat(labels).to(device)
        self._start_N = torch.cat(starts).to(device)
        self._stride_N2 = torch.cat(strides).to(device)
        self._offset_K = torch.tensor(offsets, device=device)
        self._d = torch.arange(depth, device=device)[:, None, None]
        h_THW, w_THW = plane_views(height, width, augment=augment)
        self._h_T1HW, self._w_T1HW = h_THW[:, None].to(device), w_THW[:, None].to(device)

    def __len__(self) -> int:
        return len(self._start_N) * len(self._h_T1HW)

    def gather(self, patch_B: Tensor) -> tuple[Tensor, Tensor]:
        """Cut out patches by number: images `(B, C, D, H, W)` in float32 and labels `(B, D, H, W)` in int64.

        With augmentation, number n is view n // N of the drawn patch n % N, where N centres were drawn.
        """
        view_B, drawn_B = patch_B // len(self._start_N), patch_B % len(self._start_N)
        start_B111 = self._start_N[drawn_B][:, None, None, None]
        plane_B111, row_B111 = self._stride_N2[drawn_B].T[:, :, None, None, None]
        in_plane_B1HW = row_B111 * self._h_T1HW[view_B] + self._w_T1HW[view_B]
        voxel_BDHW = start_B111 + plane_B111 * self._d + in_plane_B1HW
        x_BCDHW = self._image_CV[:, voxel_BDHW].transpose(0, 1).float()
        return x_BCDHW, self._label_V[voxel_BDHW].long()

    def origins(self, patch_B: Tensor) -> tuple[list[str], Tensor, Tensor]:
        """Where patches come from, by number: case ids, centres `(B, 3)` and views `(B,)`, the tensors on the host.

        A centre is a voxel (z, y, x) of the preprocessed case, a view a number as in `plane_views`.
        """
        view_B, drawn_B = patch_B // len(self._start_N), patch_B % len(self._start_N)
        start_B = self._start_N[drawn_B]
        case_B = torch.searchsorted(self._offset_K, start_B, right=True) - 1
        voxel_B = start_B - self._offset_K[case_B]
        plane_B, row_B = self._stride_N2[drawn_B].T
        centre_B3 = torch.stack([voxel_B // plane_B, voxel_B % plane_B // row_B, voxel_B % row_B], dim=1)
        return [self._case_ids[case] for case in case_B.tolist()], centre_B3.cpu(), view_B.cpu()


def plane_views(height: int, width: int, *, augment: bool) -> tuple[Tensor, Tensor]:
    """Row and column that each pixel of a view of a patch comes from, `(T, H, W)` both.

    Without augmentation there is one view, the patch itself. With it there are six: the patch, its horizontal and its
    vertical flip, and its rotations by 90, 180 and 270 degrees (paper, Section 2.2.1); H equals W then.
    """
    h_HW, w_HW = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    if not augment:
        return h_HW[None], w_HW[None]

    def views(index_HW: Tensor) -> Tensor:
        flips = [index_HW, index_HW.flip(1), index_HW.flip(0)]
        return torch.stack([*flips, *(torch.rot90(index_HW, turns) for turns in (1, 2, 3))])

    return views(h_HW), views(w_HW)
