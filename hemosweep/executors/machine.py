"""This machine, as far as the time of training depends on it: its processors, its GPUs, and the other programs on
them."""

import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hemosweep.digest import digest_json
from hemosweep.environment import num_processors
from hemosweep.errors import BadInput

PLACE_BYTES = 2_000_000_000
"""Memory that must be free for each fold run of the demo profile beside another one, about twice what one takes."""
_CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_PROC, _DEV = Path("/proc"), Path("/dev")
_GPU_TIMEOUT_S = 2.0


def machine_digest() -> str:
    """Digest of the kind of processors and GPUs that this process may use. It needs no torch, and host names are no
    part of it.

    Two equal nodes of a cluster are one machine. A GPU counts with its serial number, as the system reports it.
    """
    gpus = [_read(path) for path in sorted((_PROC / "driver/nvidia/gpus").glob("*/information"))]
    devices = sorted(path.name for pattern in ("nvidia[0-9]*", "dxg", "kfd") for path in _DEV.glob(pattern))
    visible = {name: os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")}
    processor = re.search(r"^model name\s*: (.*)$", _read(_PROC / "cpuinfo"), re.MULTILINE)
    name = platform.processor() if processor is None else processor[1]
    return digest_json([platform.system(), platform.machine(), name, num_processors(), gpus, devices, visible])


def num_places(
    num_gpus: int, per_gpu: int | None = None, *, at_once: int | None = None, one_a_processor: bool = False
) -> int:
    """Return the number of fold runs that this machine trains at a time. Without a GPU it is one, which uses the whole
    CPU, unless `at_once` or `one_a_processor` says otherwise.

    Args:
        num_gpus: those that PyTorch can use.
        per_gpu: number of fold runs that share a GPU; 1 by default.
        at_once: number of fold runs that share the processors.
        one_a_processor: as many as there are processors, as far as the free memory is known to go.

    Raises:
        BadInput: `per_gpu` is given but there is no GPU, or `at_once` and there is one, or one of them is below 1.
    """
    if per_gpu is not None and per_gpu < 1:
        raise BadInput(f"--per-gpu {per_gpu}: give at least 1")
    if per_gpu is not None and not num_gpus:
        raise BadInput(f"--per-gpu {per_gpu}: this machine has no GPU that PyTorch can use; leave it out")
    if at_once is not None and at_once < 1:
        raise BadInput(f"--at-once {at_once}: give at least 1")
    if at_once is not None and num_gpus:
        raise BadInput(f"--at-once {at_once}: this machine trains on its GPU; give --per-gpu, or leave it out")
    if num_gpus:
        return num_gpus * (per_gpu or 1)
    if at_once is None and one_a_processor:
        return max(1, min(num_processors(), (free_memory() or 0) // PLACE_BYTES))
    return at_once or 1


def num_threads(num_places: int) -> int:
    """Threads of each of so many fold runs that share the processors."""
    return max(1, num_processors() // num_places)


def free_memory() -> int | None:
    """Bytes that may still be used, with the limit of a container; None where the system does not say."""
    known = re.search(r"^MemAvailable:\s+(\d+) kB", _read(_PROC / "meminfo"), re.MULTILINE)
    limits = [int(text) for path in _CGROUPS if (text := _read(path).strip()).isdecimal()]  # "max" is no limit.
    return None if known is None else min([1024 * int(known[1]), *limits])


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuMemory:
    """Memory of a GPU, of all programs together."""

    used_bytes: int
    total_bytes: int


def gpu_memory() -> list[GpuMemory]:
    """Memory of each GPU that this process may use, as NVIDIA's driver reports it; none where it reports nothing.

    It is asked through its own program: PyTorch would take some hundred megabytes of each GPU to answer.
    """
    program, visible = shutil.which("nvidia-smi"), os.environ.get("CUDA_VISIBLE_DEVICES")
    if program is None or visible == "":
        return []
    chosen = [] if visible is None else [f"--id={visible}"]
    query = [program, *chosen, "--query-gpu=memory.used,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=_GPU_TIMEOUT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return read_gpu_memory(answer)


def read_gpu_memory(answer: str) -> list[GpuMemory]:
    """Memory of each GPU from the driver's answer, a line of used and total mebibytes each; none of it where one of
    them has no number, as on a part of a GPU."""
    numbers = re.findall(r"^(\d+), (\d+)$", answer, re.MULTILINE)
    if len(numbers) != len(answer.splitlines()):
        return []
    return [GpuMemory(used_bytes=int(used) << 20, total_bytes=int(total) << 20) for used, total in numbers]


class Bystanders:
    """Meter of this process's processors that other programs, or the host of a virtual machine, take from now on."""

    def __init__(self) -> None:
        self._begun = self._now()

    def num_busy(self) -> float:
        """Number of processors that they kept busy on average, or the load of the last minute where the system does not
        report it."""
        if self._begun is None or (now := self._now()) is None:
            return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        wall_s, busy_s, process_s = (after - before for before, after in zip(self._begun, now, strict=True))
        return max(0.0, busy_s - process_s) / wall_s

    def _now(self) -> tuple[float, float, float] | None:
        """Wall-clock seconds, seconds that the processors worked, and those that they worked for this process."""
        ticks = sum(_ticks_at_work())
        process = os.times()
        return (time.perf_counter(), ticks / os.sysconf("SC_CLK_TCK"), process.user + process.system) if ticks else None


def _ticks_at_work() -> Iterator[int]:
    """Ticks at work of each processor that this process may use, since the machine started (man 5 proc_stat)."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    for number, ticks in re.findall(r"^cpu(\d+) (.*)$", _read(_PROC / "stat"), re.MULTILINE):
        if int(number) in allowed:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks.split()[:8])
            yield user + nice + system + irq + softirq + steal


def _read(path: Path) -> str:
    """Content of a file of the system; empty where there is no such file."""
    try:
        return path.read_text()
    except OSError:
        return ""
