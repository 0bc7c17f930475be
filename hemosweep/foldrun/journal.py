"""The append-only event journal of a fold run: one JSON object a line, on disk before the next step begins."""

import json
import math
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hemosweep.files import naming

NO_SPACE = os.EX_CANTCREAT
UNWRITABLE = os.EX_IOERR
"""Exit codes of a process that cannot write its journal, and so cannot record its failure there. The first one means a
full disk."""


class Journal:
    """Writer of events. A line that a crash cut short is completed with a newline before the next one.

    Each event has the time of day, and the seconds since the first event of its process on a monotonic clock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun: float | None = None
        if path.is_file() and path.stat().st_size:
            with path.open("rb+") as file:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")

    def write(self, event: str, **fields: Any) -> None:
        """Write an event, whole or, where the disk is full, not at all.

        Raises:
            OSError: the disk is full, for one.
        """
        now = time.monotonic()
        self._begun = now if self._begun is None else self._begun
        times = {"time": time.time(), "at_work_s": now - self._begun}
        line = memoryview((json.dumps({**times, "event": event, **fields}, allow_nan=False) + "\n").encode())
        # Unbuffered: a buffer would write its rest after the cut.
        with naming(self.path), self.path.open("ab", buffering=0) as file:
            end = os.fstat(file.fileno()).st_size
            try:
                while line:
                    line = line[os.write(file.fileno(), line) :]
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    os.truncate(file.fileno(), end)
                raise


DAMAGED_LINE = "damaged_line"
"""Event in place of a line that is valid JSON and not as a process wrote it; it has the `line` and the `reason`."""

_NUMBER, _COUNT, _TEXT = "a number", "a count", "text"
_FIELDS: dict[str, dict[str, str]] = {
    "epoch": {"epoch": _COUNT, "train_loss": _NUMBER, "val_loss": _NUMBER, "val_dsc": _NUMBER, "seconds": _NUMBER},
    "resumed": {"epoch": _COUNT},
    "network": {"parameters": _COUNT, "window_flops": _COUNT},
    "peak_memory": {"of": _TEXT, "bytes": _COUNT},
    "batch_halved": {"micro_batch": _COUNT},
    "stopped": {"reason": _TEXT, "best_epoch": _COUNT},
    "tested": {"case_id": _TEXT, "seconds": _NUMBER},
    "done": {"seconds": _NUMBER},
    "failed": {"kind": _TEXT, "message": _TEXT},
    "checkpoint_unreadable": {"reason": _TEXT, "kept_as": _TEXT},
    "empty_region": {"case_id": _TEXT},
    "cases_on_host": {"num_cases": _COUNT},
    "not_compiled": {"reason": _TEXT},
    "no_graph": {"reason": _TEXT},
}
"""Fields that each event has, and their kind. Events with other names are of a later version, and pass."""
_OPTIONAL = {
    "at_work_s": _NUMBER,
    "micro_batch": _COUNT,
    "dsc": _NUMBER,
    "num_windows": _COUNT,
    "transient": "true or false",
}
"""Fields that an event may have."""


def read_journal(path: Path) -> list[dict[str, Any]]:
    """All whole events of a journal, oldest first; none if there is no journal yet.

    A line that a crash cut short is passed over. A line that is whole and wrong becomes an event `DAMAGED_LINE`.
    """
    if not path.is_file():
        return []
    events: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        try:
            event = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            continue
        if not isinstance(event, dict) or "event" not in event:
            continue
        fault = _fault(event)
        if fault is not None:
            time_of_last = events[-1]["time"] if events else 0.0
            event = {"event": DAMAGED_LINE, "time": time_of_last, "line": number, "reason": fault}
        events.append(event)
    return events


def _fault(event: dict[str, Any]) -> str | None:
    """Fault of an event, such as "epoch has no val_loss"; None where there is none."""
    name = event["event"]
    if not isinstance(name, str):
        return "the name of the event is no text"
    wanted = {"time": _NUMBER, **_FIELDS.get(name, {})}
    for field in wanted:
        if field not in event:
            return f"{name} has no {field}"
    wanted |= {field: kind for field, kind in _OPTIONAL.items() if event.get(field) is not None}
    for field, kind in wanted.items():
        if not _is(kind, event[field]):
            return f"{field} of {name} is not {kind}"
    return None


def _is(kind: str, value: Any) -> bool:
    if kind == _TEXT:
        return isinstance(value, str)
    if isinstance(value, bool) or kind not in (_NUMBER, _COUNT):
        return isinstance(value, bool) and kind not in (_NUMBER, _COUNT)
    if kind == _COUNT:
        return isinstance(value, int) and value >= 0
    return isinstance(value, (int, float)) and math.isfinite(value)


def last_epochs(events: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The last event of each epoch, by number. Processes that died may have trained an epoch twice."""
    return {event["epoch"]: event for event in events if event["event"] == "epoch"}


def last_process(events: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """The events of the last process, from its "started" on."""
    begun = [index for index, event in enumerate(events) if event["event"] == "started"]
    return events[begun[-1] :] if begun else events


def micro_batch_size(events: Sequence[dict[str, Any]]) -> int | None:
    """The number of patches that the last process had in memory at once; None for a whole batch."""
    batch_events = [event for event in last_process(events) if event["event"] in {"resumed", "batch_halved"}]
    return batch_events[-1].get("micro_batch") if batch_events else None


def seconds_at_work(events: Sequence[dict[str, Any]]) -> float:
    """Seconds that a fold run's processes have worked so far, each from its first event, "started", to its last.

    Measured by the processes' monotonic clocks: the time of day may be set, and goes on between two processes.
    """
    ends, last = [], 0.0
    for event in events:
        at_work_s = float(event.get("at_work_s", last))
        if event["event"] == "started" or at_work_s < last:  # Another process; it may have failed before it began.
            ends.append(last)
        last = at_work_s
    return math.fsum([*ends, last])
