"""Source of a report: the runs of an output folder or of another MLflow store, and their data sets, read once."""

from pathlib import Path

from hemosweep.config import ArmConfig, config_from_dict
from hemosweep.engine.index import FOLD_RUNS_NAME
from hemosweep.runs import CachedStore, RunStore
from hemosweep.tracking.reader import MlflowStore
from hemosweep.workflows.reporting.data_sets import DataSets


class ReportSource:
    """Content of a store of runs that several sweeps of a report share, read once.

    `out` is the output folder: the fold runs of the runs lie there, or nowhere on this machine. `is_elsewhere` is True
    where the runs are those of another store.
    """

    def __init__(self, out: Path, data: Path | None, store: RunStore | None = None) -> None:
        """
        Args:
            store: the store of the runs; None for that of the output folder.

        Raises:
            BadInput: no store, or a data set that cannot be read.
        """
        self.out = out
        self.is_elsewhere = store is not None
        self.store = CachedStore(MlflowStore(out) if store is None else store)
        self.runs = self.store.list_runs()
        self.folds = self.store.list_folds()
        self.data = DataSets(out, data)

    @property
    def no_prediction(self) -> str:
        """The reason why a prediction of a run is not here."""
        return "not in the output folder of this report" if self.is_elsewhere else "not kept"

    def fold_folders(self, run_id: str) -> dict[int, Path]:
        """Folders of a run's fold runs by fold, here or not."""
        return {fold.fold: self.out / FOLD_RUNS_NAME / fold.digest for fold in self.folds.get(run_id, ())}

    def lesion_label(self, run_id: str) -> int | None:
        """The value that counts in the reference masks of a run; None where every value does."""
        label: int | None = (self.store.config(run_id) or {}).get("preprocessing", {}).get("lesion_label")
        return label

    def config(self, run_id: str) -> ArmConfig | None:
        """Configuration of a run; None for one that is not of hemosweep's own components, or cannot be read."""
        try:
            return config_from_dict(self.store.config(run_id) or {})
        except (ValueError, KeyError, TypeError):
            return None

    def finished_sweeps(self) -> set[str]:
        return {run.sweep for run in self.runs if run.is_finished}
