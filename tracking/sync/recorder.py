"""The recorder: a process of its own that keeps another MLflow server's record up to date while a sweep runs.

It reads the output folder, and talks to the process that started it by lines of JSON alone: `problem`, `stopped` (the
reason of its own end), or the numbers `recorded` and `total`, with `complete` if the server has all that the output
folder has. When its standard input ends, it makes a last pass and ends; so it does where its starter is killed.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from hemosweep.errors import BadInput
from hemosweep.foldrun.lock import Held
from hemosweep.scratch import own_scratch
from hemosweep.tracking.sync.destination import Destination, find_destination
from hemosweep.tracking.sync.memory import reached, state_of
from hemosweep.tracking.sync.process import WITH_HOST

PAUSE_S = 5.0
SHARE = 20.0
"""A pass is followed by a pause of so many times its own length: a large record is not read again all the time."""
LONGEST_PAUSE_S = 300.0
NICENESS = 10
"""Training goes first."""


def main(arguments: list[str]) -> None:
    """Record the output folder that is named, at the server of `MLFLOW_TRACKING_URI`."""
    os.nice(NICENESS)
    signal.signal(signal.SIGTERM, _end)
    destination = find_destination(None)
    assert destination is not None, "whoever starts it names the server"
    ended = threading.Event()
    threading.Thread(target=_wait_for_end, args=(ended,), daemon=True).start()
    try:
        with own_scratch():
            keep_recorded(Path(arguments[0]), destination, ended, with_host=WITH_HOST in arguments)
    except Exception as error:
        _tell(stopped=destination.without_secrets(f"the recorder has stopped ({type(error).__name__}: {error})"))
        raise SystemExit(1) from None


def keep_recorded(out: Path, destination: Destination, ended: threading.Event, *, with_host: bool = False) -> None:
    """Make a pass each time the record has changed, until the end; a last one then."""
    before = reached(out, destination.uri)
    known = None if before is None else before.state
    if before is not None:
        _tell(recorded=before.recorded, total=before.total, complete=known is not None and state_of(out) == known)
    while state_of(out) in (None, known):
        if ended.is_set():
            return
        ended.wait(PAUSE_S)
    # Only now, because importing MLflow takes seconds.
    from hemosweep.tracking.sync.faults import Outage
    from hemosweep.tracking.sync.passes import Passes, delays
    from hemosweep.tracking.sync.snapshot import Snapshot

    told: set[str | None] = set()
    waits, uncertain = delays(cap_s=LONGEST_PAUSE_S), False
    with Snapshot(out) as snapshot:
        passes = Passes(out, snapshot, destination, with_host=with_host)
        while True:
            last, pause, begun = ended.is_set(), PAUSE_S, time.monotonic()
            state, problem, passing, complete = state_of(out), None, False, False
            if state is not None and state != known:
                try:
                    tally = passes.run(_Progress())
                except Held as held:
                    if last:
                        problem = f"{held.by} records {out} too, so the last changes are not recorded by this sweep"
                except (Outage, BadInput) as error:
                    problem, pause, uncertain = str(error), next(waits), True
                    passing = isinstance(error, Outage) and error.passing
                else:
                    problem, complete = tally.refused, tally.refused is None
                    # Another pass looks for what a request made whose answer was given up.
                    known, uncertain = None if uncertain or tally.uncertain else state, False
                    waits = delays(cap_s=LONGEST_PAUSE_S)
                    pause = max(PAUSE_S, SHARE * (time.monotonic() - begun))
                _tell(recorded=passes.recorded, total=passes.total, complete=complete)
            # One outage has several reasons: refused, cut, no answer in time.
            kind = "passing" if passing else problem
            if problem is not None and kind not in told:
                told.add(kind)
                _tell(problem=problem)
            if last or (passing and ended.is_set()):
                return
            ended.wait(pause)


class _Progress:
    """Tells how far a pass is, once a second."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._told > 1.0:
            self._told = time.monotonic()
            _tell(recorded=done, total=total)


def _tell(**facts: Any) -> None:
    try:
        print(json.dumps(facts), flush=True)
    except OSError:  # Nobody reads it any more.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def _wait_for_end(ended: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    ended.set()


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
