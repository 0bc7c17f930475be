import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from hemosweep.arrays import Shape
from hemosweep.components.context import context_of
from hemosweep.components.protocols import Network
from hemosweep.config import ArmConfig, SamplingConfig
from hemosweep.inference import sliding_window as inference
from hemosweep.inference.sliding_window import (
    fill_last_batch,
    predict_case,
    predict_probability,
    seen_volume,
    window_starts,
)
from hemosweep.model.device import Device, choose_device
from hemosweep.model.memory import OutOfMemory
from hemosweep.model.networks.cicek_unet3d import CicekUNet3D
from hemosweep.model.networks.patchfcn import PatchFCN
from hemosweep.model.unet import SEUNet
from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.sampling.bank import PatchBank
from hemosweep.sampling.centres import middle_centre
from hemosweep.sampling.restriction import restriction

CPU = Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=1)


@given(st.integers(1, 300), st.integers(1, 40), st.floats(0.0, 0.95))
def test_windows_are_the_fewest_that_cover_everything_and_share_more_than_asked_on_average(
    length: int, patch: int, overlap: float
) -> None:
    starts = window_starts(length, patch, overlap)
    assert starts[0] == 0
    assert starts[-1] == max(0, length - patch)
    seen = {voxel for start in starts for voxel in range(start, start + patch)}
    assert seen >= set(range(length))
    num_steps = len(starts) - 1
    if num_steps == 0:
        return
    span, longest = length - patch, patch * (1.0 - overlap)
    steps = [second - first for first, second in pairwise(starts)]
    assert min(steps) >= 1
    assert max(steps) - min(steps) <= 1, "evenly spread"
    assert num_steps == span or span / num_steps < longest
    # With a step less, each would be too long: to the rounding of the product, which is exact for such as 0.5.
    assert num_steps == 1 or span / (num_steps - 1) >= longest - 1e-6


