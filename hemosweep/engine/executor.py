"""What the driver asks of whatever trains fold runs: the processors and GPUs of this machine, or those of a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A fold run whose process is over. `failure` says how it failed, in one line, and is None where it did not.

    A `transient` failure may pass by itself: trying again is worth it.
    """

    folder: Path
    failure: str | None = None
    transient: bool = False


class Executor(Protocol):
    """Trains fold runs, each described in a folder of its own; knows neither Optuna nor the tracker."""

    @property
    def num_slots(self) -> int:
        """How many fold runs it trains at once."""

    def start(self, folder: Path) -> None:
        """Begin to train the fold run in `folder`; a slot must be free."""

    def wait(self, timeout_s: float) -> Sequence[Ended]:
        """Those that have ended, as soon as one has, or none when the time is over."""

    def kill(self) -> None:
        """End all that still run, at once; they can be gone on with from their last epoch."""
