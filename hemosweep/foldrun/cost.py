"""Cost of a fold run, by the events of its journal, and that of several together."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from statistics import fmean
from typing import Any

from hemosweep.foldrun.journal import last_epochs
from hemosweep.runs import Cost

Events = Sequence[dict[str, Any]]

GIGA, GIB = 1e9, 2**30
_PEAKS = {"gpu": "gpu_gib", "process": "process_gib"}
"""Owner of a peak of memory to the field of the cost that has it."""
_LARGEST = ("parameters", *_PEAKS.values())
"""Figures of which several fold runs have the largest; of the others they have the mean."""


def epoch_seconds(events: Events) -> list[float]:
    """Seconds of each epoch with its validation."""
    return [float(event["seconds"]) for event in last_epochs(events).values()]


def case_seconds(events: Events) -> list[float]:
    """Seconds of each test case, with reading and scores."""
    return [float(event["seconds"]) for event in _tested(events)]


def cost_of(events: Events) -> Cost:
    """Cost of a fold run so far. A journal of an earlier version has no operations and no memory."""
    network = next((event for event in events if event["event"] == "network"), None)
    windows = [event.get("num_windows") for event in _tested(events)]
    gflop = None
    if network is not None and windows and None not in windows:
        gflop = network["window_flops"] / GIGA * fmean(number for number in windows if number is not None)
    peaks: dict[str, float] = {}
    for event in events:
        if event["event"] == "peak_memory" and event["of"] in _PEAKS:
            name = _PEAKS[event["of"]]
            peaks[name] = max(peaks.get(name, 0.0), event["bytes"] / GIB)
    return Cost(
        parameters=None if network is None else float(network["parameters"]),
        case_gflop=gflop,
        epoch_s=_mean(epoch_seconds(events)),
        case_s=_mean(case_seconds(events)),
        **peaks,
    )


def joint_cost(costs: Iterable[Cost]) -> Cost:
    """Cost of several fold runs, or replicates: the largest parameters and memory, the means of all else.

    A figure that one of them lacks is not known of all.
    """
    every = list(costs)
    values: dict[str, float] = {}
    for one in fields(Cost):
        known = [value for cost in every if (value := getattr(cost, one.name)) is not None]
        if known and len(known) == len(every):
            join: Callable[[list[float]], float] = max if one.name in _LARGEST else fmean
            values[one.name] = join(known)
    return Cost(**values)


def _tested(events: Events) -> list[dict[str, Any]]:
    """The last event of each test case: processes that died may have tested a case twice."""
    return list({event["case_id"]: event for event in events if event["event"] == "tested"}.values())


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
