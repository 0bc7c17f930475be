"""The way out where memory is full, counted by hand."""

import weakref

import numpy as np
import pytest
import torch

from hemosweep.model.memory import MicroBatch, OutOfMemory, is_host_full, is_out_of_memory

FAR_TOO_MUCH = 2**60


def error_of(act):
    with pytest.raises((RuntimeError, MemoryError, ValueError)) as raised:
        act()
    return raised.value


@pytest.mark.parametrize(
    "act",
    [
        lambda: torch.empty(FAR_TOO_MUCH, dtype=torch.uint8),
        lambda: np.empty(FAR_TOO_MUCH, dtype=np.uint8),
        lambda: bytearray(FAR_TOO_MUCH),
    ],
    ids=["torch", "numpy", "python"],
)
def test_what_is_raised_where_memory_does_not_suffice_is_known_again(act):
    error = error_of(act)
    assert is_out_of_memory(error)
    assert is_host_full(error)


@pytest.mark.parametrize(
    ("error", "known"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("could not create a primitive"), True),
        (OutOfMemory("memory does not hold 2 patches at once"), True),
        (RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"), False),
        (OSError("No space left on device"), False),
        (None, False),
    ],
)
def test_other_errors_are_not_taken_for_it(error, known):
    assert is_out_of_memory(error) is known


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("CUDA error: out of memory")]
)
def test_a_gpus_memory_is_not_the_hosts(error):
    assert not is_host_full(error)


class Memory:
    """Holds `fits` patches at once, and remembers what was tried."""

    def __init__(self, fits):
        self.fits = fits
        self.tried = []

    def __call__(self, size):
        self.tried.append(size)
        if size > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return f"{size} at once"


def test_what_memory_holds_is_done_at_once_and_nobody_is_told():
    memory = Memory(fits=8)
    assert MicroBatch(8, on_halved=pytest.fail).run(memory, 8, undo=pytest.fail) == "8 at once"
    assert memory.tried == [8]


def test_the_size_is_halved_until_memory_holds_it_and_stays_so():
    memory, told, undone = Memory(fits=3), [], []
    micro_batch = MicroBatch(12, on_halved=told.append)
    assert micro_batch.run(memory, 12, undo=lambda: undone.append(len(memory.tried))) == "3 at once"
    assert (memory.tried, told, undone) == ([12, 6, 3], [6, 3], [1, 2])
    assert micro_batch.run(memory, 12) == "3 at once"
    assert memory.tried == [12, 6, 3, 3]


def test_a_batch_smaller_than_the_size_is_halved_itself():
    memory = Memory(fits=5)
    micro_batch = MicroBatch(64)
    assert micro_batch.run(memory, 10) == "5 at once"
    assert memory.tried == [64, 5]


@pytest.mark.parametrize(("least", "tried"), [(1, [5, 2, 1]), (2, [5, 2])])
def test_below_the_least_it_is_given_up_with_a_way_out(least, tried):
    memory = Memory(fits=0)
    with pytest.raises(
        OutOfMemory, match=rf"does not hold {tried[-1]} patches at once.*patch_HWD.*more memory"
    ) as raised:
        MicroBatch(5, least=least).run(memory, 5)
    assert memory.tried == tried
    assert isinstance(raised.value.__cause__, torch.OutOfMemoryError)


def test_another_error_is_not_answered_with_another_attempt():
    attempts = []

    def attempt(size):
        attempts.append(size)
        raise RuntimeError("The size of tensor a (3) must match")

    with pytest.raises(RuntimeError, match="must match"):
        MicroBatch(8).run(attempt, 8)
    assert attempts == [8]


def test_what_an_attempt_held_is_free_before_the_next_one():
    held = []

    def attempt(size):
        assert all(tensor() is None for tensor in held)
        activation = torch.zeros(size)
        held.append(weakref.ref(activation))
        if size > 2:
            raise MemoryError
        return size

    assert MicroBatch(8).run(attempt, 8) == 2
    assert len(held) == 3


@pytest.mark.parametrize("fits", [1, 2, 3, 7])
def test_a_network_that_sees_each_patch_alone_answers_in_pieces_as_it_does_at_once(fits):
    seen = []

    def network(x_B):
        if len(x_B) > fits:
            raise MemoryError
        seen.append(len(x_B))
        return 2 * x_B

    x_B = torch.arange(7.0)
    assert torch.equal(MicroBatch(7).forward(network, x_B), 2 * x_B)
    assert sum(seen) == 7
