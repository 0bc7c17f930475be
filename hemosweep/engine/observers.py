"""Protocols of those who watch a sweep and keep its books, beside the tracker: display and ledger."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hemosweep.engine.attempts import Effort
from hemosweep.engine.plan import Replicate
from hemosweep.foldrun.spec import FoldRunSpec


class Display(Protocol):
    """Messages of the driver to whoever watches."""

    def fold_started(self, replicate: Replicate, spec: FoldRunSpec) -> None: ...

    def epoch_ended(self, replicate: Replicate, spec: FoldRunSpec, event: Mapping[str, Any]) -> None: ...

    def fold_ended(
        self, replicate: Replicate, spec: FoldRunSpec, scores: Sequence[Mapping[str, Any]], reused: bool
    ) -> None: ...

    def fold_failed(self, replicate: Replicate, spec: FoldRunSpec, message: str) -> None: ...

    def warn(self, message: str) -> None: ...


class TrialBook(Protocol):
    """Book in which the driver enters the result of each replicate."""

    def begin(self, replicate: Replicate, efforts: Sequence[Effort]) -> int: ...

    def complete(self, number: int, dsc_mean: float, efforts: Sequence[Effort]) -> None: ...

    def fail(self, number: int, efforts: Sequence[Effort]) -> None: ...
