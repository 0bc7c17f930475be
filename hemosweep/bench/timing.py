"""Time on a GPU and of the processors, by the median of repeats."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch


def cuda_ms(step: Callable[[], object], *, repeats: int = 20, warm_up: int = 3) -> float:
    """Median milliseconds of a step on the GPU, by events around each."""
    for _ in range(warm_up):
        step()
    torch.cuda.synchronize()
    events = []
    for _ in range(repeats):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        step()
        end.record()
        events.append((begin, end))
    torch.cuda.synchronize()
    return statistics.median(float(begin.elapsed_time(end)) for begin, end in events)


def interleaved_s(
    steps: Mapping[str, Callable[[], object]], *, rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Median seconds of each step. The steps are timed in turn, so that a disturbance of the machine affects all of
    them."""
    for step in steps.values():
        step()
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            begun = clock()
            step()
            seconds[name].append(clock() - begun)
    return {name: statistics.median(values) for name, values in seconds.items()}
