"""The append-only event journal of a fold run: one JSON object a line, on disk before the next step begins."""

import json
import math
import os
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any


class Journal:
    """Writes events; a line cut short by a crash is completed with a newline before the next one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_file() and path.stat().st_size:
            with path.open("rb+") as file:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")

    def write(self, event: str, **fields: Any) -> None:
        line = json.dumps({"time": time.time(), "event": event, **fields}, allow_nan=False)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())


def read_journal(path: Path) -> list[dict[str, Any]]:
    """All whole events of a journal, oldest first; none if there is no journal yet."""
    if not path.is_file():
        return []
    events = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(event, dict) and "event" in event:
            events.append(event)
    return events


def last_process(events: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """The events of the process that worked last: from its "started" on."""
    begun = [index for index, event in enumerate(events) if event["event"] == "started"]
    return events[begun[-1] :] if begun else events


def micro_batch_size(events: Sequence[dict[str, Any]]) -> int | None:
    """How many patches the process that worked last had in memory at once; None for as many as a batch has."""
    told = [event for event in last_process(events) if event["event"] in {"resumed", "batch_halved"}]
    return told[-1].get("micro_batch") if told else None


def seconds_at_work(events: Sequence[dict[str, Any]]) -> float:
    """Time that a fold run's processes have spent on it so far: from each one's "started" to its last event."""
    return math.fsum(
        later["time"] - earlier["time"] for earlier, later in pairwise(events) if later["event"] != "started"
    )
