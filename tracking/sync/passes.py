"""Passes over an output folder's record, one process at a time, each of them remembered."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hemosweep.foldrun.lock import hold
from hemosweep.tracking.sync.copying import Copier, Progress, Tally
from hemosweep.tracking.sync.destination import Destination
from hemosweep.tracking.sync.listings import Listings
from hemosweep.tracking.sync.memory import Reached, reached, remember, state_of
from hemosweep.tracking.sync.snapshot import Snapshot

LOCK_NAME = "mlflow-sync.lock"


class Passes:
    """Passes from an output folder to one server. `recorded` and `total` count its runs, as far as is known."""

    def __init__(self, out: Path, snapshot: Snapshot, destination: Destination, *, with_host: bool = False) -> None:
        self._out, self._uri = out, destination.uri
        self._copier = Copier(snapshot, destination, with_host=with_host, listings=Listings(out))
        before = reached(out, self._uri)
        self.recorded, self.total = (0, 0) if before is None else (before.recorded, before.total)

    @property
    def written(self) -> int:
        """Number of runs that were new at the server or had changed, in all passes."""
        return len(self._copier.written)

    def run(self, progress: Progress = lambda done, total: None) -> Tally:
        """Make one pass, and remember how far it came, whether or not it failed.

        Raises:
            Held: another process makes one now.
            BadInput, Outage: as `Copier.copy`.
        """

        def count(done: int, total: int) -> None:
            self.recorded, self.total = done, total
            progress(done, total)

        with _alone(self._out):
            state = state_of(self._out)
            done = False
            try:
                tally = self._copier.copy(count)
                self.recorded = tally.recorded
                done = tally.refused is None and not tally.uncertain
            finally:
                self.total = self._copier.num_runs or self.total
                self.recorded = min(self.recorded, self.total)  # Some of those that were counted may be deleted.
                remembered = Reached(recorded=self.recorded, total=self.total, state=state if done else None)
                remember(self._out, self._uri, remembered)
        return tally


def delays(*, cap_s: float = math.inf) -> Iterator[float]:
    """Seconds to wait before one attempt after the other: 1, 2, 4 and so on, up to a cap."""
    delay = 1.0
    while True:
        yield min(delay, cap_s)
        delay *= 2


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    lock = out / LOCK_NAME
    try:
        held = hold(lock)
        held.__enter__()
    except OSError:  # A folder that cannot be written to has no driver either.
        yield
        return
    try:
        yield
    finally:
        held.__exit__(None, None, None)
