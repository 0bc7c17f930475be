"""Duties of every augmentation, as tests that its author runs on it."""

from collections.abc import Iterator

import torch
from torch import Tensor

from hemosweep.components.protocols import Augmentation
from hemosweep.testing.components import check_record

BATCH = 4
SHAPES_DHW = ((4, 8, 8), (1, 12, 10))
"""A patch of several slices, and one of a 2D network."""


class AugmentationContract:
    """Tests of one augmentation: `class TestMine(AugmentationContract): component = Mine()`."""

    component: Augmentation

    def test_its_record_keeps_it(self) -> None:
        check_record("transforms", self.component, "build")

    def test_images_labels_and_weights_keep_their_shapes_and_types(self) -> None:
        for x_BCDHW, maps in _batches():
            seen_BCDHW, seen = self._drawn(x_BCDHW, maps)
            assert isinstance(seen_BCDHW, Tensor), f"the images are a {type(seen_BCDHW).__name__}, no tensor"
            assert isinstance(seen, tuple), f"the maps are a {type(seen).__name__}, no tuple"
            assert len(seen) == len(maps), f"of {len(maps)} maps it makes {len(seen)}"
            for one, before in zip((seen_BCDHW, *seen), (x_BCDHW, *maps), strict=True):
                assert one.shape == before.shape, f"of {tuple(before.shape)} it makes {tuple(one.shape)}"
                assert one.dtype == before.dtype, f"of {before.dtype} it makes {one.dtype}"
            assert seen_BCDHW.isfinite().all(), "a value is not finite"

    def test_labels_and_weights_have_values_that_they_had(self) -> None:
        for x_BCDHW, maps in _batches():
            _, seen = self._drawn(x_BCDHW, maps)
            for one, before in zip(seen, maps, strict=True):
                assert torch.isin(one, before).all(), "a map has values between those that it had: take the nearest"

    def test_the_state_of_torch_s_generator_repeats_it(self) -> None:
        for x_BCDHW, maps in _batches():
            (first, first_maps), (again, again_maps) = (self._drawn(x_BCDHW, maps) for _ in range(2))
            assert torch.equal(first, again), "it draws from another generator than torch's"
            assert all(map(torch.equal, first_maps, again_maps))

    def test_another_draw_gives_other_images(self) -> None:
        x_BCDHW, maps = next(_batches())
        seen = [self._drawn(x_BCDHW, maps, seed=seed)[0] for seed in range(4)]
        assert any(not torch.equal(seen[0], other) for other in seen[1:]), "four draws give the same images"

    def test_nothing_is_changed_in_place(self) -> None:
        for x_BCDHW, maps in _batches():
            before = [one.clone() for one in (x_BCDHW, *maps)]
            self._drawn(x_BCDHW, maps)
            assert all(map(torch.equal, (x_BCDHW, *maps), before))

    def _drawn(self, x_BCDHW: Tensor, maps: tuple[Tensor, ...], seed: int = 0) -> tuple[Tensor, tuple[Tensor, ...]]:
        torch.manual_seed(seed)
        return self.component.build()(x_BCDHW, maps)


def _batches() -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
    """Images with background, in both orders in memory, with labels alone and with weights."""
    random = torch.Generator().manual_seed(0)
    for shape_DHW in SHAPES_DHW:
        x_BCDHW = torch.rand((BATCH, 2, *shape_DHW), generator=random) * 2.0 - 1.0
        x_BCDHW[..., 0] = -1.0
        label_BDHW = (torch.rand((BATCH, *shape_DHW), generator=random) > 0.7).long()
        weight_BDHW = torch.rand((BATCH, *shape_DHW), generator=random)
        yield x_BCDHW, (label_BDHW,)
        yield x_BCDHW.contiguous(memory_format=torch.channels_last_3d), (label_BDHW, weight_BDHW)
