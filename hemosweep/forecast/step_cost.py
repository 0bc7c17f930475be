"""Cost of a training step: its time and memory on one device."""

from dataclasses import dataclass

BUSY = 0.5
"""Number of processors kept busy by other programs, from which on a step takes visibly longer than alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """One training step of a network on one device.

    `memory_bytes` is the peak memory of a fold run's process without its cases. On a GPU it is the memory that PyTorch
    allocates; CUDA takes some hundred megabytes more for every process. On the CPU it is that of the whole process.
    `batch_at_once` is the number of patches of a batch that memory holds at once. `weight_bytes` is the size of the
    network's weights and running statistics, which a fold run that is done keeps on disk. `num_busy` is the number of
    processors that other programs kept busy meanwhile, None for a GPU. `timed_on` is the day, such as 2026-11-24.
    """

    patch_s: float
    memory_bytes: int
    batch_at_once: int
    weight_bytes: int
    num_busy: float | None
    timed_on: str

    @property
    def disturbed(self) -> bool:
        """True if other programs made the step longer."""
        return self.num_busy is not None and self.num_busy >= BUSY


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed:
    """Steps that were timed now, in the order of the request. `gpu_bytes` is the memory of a GPU."""

    device: str
    num_gpus: int
    steps: tuple[Calibration, ...]
    gpu_bytes: int | None = None
