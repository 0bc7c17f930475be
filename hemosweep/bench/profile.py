"""Profile of a training step: the kernels of a GPU, or the operations of the processors, that take its time."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile


def top_kernels(run: Callable[[], object], *, num_steps: int = 3, num_kernels: int = 15) -> list[dict[str, Any]]:
    """The kernels of a step that take longest, by name, milliseconds a step and how often one runs."""
    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as profiler:
        for _ in range(num_steps):
            run()
        torch.cuda.synchronize()
    kernels = [
        {
            "ms": round(event.self_device_time_total / num_steps / 1e3, 4),
            "times": event.count / num_steps,
            "name": event.key[:160],
        }
        for event in profiler.key_averages()
        if str(event.device_type).endswith("CUDA") and "#" not in event.key  # An optimizer's range is no kernel.
    ]
    return sorted(kernels, key=lambda kernel: -float(kernel["ms"]))[:num_kernels]


def operation_shares(run: Callable[[], object], *, num_steps: int = 5, num_operations: int = 8) -> dict[str, float]:
    """The operations of a step that take the processors longest, each with its share of the step in percent."""
    run()
    with _no_messages(), profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(num_steps):
            run()
    return shares([(event.key, event.self_cpu_time_total) for event in profiler.key_averages()], num_operations)


def kernel_shares(kernels: Sequence[dict[str, Any]], step_ms: float) -> dict[str, float]:
    """Each of the kernels that `top_kernels` found, by the head of its name, with its share of the step in percent."""
    named = [(f"{kernel['name'][:60]} ({kernel['times']:g})", kernel["ms"]) for kernel in kernels]
    return {name: round(100 * ms / step_ms, 1) for name, ms in named}


def shares(times: Sequence[tuple[str, float]], most: int) -> dict[str, float]:
    """The longest of named times, each with its share of their sum in percent, longest first."""
    total = sum(time for _, time in times) or 1.0
    longest = sorted(times, key=lambda named: -named[1])[:most]
    return {name: round(100 * time / total, 1) for name, time in longest}


@contextmanager
def _no_messages() -> Iterator[None]:
    """Without the lines that the profiler's library writes to standard error, such as that it found no GPU."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
