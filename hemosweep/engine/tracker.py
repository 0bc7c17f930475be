"""The Protocol of a tracker. `tracking.recorder.Recorder` is the one that writes to MLflow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import pandas as pd

from hemosweep.config import config_as_dict
from hemosweep.engine.plan import Replicate


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


class GuardedTracker:
    """A tracker whose outage does not stop training. Each new reason is reported once."""

    def __init__(self, tracker: Tracker, warn: Callable[[str], None]) -> None:
        self._tracker = tracker
        self._warn = warn
        self._reasons: set[str] = set()

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
