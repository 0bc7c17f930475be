from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from hemosweep.evaluation.inference import predict_probability, window_starts
from hemosweep.model.device import Device
from hemosweep.model.memory import OutOfMemory

CPU = Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=1)
Shape = tuple[int, int, int]


@given(st.integers(1, 200), st.integers(1, 40), st.floats(0.0, 0.95))
def test_windows_cover_everything_with_at_least_the_asked_overlap(length: int, patch: int, overlap: float) -> None:
    starts = window_starts(length, patch, overlap)
    assert starts == sorted(set(starts))
    assert starts[0] == 0
    assert starts[-1] == max(0, length - patch)
    seen = {voxel for start in starts for voxel in range(start, start + patch)}
    assert seen >= set(range(length))
    for first, second in pairwise(starts):
        # A stride of one voxel is the least there is, whatever the overlap.
        assert second - first == 1 or first + patch - second >= overlap * patch - 1e-6


@pytest.mark.parametrize(
    ("length", "patch", "overlap", "starts"),
    [
        (10, 4, 0.5, [0, 2, 4, 6]),
        (11, 4, 0.5, [0, 2, 4, 6, 7]),
        (10, 5, 0.6, [0, 2, 4, 5]),
        (40, 20, 0.8, [0, 4, 8, 12, 16, 20]),  # 20 * (1 - 0.8) is 4, in spite of rounding
        (8, 4, 0.0, [0, 4]),
        (4, 4, 0.5, [0]),
        (3, 4, 0.5, [0]),
        (5, 4, 0.99, [0, 1]),
    ],
)
def test_window_starts_by_hand(length: int, patch: int, overlap: float, starts: list[int]) -> None:
    assert window_starts(length, patch, overlap) == starts


