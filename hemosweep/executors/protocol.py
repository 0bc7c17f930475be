"""The Protocol of an executor, which trains fold runs on the processors and GPUs of this machine or of a cluster."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

THREADING = {"GOMP_SPINCOUNT": "5000"}
"""Environment variables of a fold run's process, unless the user sets them: its threads wait less before they sleep
(libgomp). With the default, a training that shares its cores with another program almost stops: two at once on two
cores gave 20 patches a second each, with this setting 225. A training alone gives 458 instead of 515."""


def set_up_threading() -> None:
    """Let timed steps in this process wait as a fold run's threads do. It must run before torch is imported."""
    for name, value in THREADING.items():
        os.environ.setdefault(name, value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A fold run whose process is over. `failure` is one line, None where it did not fail. A `transient` failure may
    pass by itself, so another attempt is worthwhile. A `paused` fold run stopped on request, at a point where nothing
    is lost.
    """

    folder: Path
    failure: str | None = None
    transient: bool = False
    paused: bool = False


class Executor(Protocol):
    """Executor of fold runs, each described in a folder of its own. It knows neither Optuna nor the tracker."""

    @property
    def num_slots(self) -> int:
        """Number of fold runs that it trains at once, as far as it is known by now."""

    @property
    def num_open(self) -> int:
        """Number of fold runs that may be open, that is started and not over: one for each slot, and those that may
        wait for a slot."""

    def start(self, folder: Path) -> None:
        """Train the fold run in `folder` as soon as a slot is free. Fold runs that were started earlier come first."""

    def wait(self, timeout_s: float) -> Sequence[Ended]:
        """Return the fold runs that have ended, as soon as one has; none when the time is over."""

    def pause(self) -> None:
        """Ask all fold runs to stop at the end of their epoch, where nothing is lost; `wait` returns them."""

    def kill(self) -> None:
        """End all fold runs at once; each can go on from its last epoch."""
