"""Source of a report: an output folder and the data sets of its runs, read once."""

from pathlib import Path

from hemosweep.config import ArmConfig, config_from_dict
from hemosweep.runs import Snapshot
from hemosweep.tracking.reader import MlflowStore
from hemosweep.workflows.reporting.data_sets import DataSets


class ReportSource:
    """Content of an output folder that several sweeps of a report share, read once."""

    def __init__(self, out: Path, data: Path | None) -> None:
        """
        Raises:
            BadInput: no store, or a data set that cannot be read.
        """
        self.out = out
        self.store = Snapshot(MlflowStore(out))
        self.runs = self.store.list_runs()
        self.folds = self.store.list_folds()
        self.data = DataSets(out, data)

    def config(self, run_id: str) -> ArmConfig | None:
        """Configuration of a run; None for one that is not of hemosweep's own components, or cannot be read."""
        try:
            return config_from_dict(self.store.config(run_id) or {})
        except (ValueError, KeyError, TypeError):
            return None

    def finished_sweeps(self) -> set[str]:
        return {run.sweep for run in self.runs if run.is_finished}