class Stub(nn.Module):
    """A network whose lesion probability of a voxel is sigmoid(4 x) of its first channel; it keeps its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        assert not self.training
        assert not torch.is_grad_enabled()
        self.seen.append(x_BCDHW)
        return torch.stack([torch.zeros_like(x_BCDHW[:, 0]), 4 * x_BCDHW[:, 0]], dim=1)


def image_of(shape: Shape, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (2, *shape)).astype(np.float16)


def expected(image_CDHW: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-4 * image_CDHW[0].astype(np.float64)))


def predict(
    model: nn.Module,
    image_CDHW: np.ndarray,
    brain_DHW: np.ndarray,
    patch: Shape,
    *,
    overlap: float = 0.5,
    batch: int = 3,
) -> np.ndarray:
    probability_DHW = predict_probability(
        model, image_CDHW, brain_DHW, patch_DHW=patch, overlap=overlap, batch_size=batch, device=CPU
    )
    assert probability_DHW.dtype == np.float32
    return probability_DHW


@settings(max_examples=40)
@given(
    st.tuples(*[st.integers(1, 11)] * 3),
    st.tuples(*[st.sampled_from([3, 4, 8])] * 3),
    st.sampled_from([0.0, 0.4, 0.5, 0.6]),
    st.integers(1, 70),
)
def test_a_voxelwise_network_is_reproduced_at_every_voxel_of_a_brain_that_fills_the_volume(
    shape: Shape, patch: Shape, overlap: float, batch: int
) -> None:
    image_CDHW = image_of(shape)
    probability = predict(Stub(), image_CDHW, np.ones(shape, dtype=bool), patch, overlap=overlap, batch=batch)
    np.testing.assert_allclose(probability, expected(image_CDHW), atol=1e-6)


@settings(max_examples=40)
@given(st.data())
def test_voxels_of_windows_with_brain_are_predicted_and_all_others_are_zero(data: st.DataObject) -> None:
    shape, patch = (9, 11, 12), data.draw(st.tuples(*[st.sampled_from([2, 4, 16])] * 3))
    brain_DHW = np.zeros(shape, dtype=bool)
    for voxel in data.draw(st.lists(st.tuples(*[st.integers(0, size - 1) for size in shape]), max_size=3)):
        brain_DHW[voxel] = True
    reached = np.zeros(shape, dtype=bool)
    for z in window_starts(shape[0], patch[0], 0.5):
        for y in window_starts(shape[1], patch[1], 0.5):
            for x in window_starts(shape[2], patch[2], 0.5):
                window = np.s_[z : z + patch[0], y : y + patch[1], x : x + patch[2]]
                reached[window] |= brain_DHW[window].any()
    image_CDHW = image_of(shape)
    probability = predict(Stub(), image_CDHW, brain_DHW, patch)
    assert reached[brain_DHW].all()
    np.testing.assert_allclose(probability, np.where(reached, expected(image_CDHW), 0.0), atol=1e-6)


def test_only_windows_with_brain_are_computed_and_in_batches() -> None:
    brain_DHW = np.zeros((4, 4, 12), dtype=bool)
    brain_DHW[0, 0, 5] = True  # seen by the windows that start at 2 and 4
    stub = Stub()
    predict(stub, image_of((4, 4, 12)), brain_DHW, (4, 4, 4), batch=1)
    assert [x.shape for x in stub.seen] == [(1, 2, 4, 4, 4)] * 2


def test_a_case_without_brain_is_zero_everywhere() -> None:
    stub = Stub()
    assert not predict(stub, image_of((4, 5, 6)), np.zeros((4, 5, 6), dtype=bool), (4, 4, 4)).any()
    assert stub.seen == []


def test_a_volume_smaller_than_the_patch_is_padded_with_background_at_its_end() -> None:
    stub, image_CDHW = Stub(), image_of((2, 5, 3))
    probability = predict(stub, image_CDHW, np.ones((2, 5, 3), dtype=bool), (4, 4, 8))
    np.testing.assert_allclose(probability, expected(image_CDHW), atol=1e-6)
    (x_BCDHW,) = stub.seen
    assert x_BCDHW.shape == (2, 2, 4, 4, 8)
    np.testing.assert_array_equal(x_BCDHW[0, :, :2, :, :3], image_CDHW[:, :, :4].astype(np.float32))
    assert (x_BCDHW[:, :, 2:] == -1.0).all()
    assert (x_BCDHW[..., 3:] == -1.0).all()


class ByPosition(nn.Module):
    """A network that answers 0.1, 0.2, 0.3, 0.4 along the columns of a patch, whatever it holds."""

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        probability = torch.tensor([0.1, 0.2, 0.3, 0.4]).expand(x_BCDHW[:, 0].shape)
        return torch.stack([torch.zeros_like(probability), torch.logit(probability)], dim=1)


def test_overlapping_windows_are_averaged() -> None:
    probability = predict(ByPosition(), image_of((4, 4, 7)), np.ones((4, 4, 7), dtype=bool), (4, 4, 4))
    # Windows start at columns 0, 2 and 3.
    by_column = [0.1, 0.2, (0.3 + 0.1) / 2, (0.4 + 0.2 + 0.1) / 3, (0.3 + 0.2) / 2, (0.4 + 0.3) / 2, 0.4]
    np.testing.assert_allclose(probability, np.broadcast_to(by_column, (4, 4, 7)), atol=1e-6)


class Small(Stub):
    """Memory holds `fits` windows at once."""

    def __init__(self, fits: int) -> None:
        super().__init__()
        self.fits = fits

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        if len(x_BCDHW) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(x_BCDHW)


@pytest.mark.parametrize(("batch", "fits"), [(3, 1), (64, 5)])
def test_windows_that_memory_does_not_hold_at_once_are_predicted_in_smaller_batches(batch: int, fits: int) -> None:
    image_CDHW, brain_DHW = image_of((6, 9, 12)), np.ones((6, 9, 12), dtype=bool)
    small, large = Small(fits), Small(1000)
    probability = predict(small, image_CDHW, brain_DHW, (4, 4, 4), batch=batch)
    np.testing.assert_array_equal(probability, predict(large, image_CDHW, brain_DHW, (4, 4, 4), batch=batch))
    assert sum(map(len, small.seen)) == sum(map(len, large.seen))


def test_a_window_that_memory_does_not_hold_is_said_to_be_too_large() -> None:
    with pytest.raises(OutOfMemory, match="does not hold 1 patches at once"):
        predict(Small(0), image_of((4, 4, 4)), np.ones((4, 4, 4), dtype=bool), (4, 4, 4))
