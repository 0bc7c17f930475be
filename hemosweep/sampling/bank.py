"""All patches of a set of cases, gathered on the training device (DESIGN.md, *Data path*)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from hemosweep.model.memory import free_device_memory, is_out_of_memory
from hemosweep.sampling.centres import Centres

if TYPE_CHECKING:
    from hemosweep.preprocessing.record import PreprocessedCase

BACKGROUND_VALUE = -1.0


class PatchBank:
    """The cases of a fold as flat tensors on one device, and one gather that cuts a batch of patches out of them.

    Cases of different shapes share one flat tensor, and a batch mixes them freely. No case is padded: one voxel of
    background behind the last case represents everything outside a case. A case is taken from `drawn` when its turn
    comes and is not kept.

    Where the device's memory does not hold the cases, they stay in the host's, and each batch is gathered there and
    moved (`on_host`).
    """

    def __init__(
        self,
        drawn: "Iterable[tuple[PreprocessedCase, Centres]]",
        patch_DHW: tuple[int, int, int],
        device: torch.device,
        *,
        augment: bool = False,
    ) -> None:
        self.patch_DHW = patch_DHW
        self.device = device
        self._case_ids: list[str] = []
        sizes: list[tuple[int, ...]] = []
        corners, numbers = [], []
        voxels = _Voxels(device)
        for case, centres in drawn:
            corner_3N = centres.voxel_3N(case) - np.array(patch_DHW)[:, None] // 2
            corners.append(torch.from_numpy(corner_3N.astype(np.int32)))
            numbers.append(torch.full((corner_3N.shape[1],), len(sizes), dtype=torch.int32))
            sizes.append(case.lesion_DHW.shape)
            self._case_ids.append(case.case_id)
            voxels.add(case)
            del case, centres  # Otherwise they would stay in memory while the next ones are read.
        self._image_VC, self._label_V = voxels.joined()
        self._outside = len(self._label_V) - 1
        keep = self._image_VC.device
        # An index within the plane and one of the plane are added; each may lie outside.
        self._index_type = torch.int32 if 2 * self._outside < 2**31 else torch.int64
        size_K3 = torch.tensor(sizes, dtype=self._index_type)
        self._size_K3 = size_K3.to(keep)
        self._offset_K = (size_K3.prod(dim=1).cumsum(0) - size_K3.prod(dim=1)).to(keep, self._index_type)
        self._corner_3N = torch.cat(corners, dim=1).to(keep)
        self._case_N = torch.cat(numbers).to(keep)
        self._d = torch.arange(patch_DHW[0], device=keep, dtype=self._index_type)
        h_THW, w_THW = plane_views(*patch_DHW[1:], augment=augment)
        self._h_THW, self._w_THW = h_THW.to(keep, self._index_type), w_THW.to(keep, self._index_type)

    def __len__(self) -> int:
        return len(self._case_N) * len(self._h_THW)

    @property
    def num_bytes(self) -> int:
        """Memory that the cases and their centres take."""
        return sum(part.nbytes for part in (self._image_VC, self._label_V, self._corner_3N, self._case_N))

    @property
    def on_host(self) -> bool:
        """True where the device's memory did not hold the cases."""
        return self._image_VC.device.type != self.device.type

    def gather(self, patch_B: Tensor) -> tuple[Tensor, Tensor]:
        """Cut out patches by number: images `(B, C, D, H, W)` in float32 and labels `(B, D, H, W)` in int64.

        With augmentation, number n is view n // N of the drawn patch n % N, where N centres were drawn. The images lie
        in memory channels last.
        """
        patch_B = patch_B.to(self._case_N.device)
        view_B, drawn_B = patch_B // len(self._case_N), patch_B % len(self._case_N)
        case_B = self._case_N[drawn_B]
        depth_B11, height_B11, width_B11 = self._size_K3[case_B].T[:, :, None, None]
        z_B, y_B, x_B = self._corner_3N[:, drawn_B]
        z_BD11 = (z_B[:, None] + self._d)[:, :, None, None]
        y_BHW = y_B[:, None, None] + self._h_THW[view_B]
        x_BHW = x_B[:, None, None] + self._w_THW[view_B]
        plane_BD11 = self._offset_K[case_B][:, None, None, None] + z_BD11 * (height_B11 * width_B11)[:, None]
        plane_BD11 = _where(z_BD11, depth_B11[:, None], plane_BD11, self._outside)
        in_plane_BHW = _where(y_BHW, height_B11, y_BHW * width_B11 + x_BHW, self._outside)
        in_plane_BHW = _where(x_BHW, width_B11, in_plane_BHW, self._outside)
        voxel_BDHW = (plane_BD11 + in_plane_BHW[:, None]).clamp(max=self._outside)
        voxel_N = voxel_BDHW.flatten()
        x_BDHWC = self._image_VC.index_select(0, voxel_N).view(*voxel_BDHW.shape, -1)
        label_BDHW = self._label_V.index_select(0, voxel_N).view(voxel_BDHW.shape)
        return x_BDHWC.to(self.device).movedim(-1, 1).float(), label_BDHW.to(self.device).long()

    def origins(self, patch_B: Tensor) -> tuple[list[str], Tensor, Tensor]:
        """Origins of patches, by number: case ids, centres `(B, 3)` and views `(B,)`, the tensors on the host.

        A centre is a voxel (z, y, x) of the preprocessed case, a view a number as in `plane_views`.
        """
        patch_B = patch_B.to(self._case_N.device)
        view_B, drawn_B = patch_B // len(self._case_N), patch_B % len(self._case_N)
        half_3 = torch.tensor(self.patch_DHW) // 2
        centre_B3 = self._corner_3N[:, drawn_B].T.cpu().long() + half_3
        return [self._case_ids[case] for case in self._case_N[drawn_B].tolist()], centre_B3, view_B.cpu()


