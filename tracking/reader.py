"""Reader of arms and their case tables from the MLflow store of an output folder."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hemosweep.errors import BadInput
from hemosweep.runs import FACT_PREFIX, FoldRecord, RunRecord, age, no_case_table, no_such_sweep
from hemosweep.tracking import schema
from hemosweep.tracking.database import StoredRun, experiment_names, require_store, stray_runs, tagged_runs
from hemosweep.tracking.whole import LEVELS, PartialRun, read_arm, read_fold, read_stray

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MlflowStore:
    """The runs of an output folder, as its MLflow store keeps them: a `hemosweep.runs.RunStore`.

    Opening it reads nothing. A folder without a store raises an error at the first read. A run that is not whole is
    left out, with a warning in the log of this module, once.
    """

    out: Path
    _named: set[PartialRun] = field(default_factory=set, init=False, repr=False, compare=False)

    @property
    def place(self) -> str:
        return str(self.out)

    def list_runs(self, sweep: str | None = None) -> list[RunRecord]:
        """See `RunStore`."""
        if sweep is not None:
            known = sorted(map(schema.sweep_name, experiment_names(self.out, schema.EXPERIMENT_PREFIX)))
            if sweep not in known:
                raise BadInput(no_such_sweep(self.place, sweep, known))
        records: list[RunRecord] = []
        for arm in (*map(read_arm, self._level(schema.LEVEL_ARM)), *self._strays()):
            if sweep not in (None, arm.sweep):
                continue
            if isinstance(arm, RunRecord):
                records.append(arm)
            elif arm.digest is None:
                self._name(arm)
        return sorted(records, key=age)

    def list_folds(self) -> Mapping[str, tuple[FoldRecord, ...]]:
        """See `RunStore`."""
        by_parent: dict[str, list[FoldRecord]] = {}
        for fold in (*map(read_fold, self._level(schema.LEVEL_FOLD)), *self._strays()):
            if not isinstance(fold, PartialRun):
                by_parent.setdefault(fold[0], []).append(fold[1])
            elif fold.is_fold:
                self._name(fold)
        return {
            run_id: tuple(sorted(folds, key=lambda fold: (fold.fold, fold.digest)))
            for run_id, folds in by_parent.items()
        }

    def list_partial(self) -> list[PartialRun]:
        """The runs that are not whole, of arms and of folds.

        Raises:
            BadInput: there is no store.
        """
        runs = (*map(read_arm, self._level(schema.LEVEL_ARM)), *map(read_fold, self._level(schema.LEVEL_FOLD)))
        return [*(run for run in runs if isinstance(run, PartialRun)), *self._strays()]

    def _level(self, level: str) -> list[StoredRun]:
        return tagged_runs(self.out, schema.EXPERIMENT_PREFIX, schema.TAG_LEVEL, level)

    def _strays(self) -> list[PartialRun]:
        strays = stray_runs(self.out, schema.EXPERIMENT_PREFIX, schema.TAG_LEVEL, LEVELS, FACT_PREFIX)
        return [read_stray(run) for run in strays]

    def _name(self, run: PartialRun) -> None:
        if run not in self._named:
            self._named.add(run)
            _log.warning("%s; it is passed over: mend the tag, or delete the run (hemosweep ui)", run.described)

    def case_rows(self, run_id: str) -> list[dict[str, Any]]:
        """See `RunStore`."""
        content = self._read_artifact(run_id, schema.ARTIFACT_CASES_TABLE)
        if content is None:
            raise BadInput(no_case_table(run_id))
        try:
            return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]
        except (KeyError, TypeError, ValueError):
            raise BadInput(no_case_table(run_id)) from None

    def config(self, run_id: str) -> dict[str, Any] | None:
        """See `RunStore`."""
        config: dict[str, Any] | None = self._read_artifact(run_id, schema.ARTIFACT_CONFIG)
        return config

    def _read_artifact(self, run_id: str, name: str) -> Any:
        """A JSON file among a run's artifacts; None where there is none."""
        require_store(self.out)
        # MLflow stores absolute paths of artifacts; this also finds them in an output folder that was moved.
        path = next((self.out / schema.ARTIFACTS_FOLDER).glob(f"*/{run_id}/artifacts/{name}"), None)
        try:
            return None if path is None else json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise BadInput(f"{path}: damaged; delete its run (hemosweep ui), and start its sweep again") from None
