"""What the driver asks of a tracker. `tracking.recorder.Recorder` is the one that writes to MLflow."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import pandas as pd


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicateInfo:
    """One arm trained with one seed, over all its folds, as the tracker records it.

    `digest` names it: two replicates with the same digest are one run. `config` is the resolved configuration, `tags`
    are what decides whether runs may be compared, `environment` is where it runs.
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
    """Every call may be repeated: a replay of the same folders changes nothing."""

    def begin_replicate(self, info: ReplicateInfo) -> str: ...

    def record_fold(self, run_id: str, *, fold: int, digest: str, folder: Path) -> None: ...

    def finish_replicate(
        self,
        run_id: str,
        *,
        cases: pd.DataFrame,
        figures: Mapping[str, Path],
        status: Literal["FINISHED", "FAILED"],
    ) -> None: ...

    def interrupt(self) -> None: ...
