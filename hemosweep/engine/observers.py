"""Protocols of a sweep's display and ledger. The tracker's is in `tracker.py`."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hemosweep.engine.attempts import FoldRunAttempts
from hemosweep.engine.plan import Replicate
from hemosweep.foldrun.spec import FoldRunSpec


class Display(Protocol):
    """Messages of the driver to the user."""

    def fold_started(self, replicate: Replicate, spec: FoldRunSpec) -> None: ...

    def progressed(self, replicate: Replicate, spec: FoldRunSpec, events: Sequence[Mapping[str, Any]]) -> None:
        """The journal of a fold run has grown: these are all its events."""

    def epoch_ended(self, replicate: Replicate, spec: FoldRunSpec, event: Mapping[str, Any]) -> None: ...

    def fold_ended(
        self, replicate: Replicate, spec: FoldRunSpec, scores: Sequence[Mapping[str, Any]], reused: bool
    ) -> None: ...

    def fold_failed(self, replicate: Replicate, spec: FoldRunSpec, message: str) -> None: ...

    def warn(self, message: str) -> None: ...


class TrialLedger(Protocol):
    """Ledger in which the driver enters the result of each replicate, as one trial.

    Entries between `begin` and the end may be repeated; None is not entered, and a finished trial stays as it is.
    """

    def begin(self, replicate: Replicate, attempts: Sequence[FoldRunAttempts]) -> int: ...

    def run_known(self, number: int, run_id: str | None) -> None: ...

    def fold_done(self, number: int, fold: int, dsc_mean: float | None) -> None: ...

    def complete(self, number: int, dsc_mean: float, attempts: Sequence[FoldRunAttempts]) -> None: ...

    def fail(self, number: int, attempts: Sequence[FoldRunAttempts]) -> None: ...
