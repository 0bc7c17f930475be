"""Cost of a training step: its time and memory on one device."""

from dataclasses import dataclass

BUSY = 0.5
"""Processors that other programs keep busy, from which on a step takes visibly longer than it would alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """One training step of a network on one device.

    `memory_bytes` is the peak that a fold run's process comes to, without its cases: on a GPU of what PyTorch allocates
    there, beside which CUDA takes some hundred megabytes for every process; on the CPU of the whole process.
    `batch_at_once` is how many patches of a batch memory holds at once. `weight_bytes` are the network's weights and
    running statistics. `num_busy` are the processors that other programs kept busy meanwhile, None for a GPU;
    `timed_on` is the day, as in 2026-11-24.
    """

    patch_s: float
    memory_bytes: int
    batch_at_once: int
    weight_bytes: int
    num_busy: float | None
    timed_on: str

    @property
    def checkpoint_bytes(self) -> int:
        """Disk that a fold run's checkpoint takes: the weights, the best ones, and Adadelta's two averages of each."""
        return 4 * self.weight_bytes

    @property
    def disturbed(self) -> bool:
        """True if other programs made the step longer than it is."""
        return self.num_busy is not None and self.num_busy >= BUSY


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed:
    """Steps that were timed just now, in the order asked for; `gpu_bytes` is the memory of a GPU."""

    device: str
    num_gpus: int
    steps: tuple[Calibration, ...]
    gpu_bytes: int | None = None