@given(st.integers(1, 300), st.sampled_from([4, 8, 12, 16, 24, 32]))
def test_a_pair_of_windows_shares_half_at_least_where_the_average_shares_more(length: int, patch: int) -> None:
    starts = window_starts(length, patch, 0.5)
    assert all(first + patch - second >= patch // 2 for first, second in pairwise(starts))


@pytest.mark.parametrize(
    ("length", "patch", "overlap", "starts"),
    [
        (10, 4, 0.5, [0, 2, 3, 5, 6]),  # 3 steps of 2 would share exactly half: 4 steps of 1.5
        (11, 4, 0.5, [0, 2, 4, 5, 7]),  # 4 steps of 1.75: two pairs share exactly half, all of them 2.25 on average
        (10, 5, 0.6, [0, 2, 3, 5]),  # steps below 2: 3 of 5/3
        (40, 20, 0.8, [0, 3, 7, 10, 13, 17, 20]),  # 20 * (1 - 0.8) is 4, in spite of rounding: 6 steps of 10/3
        (34, 16, 0.5, [0, 6, 12, 18]),  # the paper's patch in 34 slices
        (8, 4, 0.0, [0, 2, 4]),  # neighbours that only touch do not share more than nothing
        (7, 4, 0.0, [0, 3]),
        (4, 4, 0.5, [0]),
        (3, 4, 0.5, [0]),
        (5, 4, 0.99, [0, 1]),
        (8, 4, 0.75, [0, 1, 2, 3, 4]),  # a step below one voxel does not exist
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


def case_of(image_CDHW: np.ndarray, brain_DHW: np.ndarray, grid: Grid) -> PreprocessedCase:
    """A case without a lesion."""
    nothing_DHW = np.zeros_like(brain_DHW)
    return PreprocessedCase(
        case_id="sub-001",
        image_CDHW=image_CDHW,
        brain_DHW=brain_DHW,
        lesion_DHW=nothing_DHW,
        reference_DHW=nothing_DHW,
        affine=np.eye(4),
        spacing_DHW_mm=(5.0, 1.0, 1.0),
        native_spacing_DHW_mm=(5.0, 1.0, 1.0),
        grid=grid,
    )


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
    device: Device = CPU,
    **options: Any,
) -> np.ndarray:
    probability_DHW = predict_probability(
        model, image_CDHW, brain_DHW, patch_DHW=patch, overlap=overlap, batch_size=batch, device=device, **options
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


class InPlane(nn.Module):
    """Labels each slice from the 3 x 3 voxels around."""

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        around = torch.nn.functional.avg_pool3d(x_BCDHW[:, :1], (1, 3, 3), stride=1, padding=(0, 1, 1))
        return torch.cat([torch.zeros_like(around), 4 * around], dim=1)


@settings(max_examples=40)
@given(st.integers(1, 30), st.sampled_from([1, 3, 8]))
def test_a_network_of_slices_sees_each_slice_in_as_few_windows_as_cover_them(depth: int, patch_depth: int) -> None:
    image_CDHW, brain_DHW = image_of((depth, 9, 7)), np.ones((depth, 9, 7), dtype=bool)
    given = {"image_CDHW": image_CDHW, "brain_DHW": brain_DHW, "patch": (patch_depth, 4, 4)}
    windows: dict[bool, int] = {}
    probability = {
        slice_wise: predict(
            InPlane(), **given, slice_wise=slice_wise, on_windows=partial(windows.__setitem__, slice_wise)
        )
        for slice_wise in (True, False)
    }
    np.testing.assert_allclose(probability[True], probability[False], atol=1e-6)
    in_plane = windows[False] // len(window_starts(depth, patch_depth, 0.5))
    assert windows[True] == -(-depth // patch_depth) * in_plane


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


def test_an_arm_without_restrictions_is_tested_on_every_window_of_the_whole_image() -> None:
    # A head of 4 x 4 x 5 voxels with one voxel of brain, stored out of an image of 4 x 9 x 12.
    image_CDHW = image_of((4, 4, 5))
    brain_DHW = np.zeros((4, 4, 5), dtype=bool)
    brain_DHW[0, 0, 0] = True
    grid = Grid(native_DHW=(4, 9, 12), full_DHW=(4, 9, 12), crop_start_DHW=(0, 3, 2), crop_DHW=(4, 4, 5))
    case = case_of(image_CDHW, brain_DHW, grid)
    image, seen = seen_volume(case, restriction("none"))
    whole_DHW = np.full((4, 9, 12), 1 / (1 + np.exp(4.0)))  # background is -1
    whole_DHW[:, 3:7, 2:7] = expected(image_CDHW)
    probability_DHW = predict(Stub(), image, seen, (4, 4, 4))
    np.testing.assert_allclose(probability_DHW, whole_DHW, atol=1e-6)
    np.testing.assert_array_equal(case.grid.to_native(probability_DHW), probability_DHW)
    image, seen = seen_volume(case, restriction("brain"))
    assert image is case.image_CDHW
    assert seen is case.brain_DHW


@pytest.mark.parametrize(("network", "num_windows"), [(PatchFCN(width=4), 3), (CicekUNet3D(width=4, num_levels=3), 6)])
def test_an_arm_s_network_says_whether_it_is_one_of_slices(network: Network, num_windows: int) -> None:
    # 12 slices of 16 x 16 voxels. A window has 4 of them: 3 windows cover them, and 6 share more than half.
    shape = (12, 16, 16)
    grid = Grid(native_DHW=shape, full_DHW=shape, crop_start_DHW=(0, 0, 0), crop_DHW=shape)
    case = case_of(image_of(shape), np.ones(shape, dtype=bool), grid)
    depth = 4 + 2 * context_of(network)[0]
    config = ArmConfig(sampling=SamplingConfig(patch_HWD=(16, 16, depth)), network=network)
    numbers: list[int] = []
    predict_case(network.build(in_channels=2).eval(), case, config, CPU, on_windows=numbers.append)
    assert numbers == [num_windows]


def test_only_windows_with_brain_are_computed_and_in_batches() -> None:
    brain_DHW = np.zeros((4, 4, 12), dtype=bool)
    brain_DHW[0, 0, 5] = True  # of the windows at 0, 2, 3, 5, 6 and 8 it is in those at 2, 3 and 5
    stub = Stub()
    numbers: list[int] = []
    predict(stub, image_of((4, 4, 12)), brain_DHW, (4, 4, 4), batch=1, on_windows=numbers.append)
    assert [x.shape for x in stub.seen] == [(1, 2, 4, 4, 4)] * 3
    assert numbers == [3]


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


def plain_loop(
    model: nn.Module, image_CDHW: np.ndarray, brain_DHW: np.ndarray, patch: Shape, overlap: float, device: Device
) -> np.ndarray:
    """The same probabilities, one window after the other: what the batched form must give."""
    shape = brain_DHW.shape
    missing = [max(0, size - length) for size, length in zip(patch, shape, strict=True)]
    image = torch.from_numpy(image_CDHW).float().to(device.torch_device)
    image = F.pad(image, (0, missing[2], 0, missing[1], 0, missing[0]), value=-1.0)
    total = torch.zeros(image.shape[1:], device=device.torch_device)
    num_seen = torch.zeros_like(total)
    for start in product(*(window_starts(length, size, overlap) for length, size in zip(shape, patch, strict=True))):
        window = tuple(slice(first, first + size) for first, size in zip(start, patch, strict=True))
        if brain_DHW[window].any():
            with torch.inference_mode(), device.autocast():
                logits = model.eval()(device.arrange(image[:, *window][None]))
            total[window] += torch.softmax(logits.float(), dim=1)[0, 1]
            num_seen[window] += 1
    return (total / num_seen.clamp(min=1)).cpu().numpy()[tuple(slice(length) for length in shape)]


def network(device: Device = CPU, width: int = 4) -> nn.Module:
    """The real network with statistics and weights that make its probabilities spread over (0, 1)."""
    torch.manual_seed(0)
    model = SEUNet(in_channels=2, width=width)
    nn.init.normal_(model.classify.weight, std=3.0)
    return device.place(model)


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 12), st.integers(1, 20), st.integers(1, 20)),
    st.tuples(*[st.sampled_from([4, 8])] * 3),
    st.sampled_from([0.0, 0.5, 0.7]),
    st.integers(1, 40),
    st.integers(0, 3),
)
def test_the_probabilities_are_those_of_a_plain_loop_over_the_windows(
    shape: Shape, patch: Shape, overlap: float, batch: int, seed: int
) -> None:
    # A brain of a few voxels, so that some windows are skipped and do not count where others see a voxel.
    brain_DHW = np.random.default_rng(seed).random(shape) < 4 / np.prod(shape)
    model, image_CDHW = network(width=2), image_of(shape)
    np.testing.assert_allclose(
        predict(model, image_CDHW, brain_DHW, patch, overlap=overlap, batch=batch),
        plain_loop(model, image_CDHW, brain_DHW, patch, overlap, CPU),
        atol=1e-5,
    )


def half_a_brain(shape: Shape) -> np.ndarray:
    brain_DHW = np.zeros(shape, dtype=bool)
    brain_DHW[:, : shape[1] // 2] = True
    return brain_DHW


def test_the_probabilities_in_bf16_are_those_of_a_plain_loop_in_bf16() -> None:
    device = Device(torch_device=torch.device("cpu"), bf16=True, channels_last=True, num_threads=1)
    shape, patch = (9, 21, 18), (8, 8, 8)
    model, image_CDHW, brain_DHW = network(device), image_of(shape), half_a_brain(shape)
    probability = predict(model, image_CDHW, brain_DHW, patch, batch=16, device=device)
    np.testing.assert_allclose(
        probability, plain_loop(model, image_CDHW, brain_DHW, patch, 0.5, device), atol=1e-3, rtol=0
    )
    assert not np.array_equal(probability, predict(model, image_CDHW, brain_DHW, patch, batch=16)), "it was bf16"


def test_two_predictions_on_the_cpu_are_the_same_to_the_bit() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model, image_CDHW, brain_DHW = network(), image_of((12, 40, 40)), np.ones((12, 40, 40), dtype=bool)
        first, second = (predict(model, image_CDHW, brain_DHW, (4, 12, 12), batch=64) for _ in range(2))
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(first, second)


def test_patches_reach_the_network_in_its_memory_layout() -> None:
    stub = Stub()
    predict(stub, image_of((6, 6, 6)), np.ones((6, 6, 6), dtype=bool), (4, 4, 4), batch=8)
    assert all(x_BCDHW.is_contiguous(memory_format=torch.channels_last_3d) for x_BCDHW in stub.seen)


def test_the_last_batch_is_filled_with_its_last_window() -> None:
    starts_N = torch.tensor([5, 6, 7, 8, 9])
    assert fill_last_batch(starts_N, 4).tolist() == [5, 6, 7, 8, 9, 9, 9, 9]
    assert fill_last_batch(starts_N, 5).tolist() == [5, 6, 7, 8, 9]
    assert fill_last_batch(starts_N[:0], 4).tolist() == []


@pytest.mark.parametrize("fits", [1000, 3])
def test_where_one_shape_is_wanted_every_batch_has_it_and_the_probabilities_stay(
    fits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_CDHW, brain_DHW = image_of((4, 4, 12)), np.ones((4, 4, 12), dtype=bool)  # 6 windows
    as_on_cpu, filled = Stub(), Small(fits)
    probability = predict(as_on_cpu, image_CDHW, brain_DHW, (4, 4, 4), batch=4)
    assert [len(x_BCDHW) for x_BCDHW in as_on_cpu.seen] == [4, 2]
    monkeypatch.setattr(inference, "wants_whole_batches", lambda device: True)
    numbers: list[int] = []
    again = predict(filled, image_CDHW, brain_DHW, (4, 4, 4), batch=4, on_windows=numbers.append)
    np.testing.assert_array_equal(again, probability)
    assert numbers == [6], "those that fill a batch are none"
    assert [len(x_BCDHW) for x_BCDHW in filled.seen] == ([4, 4] if fits > 4 else [2, 2, 2, 2])


class Operations(TorchDispatchMode):
    """Counts the operations that reach a device."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[operation.overloadpacket.__name__] += 1
        return operation(*args, **kwargs or {})


class Calls(TorchFunctionMode):
    """Counts the calls by which the host asks for a tensor's values: on the CPU a copy to the host is no operation."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[getattr(function, "__name__", "")] += 1
        return function(*args, **kwargs or {})


@contextmanager
def counting() -> Iterator[Counter[str]]:
    counts: Counter[str] = Counter()
    with Operations() as operations, Calls() as calls:
        yield counts
    counts.update({f"call:{name}": count for name, count in calls.counts.items()})
    counts.update(operations.counts)


def counted(length: int, batch: int) -> tuple[Counter[str], int]:
    """Cost of a case of `length` columns, in windows of 4, and how many batches the network saw."""
    stub, shape = Stub(), (4, 4, length)
    image_CDHW, brain_DHW = image_of(shape), np.ones(shape, dtype=bool)
    with counting() as counts:
        predict(stub, image_CDHW, brain_DHW, (4, 4, 4), batch=batch)
    return counts, len(stub.seen)


def test_a_case_takes_one_copy_to_the_host_and_one_sum_a_batch() -> None:
    counts, num_batches = counted(length=40, batch=8)
    # 36 columns in steps below 2: 19 steps, 20 windows.
    assert num_batches == 3
    assert counts["index_add_"] == num_batches
    assert (counts["call:cpu"], counts["call:numpy"]) == (1, 1)
    assert counts["_local_scalar_dense"] == 0, "a number that the host waits for"
    assert [counts[f"call:{name}"] for name in ("item", "tolist", "__bool__", "__int__", "__float__")] == [0] * 5


def test_the_number_of_operations_follows_the_batches_not_the_windows() -> None:
    few, many = counted(length=40, batch=8), counted(length=156, batch=30)  # 20 and 78 windows
    assert few[1] == many[1] == 3
    assert few[0] == many[0]


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.gpu
@needs_cuda
def test_on_cuda_the_probabilities_are_those_of_a_plain_loop() -> None:
    device = choose_device()
    shape, patch = (20, 70, 60), (8, 16, 16)
    model, image_CDHW, brain_DHW = network(device, width=16), image_of(shape), half_a_brain(shape)
    np.testing.assert_allclose(
        predict(model, image_CDHW, brain_DHW, patch, batch=64, device=device),
        plain_loop(model, image_CDHW, brain_DHW, patch, 0.5, device),
        atol=1e-3,
    )


TWICE_ON_CUDA = """
import numpy as np, torch
from hemosweep.inference.sliding_window import predict_probability
from hemosweep.model.device import choose_device
from hemosweep.model.unet import SEUNet
device = choose_device(deterministic=True)
model = device.place(SEUNet(in_channels=2, width=16))
image = np.random.default_rng(0).uniform(-1, 1, (2, 20, 70, 60)).astype(np.float16)
brain = np.ones(image.shape[1:], dtype=bool)
given = dict(patch_DHW=(8, 16, 16), overlap=0.5, batch_size=64, device=device)
first, second = (predict_probability(model, image, brain, **given) for _ in range(2))
assert np.array_equal(first, second)
"""


@pytest.mark.gpu
@needs_cuda
def test_two_deterministic_predictions_on_cuda_are_the_same_to_the_bit() -> None:
    # A process of its own, as in a sweep: cuBLAS reads how it is to work when it starts.
    subprocess.run([sys.executable, "-c", TWICE_ON_CUDA], check=True)


class CopiesTheMiddle(nn.Module):
    """A network whose lesion probability of a voxel is what it sees there, of the part that it labels."""

    def __init__(self, context: Shape) -> None:
        super().__init__()
        self.context = context

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        d, h, w = (slice(c, size - c) for c, size in zip(self.context, x_BCDHW.shape[2:], strict=True))
        middle_BDHW = x_BCDHW[:, 0, d, h, w]
        return torch.stack([torch.zeros_like(middle_BDHW), middle_BDHW], dim=1)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize(
    ("patch", "context", "shape"),
    [
        ((1, 4, 4), (0, 0, 0), (5, 9, 7)),
        ((3, 4, 4), (1, 0, 0), (5, 9, 7)),
        ((5, 6, 8), (2, 1, 2), (3, 9, 4)),
        ((5, 6, 8), (1, 1, 1), (2, 3, 11)),
        ((7, 12, 13), (0, 0, 0), (4, 9, 7)),
    ],
)
def test_a_network_that_copies_its_middle_gives_the_image_back(
    patch: Shape, context: Shape, shape: Shape, centred: bool
) -> None:
    image_CDHW = image_of(shape)
    probability_DHW = predict_probability(
        CopiesTheMiddle(context),
        image_CDHW,
        np.ones(shape, dtype=bool),
        patch_DHW=patch,
        overlap=0.5,
        batch_size=3,
        device=CPU,
        context_DHW=context,
        centred=centred,
    )
    np.testing.assert_allclose(probability_DHW, 1 / (1 + np.exp(-image_CDHW[0].astype(np.float64))), atol=1e-6)


class SumsItsSlices(nn.Module):
    """Of three slices, the logit of the middle one is their sum."""

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        total = x_BCDHW[:, 0, :-2] + x_BCDHW[:, 0, 1:-1] + x_BCDHW[:, 0, 2:]
        return torch.stack([torch.zeros_like(total), total], dim=1)


def test_beyond_the_first_and_the_last_slice_the_context_is_background() -> None:
    image_CDHW = np.zeros((1, 3, 2, 2), dtype=np.float16)
    image_CDHW[0] = np.array([0.25, 0.5, 1.0])[:, None, None]
    probability_DHW = predict_probability(
        SumsItsSlices(),
        image_CDHW,
        np.ones((3, 2, 2), dtype=bool),
        patch_DHW=(3, 2, 2),
        overlap=0.0,
        batch_size=2,
        device=CPU,
        context_DHW=(1, 0, 0),
    )
    logits = np.log(probability_DHW[:, 0, 0] / (1 - probability_DHW[:, 0, 0]))
    np.testing.assert_allclose(logits, [-1.0 + 0.25 + 0.5, 0.25 + 0.5 + 1.0, 0.5 + 1.0 - 1.0], atol=1e-5)


@given(st.tuples(*[st.integers(1, 6)] * 3), st.tuples(*[st.integers(1, 6)] * 3), st.tuples(*[st.integers(0, 2)] * 3))
@settings(max_examples=30)
def test_a_whole_head_is_seen_in_the_test_as_in_training(shape: Shape, labelled: Shape, context: Shape) -> None:
    patch = tuple(size + 2 * c for size, c in zip(labelled, context, strict=True))
    full = tuple(size + 5 for size in shape)
    image_CDHW = image_of(shape)
    case = PreprocessedCase(
        case_id="sub-1",
        image_CDHW=image_CDHW,
        brain_DHW=np.ones(shape, dtype=bool),
        lesion_DHW=np.zeros(shape, dtype=bool),
        reference_DHW=np.zeros(full, dtype=bool),
        affine=np.eye(4),
        spacing_DHW_mm=(1.0, 1.0, 1.0),
        native_spacing_DHW_mm=(1.0, 1.0, 1.0),
        grid=Grid(native_DHW=full, full_DHW=full, crop_start_DHW=(1, 2, 3), crop_DHW=shape),
    )
    bank = PatchBank([(case, middle_centre(case, whole_image=False))], patch, CPU.torch_device, context_DHW=context)
    trained_BCDHW, _ = bank.gather(torch.tensor([0]))
    if any(size > length for size, length in zip(shape, labelled, strict=True)):
        return  # Several windows.
    model = Stub()
    model_of_window = CopiesTheMiddle(context)

    class Both(nn.Module):
        def forward(self, x_BCDHW: Tensor) -> Tensor:
            model.seen.append(x_BCDHW)
            return model_of_window(x_BCDHW)  # type: ignore[no-any-return]

    predict_probability(
        Both(),
        image_CDHW,
        case.brain_DHW,
        patch_DHW=patch,
        overlap=0.5,
        batch_size=1,
        device=CPU,
        context_DHW=context,
        centred=True,
    )
    (tested_BCDHW,) = model.seen
    assert torch.equal(tested_BCDHW, trained_BCDHW)