class _Voxels:
    """The voxels of one case after the other, on the device for as long as its memory holds them."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._images: list[Tensor] = []
        self._labels: list[Tensor] = []

    def add(self, case: "PreprocessedCase") -> None:
        image_VC = torch.from_numpy(case.image_CDHW).flatten(1).T.contiguous()
        self._add(image_VC, torch.from_numpy(case.lesion_DHW.astype(np.uint8)).flatten())

    def joined(self) -> tuple[Tensor, Tensor]:
        """Images `(V + 1, C)` and labels `(V + 1,)`: the last voxel is background."""
        num_channels = self._images[0].shape[1]
        self._add(
            torch.full((1, num_channels), BACKGROUND_VALUE, dtype=torch.float16), torch.zeros(1, dtype=torch.uint8)
        )
        try:
            return torch.cat(self._images), torch.cat(self._labels)
        except RuntimeError as error:
            self._leave_device(error)
        return torch.cat(self._images), torch.cat(self._labels)

    def _add(self, image_VC: Tensor, label_V: Tensor) -> None:
        try:
            placed = self._place(image_VC), self._place(label_V)
        except RuntimeError as error:
            self._leave_device(error)
            placed = image_VC, label_V
        self._images.append(placed[0])
        self._labels.append(placed[1])

    def _place(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device)

    def _leave_device(self, error: RuntimeError) -> None:
        """Move all voxels to the host, where the device's memory is full."""
        if self._device.type == "cpu" or not is_out_of_memory(error):
            raise error
        self._device = torch.device("cpu")
        self._images = [image_VC.cpu() for image_VC in self._images]
        self._labels = [label_V.cpu() for label_V in self._labels]
        free_device_memory()


def _where(place: Tensor, size: Tensor, index: Tensor, outside: int) -> Tensor:
    """`index` where a place lies within 0 and `size`, `outside` elsewhere."""
    return torch.where((place >= 0) & (place < size), index, outside)


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
