"""A way out where memory is full: the same patches go through the network fewer at a time."""

import gc
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from hemosweep.errors import HemosweepError

T = TypeVar("T")

_OF_DEVICE = ("out of memory", "alloc_failed", "allocation_failed")
_OF_HOST = ("can't allocate memory", "bad_alloc", "could not create a primitive", "could not create a memory")
"""Texts, in lower case, of plain RuntimeErrors of torch that mean a lack of memory.

The last two are oneDNN's: an operation that it could not prepare for one batch size fails again in the same process,
but works with another size.
"""


class OutOfMemory(HemosweepError):
    """Memory does not hold even the fewest patches that can go through the network at once."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """True if an error means that the device's or the host's memory is full."""
    return isinstance(error, (torch.OutOfMemoryError, OutOfMemory)) or is_host_full(error) or _says(error, _OF_DEVICE)


def is_host_full(error: BaseException | None) -> bool:
    """True if an error means that the host's memory is full, not a GPU's."""
    return isinstance(error, MemoryError) or _says(error, _OF_HOST)


def _says(error: BaseException | None, words: tuple[str, ...]) -> bool:
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)


def free_device_memory() -> None:
    """Free the memory of deleted tensors that torch still holds. Call it after the error is handled."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


class MicroBatch:
    """The number of patches that may go through the network at once. It is halved for good each time memory runs out.

    Args:
        size: to begin with.
        least: what makes sense at least.
        on_halved: called with each new size.
    """

    def __init__(self, size: int, *, least: int = 1, on_halved: Callable[[int], None] = lambda size: None) -> None:
        self.size = size
        self._least = least
        self._on_halved = on_halved

    def run(self, attempt: Callable[[int], T], num_patches: int, undo: Callable[[], None] = lambda: None) -> T:
        """Return the result of `attempt`, which gets the number of its `num_patches` that may go through the network at
        once.

        If memory runs out, its memory is freed, `undo` runs, and `attempt` is called again with half the number.

        Raises:
            OutOfMemory: it would take fewer at once than the least.
        """
        while True:
            try:
                return attempt(self.size)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                tried = min(self.size, num_patches)
                if tried // 2 < self._least:
                    raise OutOfMemory(
                        f"memory does not hold {tried} patches at once, and it takes at least {self._least}; give "
                        "smaller patches (patch_HWD), a narrower network (width), or a device with more memory"
                    ) from error
            # Not before here, where the error that held on to the attempt's tensors is gone.
            free_device_memory()
            self.size = tried // 2
            self._on_halved(self.size)
            undo()

    def forward(self, network: Callable[[Tensor], Tensor], x_BCDHW: Tensor) -> Tensor:
        """Return `network(x_BCDHW)`, joined from smaller batches if memory runs out.

        Only for a network that treats each patch alone, as in eval mode: the result then differs only by rounding.
        """

        def attempt(size: int) -> Tensor:
            if len(x_BCDHW) <= size:
                return network(x_BCDHW)
            return torch.cat([network(piece_BCDHW) for piece_BCDHW in x_BCDHW.split(size)])

        return self.run(attempt, len(x_BCDHW))
