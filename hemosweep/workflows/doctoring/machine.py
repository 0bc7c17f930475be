"""Processors, memory and GPU of this machine, and what they mean for the time of a sweep."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from hemosweep.environment import num_processors
from hemosweep.executors.machine import free_memory
from hemosweep.workflows.doctoring.finding import GIB, Finding, note, ok, problem

_DRIVER = Path("/proc/driver/nvidia/version")
FEW_GIB = 4
"""Free memory below which preprocessing of large scans, or a training on the CPU, may end for want of it."""
SLOW = (
    "training is on the processors: the demo profile takes minutes to hours, the paper profile days to weeks; "
    "hemosweep plan NAME forecasts a sweep, --executor trains elsewhere"
)


def check_processors() -> Finding:
    num = num_processors()
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if busy > num:
        return note(
            "processors", f"{num}, with a load of {busy:.1f}", "other programs work here, too: all takes longer"
        )
    return ok("processors", f"{num}, with a load of {busy:.1f}")


def check_memory() -> Finding:
    free = free_memory()
    if free is None:
        return note("memory", "not known", "this system does not say how much is free")
    text = f"{free / GIB:.1f} GiB free"
    if free < FEW_GIB * GIB:
        return note(
            "memory", text, f"below {FEW_GIB} GiB large scans may not fit; end other programs, or give --jobs 1"
        )
    return ok("memory", text)


def check_torch() -> Iterator[Finding]:
    """PyTorch and the GPU, by a first computation there."""
    try:
        import torch
    except Exception as error:
        yield problem("PyTorch", f"cannot be imported ({_first_line(error)})", "run make setup again")
        return
    yield ok("PyTorch", f"{torch.__version__}, built for {_built_for(torch.version.cuda)}")
    if not torch.cuda.is_available():
        yield _no_gpu(torch.version.cuda)
        return
    try:
        for number in range(torch.cuda.device_count()):
            torch.ones(8, device=f"cuda:{number}").sum().item()
            free, total = torch.cuda.mem_get_info(number)
            text = f"{torch.cuda.get_device_name(number)}, {free / GIB:.0f} of {total / GIB:.0f} GiB free{_driver()}"
            if torch.cuda.is_bf16_supported(including_emulation=False):
                yield ok(f"GPU {number}", f"{text}, with bf16")
            else:
                yield note(f"GPU {number}", f"{text}, without bf16", "it trains in float32, which is slower")
    except Exception as error:
        yield problem(
            "GPU",
            f"does not work ({_first_line(error)})",
            "free it or mend its driver, or hide it: CUDA_VISIBLE_DEVICES= trains on the processors",
        )


def _no_gpu(cuda: str | None) -> Finding:
    if not any(Path("/dev").glob("nvidia[0-9]*")):
        return note("GPU", "none", SLOW)
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return note("GPU", "hidden by CUDA_VISIBLE_DEVICES", SLOW)
    way_out = (
        "its driver is too old for CUDA {}; renew it" if cuda else "this PyTorch is built without CUDA; install one"
    )
    return note("GPU", f"there is one that PyTorch cannot use{_driver()}", f"{way_out.format(cuda)}. Now {SLOW}")


def _built_for(cuda: str | None) -> str:
    return "processors" if cuda is None else f"CUDA {cuda}"


def _driver() -> str:
    try:
        found = re.search(r"Kernel Module.*?\s(\d+(?:\.\d+)+)", _DRIVER.read_text())
    except OSError:
        return ""
    return "" if found is None else f", driver {found[1]}"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
