"""Replicates and fold runs that a driver works on."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hemosweep.engine.plan import Replicate
from hemosweep.engine.results import ReplicateResult
from hemosweep.engine.tracker import ReplicateInfo, Tracker
from hemosweep.foldrun.spec import FoldRunSpec

Record = Callable[[Tracker], str]
"""Function that records a replicate, and returns the id of its run."""


@dataclass(kw_only=True, slots=True)
class Job:
    """A replicate in progress. `left` is the number of its fold runs that have not ended."""

    replicate: Replicate
    info: ReplicateInfo
    left: int
    begun: bool = False
    trial: int | None = None
    run_id: str | None = None
    failures: dict[int, str] = field(default_factory=dict)
    result: ReplicateResult | None = None
    record: Record | None = None

    def name_of(self, spec: FoldRunSpec) -> str:
        """Name of a fold run of the replicate, for messages."""
        return f"{self.replicate.run_name} fold {spec.fold}"


@dataclass(kw_only=True, slots=True)
class InFlight:
    """A fold run in training. Of its journal `num_epochs` epochs have been read; `begun_with` is that number when its
    latest attempt began."""

    job: Job
    spec: FoldRunSpec
    folder: Path
    attempt: int
    begun_with: int = 0
    size: int = -1
    num_epochs: int = 0
    recorded: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        return self.job.name_of(self.spec)
