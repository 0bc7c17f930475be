"""Runs as an MLflow store keeps them, and the Protocol of what reads them."""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredRun:
    """A run as MLflow keeps it; `metrics` are the latest of each name, `start_time_ms` is Unix time."""

    run_id: str
    experiment: str
    name: str
    status: str
    start_time_ms: int
    metrics: dict[str, float]
    tags: dict[str, str]


class StoredRuns(Protocol):
    """Reader of hemosweep's experiments in one store, without deleted ones and deleted runs. Each call reads the
    present content, and raises BadInput where there is no store, or none that can be read."""

    @property
    def place(self) -> str:
        """Name of the place, for a message."""
        ...

    def experiment_names(self) -> list[str]:
        """Names of the experiments, with their prefix."""
        ...

    def of_level(self, level: str) -> list[StoredRun]:
        """The runs with this tag `schema.TAG_LEVEL`."""
        ...

    def strays(self) -> list[StoredRun]:
        """The runs that have tags of hemosweep, but no level that it writes."""
        ...

    def json_artifact(self, run_id: str, name: str) -> Any:
        """Value of a JSON file among a run's artifacts; None where there is none."""
        ...
