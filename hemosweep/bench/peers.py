"""Patches from the same cases as others draw them, in batches on the host: a plain PyTorch data set, and MONAI."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from hemosweep.arrays import Shape
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.sampling.centres import Centres

Batches = Iterator[tuple[Tensor, Tensor]]


class Slices(Dataset[tuple[np.ndarray, np.ndarray]]):
    """Patches sliced out of padded volumes in memory, one at a time, as one writes it first."""

    def __init__(self, cases: Sequence[PreprocessedCase], centres: Sequence[Centres], patch_DHW: Shape) -> None:
        margin = [(size // 2, size) for size in patch_DHW]
        self._images = [np.pad(case.image_CDHW, [(0, 0), *margin], constant_values=-1.0) for case in cases]
        self._labels = [np.pad(case.lesion_DHW, margin) for case in cases]
        self._places = [
            (number, place)
            for number, (case, drawn) in enumerate(zip(cases, centres, strict=True))
            for place in drawn.voxel_3N(case).T
        ]
        self._patch_DHW = patch_DHW

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        number, place = self._places[index]
        box = tuple(slice(start, start + size) for start, size in zip(place, self._patch_DHW, strict=True))
        return self._images[number][(slice(None), *box)].astype(np.float32), self._labels[number][box].astype(np.int64)


def plain_batches(
    cases: Sequence[PreprocessedCase], centres: Sequence[Centres], patch_DHW: Shape, batch_size: int, num_workers: int
) -> Batches:
    """Batches of the plain data set, for ever."""
    loader = DataLoader(
        Slices(cases, centres, patch_DHW),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=num_workers,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=num_workers > 0,
    )
    while True:
        yield from loader


def monai_batches(
    cases: Sequence[PreprocessedCase], patch_DHW: Shape, batch_size: int, num_workers: int, samples_per_case: int
) -> Batches:
    """Batches of MONAI's pipeline, for ever: cached cases, and crops balanced between lesion and background.

    As MONAI recommends for speed, the voxels to draw from are cached, too, and tensors carry no metadata.

    Raises:
        ImportError: MONAI is not installed.
    """
    from monai.data import CacheDataset, list_data_collate, set_track_meta
    from monai.transforms import Compose, EnsureTyped, FgBgToIndicesd, RandCropByPosNegLabeld

    set_track_meta(False)  # For the whole process: its MetaTensors would slow down the network, too.

    items: list[dict[str, Any]] = [
        {"image": case.image_CDHW.astype(np.float32), "label": case.lesion_DHW[None].astype(np.uint8)} for case in cases
    ]
    transforms = Compose(
        [
            EnsureTyped(keys=["image", "label"], track_meta=False),
            FgBgToIndicesd(keys="label", image_key="image", image_threshold=-1.0),
            RandCropByPosNegLabeld(
                keys=["image", "label"],
                label_key="label",
                spatial_size=patch_DHW,
                pos=1,
                neg=1,
                num_samples=samples_per_case,
                fg_indices_key="label_fg_indices",
                bg_indices_key="label_bg_indices",
            ),
        ]
    )
    cached = CacheDataset(items, transforms, cache_rate=1.0, num_workers=0, progress=False)
    loader = DataLoader(
        cached,
        batch_size=max(1, batch_size // samples_per_case),
        shuffle=True,
        drop_last=len(cases) * samples_per_case >= batch_size,
        num_workers=num_workers,
        collate_fn=list_data_collate,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=num_workers > 0,
    )
    while True:
        for batch in loader:
            yield batch["image"], batch["label"][:, 0].long()
