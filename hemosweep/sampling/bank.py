"""All patches of a set of cases, gathered on the training device (DESIGN.md, *Data path*)."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from hemosweep.arrays import FloatArray
from hemosweep.components.context import NO_CONTEXT, labelled_slices
from hemosweep.components.record import place_of
from hemosweep.errors import BadInput
from hemosweep.model.memory import free_device_memory, is_out_of_memory
from hemosweep.sampling.centres import Centres

if TYPE_CHECKING:
    from hemosweep.components.protocols import WeightMap
    from hemosweep.preprocessing.record import PreprocessedCase

BACKGROUND_VALUE = -1.0
OUTSIDE_WEIGHT = 1.0
"""Weight in the loss of what lies outside of a case."""
Transform = Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, tuple[Tensor, ...]]]
"""Function of a batch's images and of its maps, which are moved with them (`components.protocols.Augmentation`)."""


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
        context_DHW: tuple[int, int, int] = NO_CONTEXT,
        weight_map: "WeightMap | None" = None,
        transforms: Sequence[Transform] = (),
    ) -> None:
        """
        Args:
            context_DHW: voxels at each side of a patch that are seen and not labelled.
            weight_map: weights of the cases' voxels in the loss.
            transforms: random changes of each batch, one after the other.
        """
        self.patch_DHW = patch_DHW
        self.device = device
        self._transforms = tuple(transforms)
        self._labels_all = not any(context_DHW)
        self._labelled: Any = (slice(None), *labelled_slices(patch_DHW, context_DHW)) if any(context_DHW) else ...
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
            voxels.add(case, weight_map)
            del case, centres  # Otherwise they would stay in memory while the next ones are read.
        self._image_VC, *self._maps_V = voxels.joined()
        self._outside = len(self._image_VC) - 1
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
        return sum(part.nbytes for part in (self._image_VC, *self._maps_V, self._corner_3N, self._case_N))

    @property
    def on_host(self) -> bool:
        """True where the device's memory did not hold the cases."""
        return self._image_VC.device.type != self.device.type

    def gather(self, patch_B: Tensor, *, transformed: bool = True) -> tuple[Tensor, ...]:
        """Cut out patches by number: images `(B, C, D, H, W)` in float32, labels `(B, D, H, W)` in int64 and, with a
        weight map, weights `(B, D, H, W)` in float32. Labels and weights are those of the labelled part.

        With augmentation, number n is view n // N of the drawn patch n % N, where N centres were drawn. The images lie
        in memory channels last.

        Args:
            transformed: whether the transforms are drawn and applied.
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
        x_BCDHW = x_BDHWC.to(self.device).movedim(-1, 1).float()
        transforms = self._transforms if transformed else ()
        if transforms or self._labels_all:
            maps = self._maps(voxel_N, voxel_BDHW.shape)
        else:
            labelled_BDHW = voxel_BDHW[self._labelled]
            maps = self._maps(labelled_BDHW.flatten(), labelled_BDHW.shape)
        if not transforms:
            return x_BCDHW, *maps
        for transform in transforms:
            x_BCDHW, maps = transform(x_BCDHW, maps)
        return x_BCDHW, *(one_BDHW[self._labelled].contiguous() for one_BDHW in maps)

    def _maps(self, voxel_N: Tensor, shape_BDHW: torch.Size) -> tuple[Tensor, ...]:
        """Labels, and weights where there are some, of voxels by their index."""
        label_V, *weight_V = self._maps_V
        label_BDHW = label_V.index_select(0, voxel_N).view(shape_BDHW)
        weights = (one_V.index_select(0, voxel_N).view(shape_BDHW).to(self.device) for one_V in weight_V)
        return label_BDHW.to(self.device).long(), *weights

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
        self._parts: list[tuple[Tensor, ...]] = []

    def add(self, case: "PreprocessedCase", weight_map: "WeightMap | None") -> None:
        image_VC = torch.from_numpy(case.image_CDHW).flatten(1).T.contiguous()
        label_V = torch.from_numpy(case.lesion_DHW.astype(np.uint8)).flatten()
        weights = () if weight_map is None else (torch.from_numpy(_checked_weights(weight_map, case)).flatten(),)
        self._add(image_VC, label_V, *weights)

    def joined(self) -> tuple[Tensor, ...]:
        """Images `(V + 1, C)`, labels `(V + 1,)` and, where there are some, weights: the last voxel is background."""
        image_VC, _, *weights = self._parts[0]
        self._add(
            torch.full((1, image_VC.shape[1]), BACKGROUND_VALUE, dtype=torch.float16),
            torch.zeros(1, dtype=torch.uint8),
            *(torch.full((1,), OUTSIDE_WEIGHT) for _ in weights),
        )
        try:
            return self._join()
        except RuntimeError as error:
            self._leave_device(error)
        return self._join()

    def _join(self) -> tuple[Tensor, ...]:
        return tuple(torch.cat(parts) for parts in zip(*self._parts, strict=True))

    def _add(self, *parts: Tensor) -> None:
        try:
            placed = tuple(map(self._place, parts))
        except RuntimeError as error:
            self._leave_device(error)
            placed = parts
        self._parts.append(placed)

    def _place(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device)

    def _leave_device(self, error: RuntimeError) -> None:
        """Move all voxels to the host, where the device's memory is full."""
        if self._device.type == "cpu" or not is_out_of_memory(error):
            raise error
        self._device = torch.device("cpu")
        self._parts = [tuple(part.cpu() for part in parts) for parts in self._parts]
        free_device_memory()


def _checked_weights(weight_map: "WeightMap", case: "PreprocessedCase") -> FloatArray:
    """Weights of a case's voxels.

    Raises:
        BadInput: they are not float32 of the case's shape, or one of them is negative or no number.
    """
    weight_DHW = weight_map.weights(case)
    shape = case.lesion_DHW.shape
    good = isinstance(weight_DHW, np.ndarray) and weight_DHW.dtype == np.float32 and weight_DHW.shape == shape
    if not good or not (np.isfinite(weight_DHW) & (weight_DHW >= 0.0)).all():
        what = f"{weight_DHW.dtype} {weight_DHW.shape}" if isinstance(weight_DHW, np.ndarray) else type(weight_DHW)
        raise BadInput(
            f"weight map {type(weight_map).__name__} ({place_of(type(weight_map))}): its weights of {case.case_id} are "
            f"{what}; return finite float32 {shape}, none below 0"
        )
    return np.ascontiguousarray(weight_DHW)


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
