"""`hemosweep sync`: the record of an output folder copied to another MLflow server."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from hemosweep.errors import BadInput
from hemosweep.report.terminal.lines import say
from hemosweep.report.terminal.progress import progress_bar
from hemosweep.tracking.database import database_path, require_store
from hemosweep.tracking.sync.destination import Destination, as_known, find_destination, is_own_store
from hemosweep.tracking.sync.memory import last_server

if TYPE_CHECKING:
    from hemosweep.tracking.sync.copying import Tally
    from hemosweep.tracking.sync.passes import Passes

MAX_ATTEMPTS = 5
"""Attempts without a new record before `sync` gives up: the last one after 15 s."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncResult:
    """Runs of an output folder that a server has, of all. `problem` is the reason why it has not all of them.

    `written` of them were new or had changed, and `deleted` were deleted there by somebody, and stay so.
    """

    server: str
    recorded: int
    total: int
    written: int = 0
    deleted: int = 0
    problem: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "server": self.server,
            "recorded": self.recorded,
            "total": self.total,
            "written": self.written,
            "deleted": self.deleted,
            "problem": self.problem,
        }

    def as_lines(self, *, styled: bool = False) -> list[str]:
        deleted = f", {self.deleted} of them deleted there since" if self.deleted else ""
        return [f"{self.recorded} of {self.total} recorded at {self.server} ({self.written} new or changed{deleted})"]


def sync(out: Path, to: str | None = None, *, with_host: bool = False) -> SyncResult:
    """Copy the record of an output folder to another MLflow server: what is there already is not written again.

    Args:
        to: its address; by default that of MLFLOW_TRACKING_URI, or the one that was recorded to last.
        with_host: name this machine in each new record.

    Raises:
        BadInput: there is no record, or no server is named.
        HemosweepError: another process records the folder now.
    """
    require_store(out)
    destination = find_server(out, to)
    console = Console(stderr=True)
    say(console, f"tracking: {destination.uri} ({destination.named_by})")
    # Only now, because importing MLflow takes seconds.
    from hemosweep.tracking.sync.faults import Outage
    from hemosweep.tracking.sync.passes import Passes
    from hemosweep.tracking.sync.snapshot import Snapshot

    with Snapshot(out) as snapshot, progress_bar("recording", console) as advance:
        passes = Passes(out, snapshot, destination, with_host=with_host)
        try:
            tally = _record(passes, advance)
        except Outage as outage:
            return SyncResult(
                server=destination.uri,
                recorded=passes.recorded,
                total=passes.total,
                written=passes.written,
                problem=str(outage),
            )
    return SyncResult(
        server=destination.uri,
        recorded=tally.recorded,
        total=tally.total,
        written=passes.written,
        deleted=tally.deleted,
        problem=tally.refused,
    )


def _record(passes: "Passes", advance: Callable[[int, int], None]) -> "Tally":
    """Make passes until one meets no fault.

    Raises:
        Outage: a person must mend it, or it lasts.
    """
    from hemosweep.tracking.sync.faults import Outage
    from hemosweep.tracking.sync.passes import delays

    attempts = best = 0
    waits, uncertain = delays(), False
    while True:
        try:
            tally = passes.run(advance)
        except Outage as outage:
            if passes.recorded > best:
                attempts, waits = 0, delays()
            attempts += 1
            if not outage.passing or attempts == MAX_ATTEMPTS:
                raise
            best, uncertain = max(best, passes.recorded), True
            time.sleep(next(waits))
            continue
        if not (uncertain or tally.uncertain):
            return tally
        uncertain = False  # Another pass looks for what a request made whose answer was given up.


def find_server(out: Path, to: str | None) -> Destination:
    """The server that a record is copied to.

    Raises:
        BadInput: none is named, or it is the record itself.
    """
    destination = find_destination(to, option="--to")
    last = last_server(out)
    if destination is None and to is None and last is not None:
        destination = as_known(last)
    if destination is None:
        raise BadInput(
            "no server is named: give its address, such as --to http://HOST:5000, or set MLFLOW_TRACKING_URI"
        )
    if is_own_store(destination, database_path(out)):
        raise BadInput(f"{destination.named_by} {destination.uri}: is the record of {out} itself; give another server")
    return destination
