import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hemosweep.arrays import Shape
from hemosweep.errors import BadInput
from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.sampling import bank as bank_module
from hemosweep.sampling.bank import PatchBank
from hemosweep.sampling.centres import Centres

MakeCase = Callable[..., PreprocessedCase]
CPU = torch.device("cpu")


def random_case(make_case: MakeCase, shape: Shape, *, num_channels: int = 2, seed: int = 0) -> PreprocessedCase:
    rng = np.random.default_rng(seed)
    image_CDHW = rng.uniform(-1, 1, (num_channels, *shape)).astype(np.float16)
    return make_case(rng.random(shape) < 0.9, rng.random(shape) < 0.3, image_CDHW=image_CDHW)


def at(case: PreprocessedCase, *voxels: Shape) -> Centres:
    index_N = np.ravel_multi_index(np.array(voxels).T, case.lesion_DHW.shape)
    return Centres(index_N=index_N.astype(np.int64), counts={})


def corners(case: PreprocessedCase) -> Centres:
    d, h, w = (size - 1 for size in case.lesion_DHW.shape)
    return at(case, *[(z, y, x) for z in (0, d) for y in (0, h) for x in (0, w)])


def sliced(case: PreprocessedCase, voxel: Shape, patch: Shape) -> tuple[np.ndarray, np.ndarray]:
    """The patch around a voxel, out of the case padded by numpy: half a patch before the voxel, the rest from it on."""
    margin = [(size, size) for size in patch]
    image = np.pad(case.image_CDHW, [(0, 0), *margin], constant_values=-1.0)
    label = np.pad(case.lesion_DHW, margin, constant_values=False)
    box = tuple(slice(v + p - p // 2, v + p - p // 2 + p) for v, p in zip(voxel, patch, strict=True))
    return image[(slice(None), *box)], label[box]


def test_a_patch_may_lie_outside_the_stored_head_or_hold_its_edge(make_case: MakeCase) -> None:
    # A head of 4 x 6 x 6 voxels, stored out of an image of 10 x 12 x 14 from (3, 2, 5) on.
    shape, whole, start = (4, 6, 6), (10, 12, 14), (3, 2, 5)
    grid = Grid(native_DHW=whole, full_DHW=whole, crop_start_DHW=start, crop_DHW=shape)
    case = replace(random_case(make_case, shape), grid=grid)
    image_CDHW = grid.uncrop(case.image_CDHW, fill=-1.0)
    voxels = [(2, 3, 3), (2, 10, 12), (8, 9, 5), (5, 5, 8)]
    index_N = np.ravel_multi_index(np.array(voxels).T, whole)
    bank = PatchBank([(case, Centres(index_N=index_N, counts={}))], (4, 4, 4), CPU)
    x_BCDHW, label_BDHW = bank.gather(torch.arange(4))
    for x_CDHW, label_DHW, (z, y, x) in zip(x_BCDHW, label_BDHW, voxels, strict=True):
        box = np.s_[z - 2 : z + 2, y - 2 : y + 2, x - 2 : x + 2]
        np.testing.assert_array_equal(x_CDHW.numpy(), image_CDHW[(slice(None), *box)])
        np.testing.assert_array_equal(label_DHW.numpy(), grid.uncrop(case.lesion_DHW, fill=False)[box])
    assert (x_BCDHW[1] == -1.0).all(), "beside the head"
    assert not label_BDHW[1].any()


def check(bank: PatchBank, wanted: list[tuple[PreprocessedCase, Centres]], patch: Shape) -> None:
    places = [
        (case, tuple(int(i) for i in np.unravel_index(index, case.lesion_DHW.shape)))
        for case, centres in wanted
        for index in centres.index_N
    ]
    assert len(bank) == len(places)
    order = np.random.default_rng(0).permutation(len(places))  # a batch mixes the cases
    x_BCDHW, label_BDHW = bank.gather(torch.from_numpy(order))
    assert x_BCDHW.dtype == torch.float32
    assert label_BDHW.dtype == torch.int64
    for x_CDHW, label_DHW, number in zip(x_BCDHW, label_BDHW, order, strict=True):
        case, voxel = places[number]
        image, label = sliced(case, voxel, patch)  # type: ignore[arg-type]
        np.testing.assert_array_equal(x_CDHW.numpy(), image.astype(np.float32))
        np.testing.assert_array_equal(label_DHW.numpy(), label)


@pytest.mark.parametrize("patch", [(4, 8, 8), (8, 4, 12), (16, 16, 16), (4, 4, 4), (3, 5, 1)])
def test_patches_at_the_corners_of_cases_of_different_shapes_equal_slices(make_case: MakeCase, patch: Shape) -> None:
    cases = [random_case(make_case, shape, seed=seed) for seed, shape in enumerate([(5, 7, 9), (10, 6, 4), (1, 1, 13)])]
    wanted = [(case, corners(case)) for case in cases]
    check(PatchBank(wanted, patch, CPU), wanted, patch)


@given(st.data())
def test_patches_anywhere_equal_slices(make_case: MakeCase, data: st.DataObject) -> None:
    patch = data.draw(st.tuples(*[st.sampled_from([4, 8])] * 3))
    wanted = []
    for seed in range(data.draw(st.integers(1, 3))):
        case = random_case(make_case, data.draw(st.tuples(*[st.integers(1, 7)] * 3)), num_channels=1, seed=seed)
        index = st.integers(0, case.lesion_DHW.size - 1)
        index_N = np.array(data.draw(st.lists(index, min_size=1, max_size=5)), dtype=np.int64)
        wanted.append((case, Centres(index_N=index_N, counts={})))
    bank = PatchBank(wanted, patch, CPU)
    check(bank, wanted, patch)


def test_the_centre_of_a_patch_is_the_voxel_that_was_drawn(make_case: MakeCase) -> None:
    lesion = np.zeros((6, 7, 8), dtype=bool)
    lesion[2, 3, 4] = True
    case = make_case(np.ones_like(lesion), lesion)
    _, label_BDHW = PatchBank([(case, at(case, (2, 3, 4)))], (4, 8, 12), CPU).gather(torch.tensor([0]))
    assert torch.nonzero(label_BDHW).tolist() == [[0, 2, 4, 6]]


def test_the_same_patch_may_be_gathered_twice_and_beyond_the_volume_lies_background(make_case: MakeCase) -> None:
    case = make_case(np.ones((1, 1, 1), bool), np.ones((1, 1, 1), bool), image_CDHW=np.full((1, 1, 1, 1), 0.5, "f2"))
    bank = PatchBank([(case, at(case, (0, 0, 0)))], (4, 4, 4), CPU)
    x_BCDHW, label_BDHW = bank.gather(torch.tensor([0, 0]))
    assert torch.equal(x_BCDHW[0], x_BCDHW[1])
    assert x_BCDHW.shape == (2, 1, 4, 4, 4)
    assert x_BCDHW[0].sum() == -63.0 + 0.5
    assert label_BDHW[0].sum() == 1


def test_augmentation_shows_each_patch_six_times(make_case: MakeCase) -> None:
    case = random_case(make_case, (6, 9, 10), seed=3)
    drawn = Centres(index_N=np.array([120, 300, 411]), counts={})
    plain = PatchBank([(case, drawn)], (4, 8, 8), CPU)
    augmented = PatchBank([(case, drawn)], (4, 8, 8), CPU, augment=True)
    assert (len(plain), len(augmented)) == (3, 18)
    x_BCDHW, label_BDHW = plain.gather(torch.arange(3))
    views = [
        lambda x: x,
        lambda x: x.flip(-1),
        lambda x: x.flip(-2),
        lambda x: torch.rot90(x, 1, (-2, -1)),
        lambda x: torch.rot90(x, 2, (-2, -1)),
        lambda x: torch.rot90(x, 3, (-2, -1)),
    ]
    seen_BCDHW, seen_BDHW = augmented.gather(torch.arange(18))
    for number, view in enumerate(views):
        of_view = slice(3 * number, 3 * number + 3)
        assert torch.equal(seen_BCDHW[of_view], view(x_BCDHW))
        assert torch.equal(seen_BDHW[of_view], view(label_BDHW))


def test_the_six_views_of_a_patch_without_symmetry_all_differ(make_case: MakeCase) -> None:
    case = random_case(make_case, (6, 9, 10), seed=4)
    bank = PatchBank([(case, Centres(index_N=np.array([311]), counts={}))], (4, 4, 4), CPU, augment=True)
    x_BCDHW, _ = bank.gather(torch.arange(6))
    assert len({x.numpy().tobytes() for x in x_BCDHW}) == 6


def test_patches_know_their_case_their_centre_and_their_view(make_case: MakeCase) -> None:
    shapes = [(5, 7, 9), (1, 1, 13), (10, 6, 4)]
    cases = [
        replace(random_case(make_case, shape, num_channels=1, seed=seed), case_id=f"sub-{seed}")
        for seed, shape in enumerate(shapes)
    ]
    centres = [corners(case) for case in cases]
    bank = PatchBank(zip(cases, centres, strict=True), (4, 8, 8), CPU, augment=True)
    drawn = [
        (case.case_id, [int(i) for i in np.unravel_index(index, case.lesion_DHW.shape)])
        for case, of_case in zip(cases, centres, strict=True)
        for index in of_case.index_N
    ]
    case_ids, centre_B3, view_B = bank.origins(torch.arange(len(bank)))
    assert list(zip(case_ids, centre_B3.tolist(), strict=True)) == drawn * 6
    assert view_B.tolist() == [view for view in range(6) for _ in drawn]


@pytest.mark.parametrize("num_that_fit", [0, 1, 3, 4])
def test_cases_that_the_device_does_not_hold_stay_on_the_host(
    make_case: MakeCase, monkeypatch: pytest.MonkeyPatch, num_that_fit: int
) -> None:
    shape, patch = (6, 7, 9), (4, 4, 4)
    wanted = [(case, corners(case)) for case in (random_case(make_case, shape, seed=seed) for seed in range(2))]
    placed = 0

    def place(self: bank_module._Voxels, tensor: torch.Tensor) -> torch.Tensor:
        nonlocal placed
        placed += 1
        # There is no GPU here: what it would hold stays where it is.
        if self._device.type == "cuda" and placed > num_that_fit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return tensor

    monkeypatch.setattr(bank_module._Voxels, "_place", place)
    monkeypatch.setattr(bank_module._Voxels, "__init__", pretend_cuda)
    bank = PatchBank(wanted, patch, CPU)
    check(bank, wanted, patch)
    assert bank._image_VC.device.type == "cpu"
    assert bank.num_bytes == 2 * 6 * 7 * 9 * 5 + 5 + 16 * 16


def test_cases_that_the_device_holds_one_by_one_but_not_joined_stay_on_the_host(
    make_case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch, cat = (4, 4, 4), torch.cat
    wanted = [(case, corners(case)) for case in (random_case(make_case, (6, 7, 9), seed=seed) for seed in range(2))]
    refused: list[int] = []

    def full_once(tensors: list[torch.Tensor], dim: int = 0) -> torch.Tensor:
        if not refused:
            refused.append(len(tensors))
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return cat(tensors, dim)

    monkeypatch.setattr(bank_module._Voxels, "_place", lambda self, tensor: tensor)
    monkeypatch.setattr(bank_module._Voxels, "__init__", pretend_cuda)
    monkeypatch.setattr(torch, "cat", full_once)
    bank = PatchBank(wanted, patch, CPU)
    assert refused == [3], "two cases and the background"
    check(bank, wanted, patch)


def test_another_error_than_full_memory_when_cases_are_joined_is_told(
    make_case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, cat = random_case(make_case, (4, 4, 4)), torch.cat
    raised: list[int] = []

    def fail_once(tensors: list[torch.Tensor], dim: int = 0) -> torch.Tensor:
        if not raised:
            raised.append(len(tensors))
            raise RuntimeError("CUDA error: unspecified launch failure")
        return cat(tensors, dim)

    monkeypatch.setattr(bank_module._Voxels, "_place", lambda self, tensor: tensor)
    monkeypatch.setattr(bank_module._Voxels, "__init__", pretend_cuda)
    monkeypatch.setattr(torch, "cat", fail_once)
    with pytest.raises(RuntimeError, match="launch failure"):
        PatchBank([(case, corners(case))], (4, 4, 4), CPU)


def test_a_bank_is_on_the_host_where_the_device_is_another(make_case: MakeCase) -> None:
    case = random_case(make_case, (4, 4, 4))
    bank = PatchBank([(case, corners(case))], (4, 4, 4), CPU)
    assert not bank.on_host
    bank.device = torch.device("cuda", 1)
    assert bank.on_host


def pretend_cuda(self: bank_module._Voxels, device: torch.device) -> None:
    self._device = torch.device("cuda")
    self._parts = []


def test_another_error_than_full_memory_is_told(make_case: MakeCase, monkeypatch: pytest.MonkeyPatch) -> None:
    def place(self: bank_module._Voxels, tensor: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(bank_module._Voxels, "_place", place)
    case = random_case(make_case, (4, 4, 4))
    with pytest.raises(RuntimeError, match="launch failure"):
        PatchBank([(case, corners(case))], (4, 4, 4), CPU)


def test_a_case_is_taken_when_its_turn_comes_and_not_kept(make_case: MakeCase) -> None:
    alive: list[weakref.ref[np.ndarray]] = []

    def drawn() -> Iterator[tuple[PreprocessedCase, Centres]]:
        for seed in range(3):
            assert all(image() is None for image in alive), "an earlier case is still held"
            case = random_case(make_case, (5, 6, 7), seed=seed)
            alive.append(weakref.ref(case.image_CDHW))
            yield case, corners(case)
            del case

    bank = PatchBank(drawn(), (4, 4, 4), CPU)
    assert len(bank) == 24


def test_of_more_voxels_than_fit_twice_in_31_bits_patches_beyond_the_volume_are_still_background(
    make_case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 2^30 voxels and the background, as one voxel that numpy and torch repeat without memory.
    shape, patch = (1024, 1024, 1024), (4, 4, 4)
    case = make_case(*[np.broadcast_to(np.zeros(1, dtype=bool), shape)] * 2, image_CDHW=np.zeros((1, 1, 1, 1), "f2"))
    label_V = torch.zeros(1, dtype=torch.uint8).expand(2**30 + 1)
    monkeypatch.setattr(bank_module._Voxels, "add", lambda self, case, weight_map: None)
    monkeypatch.setattr(bank_module._Voxels, "joined", lambda self: (label_V[:, None], label_V))
    bank = PatchBank([(case, corners(case))], patch, CPU)
    assert len(bank) == 8
    asked: list[torch.Tensor] = []

    def select(self: torch.Tensor, dim: int, index: torch.Tensor) -> torch.Tensor:
        asked.append(index)
        return torch.zeros(len(index), *self.shape[1:], dtype=self.dtype)

    monkeypatch.setattr(torch.Tensor, "index_select", select)
    bank.gather(torch.arange(8))
    first_BDHW = asked[0].view(8, *patch)
    # Before the first voxel of all, at it, at the last one, and behind it.
    assert first_BDHW[0, 0, 0, 0] == 2**30
    assert first_BDHW[0, 2, 2, 2] == 0
    assert first_BDHW[7, 2, 2, 2] == 2**30 - 1
    assert first_BDHW[7, 3, 3, 3] == 2**30


def test_the_label_is_that_of_the_part_within_the_context(make_case: MakeCase) -> None:
    case = random_case(make_case, (6, 9, 10), seed=5)
    plain = PatchBank([(case, corners(case))], (5, 8, 6), CPU)
    bank = PatchBank([(case, corners(case))], (5, 8, 6), CPU, context_DHW=(2, 1, 0))
    x_BCDHW, label_BDHW = plain.gather(torch.arange(8))
    seen_BCDHW, seen_BDHW = bank.gather(torch.arange(8))
    assert torch.equal(seen_BCDHW, x_BCDHW)
    assert torch.equal(seen_BDHW, label_BDHW[:, 2:3, 1:7])


def test_a_slice_is_a_patch_of_its_own(make_case: MakeCase) -> None:
    case = random_case(make_case, (4, 5, 6))
    x_BCDHW, label_BDHW = PatchBank([(case, at(case, (2, 2, 3)))], (1, 4, 6), CPU).gather(torch.tensor([0]))
    assert torch.equal(x_BCDHW[0, :, 0], torch.from_numpy(case.image_CDHW[:, 2, :4, :].astype(np.float32)))
    assert torch.equal(label_BDHW[0, 0], torch.from_numpy(case.lesion_DHW[2, :4, :].astype(np.int64)))


@dataclass(frozen=True)
class Numbered:
    """Each voxel weighs its number; or what `change` makes of that."""

    change: Callable[[np.ndarray], object] = np.asarray

    def weights(self, case: PreprocessedCase) -> np.ndarray:
        shape = case.lesion_DHW.shape
        return self.change(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))  # type: ignore[return-value]


def test_weights_are_cut_as_labels_are_and_are_1_outside_of_a_case(make_case: MakeCase) -> None:
    cases = [random_case(make_case, shape, seed=seed) for seed, shape in enumerate([(3, 4, 5), (2, 6, 4)])]
    wanted = [(case, at(case, (0, 1, 1))) for case in cases]
    bank = PatchBank(wanted, (3, 2, 2), CPU, weight_map=Numbered(), context_DHW=(1, 0, 0))
    _, label_BDHW, weight_BDHW = bank.gather(torch.tensor([1, 0]))
    assert weight_BDHW.shape == label_BDHW.shape == (2, 1, 2, 2)
    assert weight_BDHW[:, 0].tolist() == [[[0, 1], [4, 5]], [[0, 1], [5, 6]]]
    _, _, weight_BDHW = PatchBank(wanted, (2, 2, 2), CPU, weight_map=Numbered()).gather(torch.tensor([0]))
    assert weight_BDHW[0].tolist() == [[[1, 1], [1, 1]], [[0, 1], [5, 6]]]
    assert bank.num_bytes == (60 + 48 + 1) * (2 * 2 + 1 + 4) + 2 * 16


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda weight: weight.astype(np.float64), r"float64 \(2, 3, 4\)"),
        (lambda weight: weight[0], r"float32 \(3, 4\)"),
        (lambda weight: -weight, r"float32 \(2, 3, 4\)"),
        (lambda weight: weight / 0.0, r"float32 \(2, 3, 4\)"),
        (lambda weight: weight.tolist(), "list"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(make_case: MakeCase, change: Callable[..., object], what: str) -> None:
    case = random_case(make_case, (2, 3, 4))
    with np.errstate(divide="ignore", invalid="ignore"), pytest.raises(BadInput, match=f"weight map Numbered .*{what}"):
        PatchBank([(case, at(case, (0, 0, 0)))], (2, 2, 2), CPU, weight_map=Numbered(change))


def test_transforms_change_the_whole_patch_before_its_context_is_cut_off(make_case: MakeCase) -> None:
    case = random_case(make_case, (6, 9, 10), seed=6)
    seen: list[tuple[torch.Size, ...]] = []

    def flip(x_BCDHW: torch.Tensor, maps: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        seen.append(tuple(one.shape for one in (x_BCDHW, *maps)))
        return x_BCDHW.flip(2), tuple(one.flip(1) for one in maps)

    def add(x_BCDHW: torch.Tensor, maps: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        return x_BCDHW + x_BCDHW[:, :, :1], maps

    options = {"context_DHW": (1, 0, 0), "weight_map": Numbered()}
    plain = PatchBank([(case, corners(case))], (4, 4, 4), CPU, weight_map=Numbered())
    bank = PatchBank([(case, corners(case))], (4, 4, 4), CPU, transforms=(flip, add), **options)  # type: ignore[arg-type]
    x_BCDHW, label_BDHW, weight_BDHW = plain.gather(torch.arange(3))
    seen_BCDHW, seen_BDHW, seen_weight_BDHW = bank.gather(torch.arange(3))
    assert seen == [((3, 2, 4, 4, 4), (3, 4, 4, 4), (3, 4, 4, 4))]
    assert torch.equal(seen_BCDHW, x_BCDHW.flip(2) + x_BCDHW[:, :, -1:])
    assert torch.equal(seen_BDHW, label_BDHW.flip(1)[:, 1:3])
    assert torch.equal(seen_weight_BDHW, weight_BDHW.flip(1)[:, 1:3])
    assert torch.equal(bank.gather(torch.arange(3), transformed=False)[0], x_BCDHW)
