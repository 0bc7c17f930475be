"""The Protocol of whatever trains fold runs: the processors and GPUs of this machine, or those of a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

THREADING = {"GOMP_SPINCOUNT": "5000"}
"""For the environment of a fold run's process, where the user's says nothing: its threads wait a shorter while before
they sleep (libgomp). By default a training that shares its cores with another program all but stops: two at once on two
cores gave 20 patches a second each, with this 225; alone it gives 458 instead of 515."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A fold run whose process is over. `failure` says how it failed, in one line, and is None where it did not.

    A `transient` failure may pass by itself: trying again is worth it. One that is `paused` stopped where nothing is
    lost, because it was asked to.
    """

    folder: Path
    failure: str | None = None
    transient: bool = False
    paused: bool = False


class Executor(Protocol):
    """Trains fold runs, each described in a folder of its own; knows neither Optuna nor the tracker."""

    @property
    def num_slots(self) -> int:
        """Number of fold runs that it trains at once, as far as it knows by now."""

    @property
    def num_open(self) -> int:
        """Number of fold runs that may be started and not over: one for each slot, and those that may wait for one."""

    def start(self, folder: Path) -> None:
        """Begin to train the fold run in `folder` as soon as a slot is free, those started earlier first."""

    def wait(self, timeout_s: float) -> Sequence[Ended]:
        """Those that have ended, as soon as one has, or none when the time is over."""

    def pause(self) -> None:
        """Ask all to stop where nothing is lost, at the end of their epoch; `wait` tells when they have."""

    def kill(self) -> None:
        """End all, at once; they can be gone on with from their last epoch."""
