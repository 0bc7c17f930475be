"""The Protocol of a tracker. `tracking.recorder.Recorder` is the one that writes to MLflow."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import pandas as pd

from hemosweep.config import config_as_dict
from hemosweep.engine.plan import Replicate

REOPEN_AFTER_S = 30.0
"""Time after which a tracker that could not be opened is tried once more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicateInfo:
    """One arm trained with one seed, over all its folds, as the tracker records it.

    Two replicates with the same `digest` are one run. `config` is the resolved configuration, `tags` decide whether
    runs may be compared, and `environment` describes the machine.
    """

    sweep: str
    arm: str
    seed: int
    digest: str
    run_name: str
    config: Mapping[str, Any]
    tags: Mapping[str, str]
    environment: Mapping[str, str]


class Tracker(Protocol):
    """Tracker of replicates. Every call may be repeated: a replay of the same folders changes nothing.

    `folders` are those of a replicate's fold runs, by digest. `tags` are like those of `ReplicateInfo`, but known only
    when the replicate is over.
    """

    def begin_replicate(self, info: ReplicateInfo, folders: Mapping[str, Path]) -> str: ...

    def record_fold(self, run_id: str, *, fold: int, digest: str, folder: Path) -> None: ...

    def finish_replicate(
        self,
        run_id: str,
        *,
        cases: pd.DataFrame,
        figures: Mapping[str, Path],
        status: Literal["FINISHED", "FAILED"],
        tags: Mapping[str, str],
    ) -> None: ...

    def interrupt(self) -> None: ...


class LateTracker:
    """A tracker that is opened at its first call, so that one that cannot be opened fails as any other outage does.

    After a failure the same error is raised for `REOPEN_AFTER_S`: an attempt may wait for seconds, and the driver has
    fold runs to look after. `reported` are the reasons of outages that the user has read.
    """

    def __init__(self, opener: Callable[[], Tracker]) -> None:
        self.reported: set[str] = set()
        self._opener = opener
        self._tracker: Tracker | None = None
        self._failed: tuple[float, Exception] | None = None

    def begin_replicate(self, info: ReplicateInfo, folders: Mapping[str, Path]) -> str:
        return self._opened().begin_replicate(info, folders)

    def record_fold(self, run_id: str, *, fold: int, digest: str, folder: Path) -> None:
        self._opened().record_fold(run_id, fold=fold, digest=digest, folder=folder)

    def finish_replicate(
        self,
        run_id: str,
        *,
        cases: pd.DataFrame,
        figures: Mapping[str, Path],
        status: Literal["FINISHED", "FAILED"],
        tags: Mapping[str, str],
    ) -> None:
        self._opened().finish_replicate(run_id, cases=cases, figures=figures, status=status, tags=tags)

    def interrupt(self) -> None:
        """Of a tracker that was never opened, no run is open."""
        if self._tracker is not None:
            self._tracker.interrupt()

    def _opened(self) -> Tracker:
        if self._tracker is None:
            if self._failed is not None and time.monotonic() - self._failed[0] < REOPEN_AFTER_S:
                raise self._failed[1]
            try:
                self._tracker = self._opener()
            except Exception as error:
                self._failed = time.monotonic(), error
                raise
        return self._tracker


class GuardedTracker:
    """A tracker whose outage does not stop training. Each new reason is reported once."""

    def __init__(self, tracker: Tracker, warn: Callable[[str], None]) -> None:
        self._tracker = tracker
        self._warn = warn
        # Each trial of a search has a guard of its own, and all of them have one tracker.
        self._reasons = tracker.reported if isinstance(tracker, LateTracker) else set[str]()

    def call(self, use: Callable[[Tracker], Any]) -> Any:
        """Return what `use` returns, or None where it failed."""
        try:
            return use(self._tracker)
        except Exception as error:
            reason = one_line(error)
            if reason not in self._reasons:
                self._warn(f"tracking failed ({reason}); training goes on, and is recorded later")
            self._reasons.add(reason)
            return None


def one_line(error: Exception) -> str:
    """The first line of an error's message, or its name."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def describe(
    replicate: Replicate, sweep: str, tags: Mapping[str, str], environment: Mapping[str, str]
) -> ReplicateInfo:
    """A replicate as the tracker records it."""
    return ReplicateInfo(
        sweep=sweep,
        arm=replicate.arm.name,
        seed=replicate.seed,
        digest=replicate.digest,
        run_name=replicate.run_name,
        config=config_as_dict(replicate.arm.config),
        tags=tags,
        environment=environment,
    )
