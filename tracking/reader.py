"""Reader of arms and their case tables from the MLflow store of an output folder, or from another one."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hemosweep.errors import BadInput
from hemosweep.runs import FoldRecord, RunRecord, age, no_case_table, no_such_sweep
from hemosweep.tracking import schema
from hemosweep.tracking.folder_runs import FolderRuns
from hemosweep.tracking.stored import StoredRuns
from hemosweep.tracking.whole import PartialRun, read_arm, read_fold, read_stray

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MlflowStore:
    """The runs of an output folder, or those that another reader finds: a `hemosweep.runs.RunStore`.

    Opening it reads nothing. A folder without a store raises an error at the first read. A run that is not whole is
    left out, with a warning in the log of this module, once.
    """

    source: Path | StoredRuns
    _named: set[PartialRun] = field(default_factory=set, init=False, repr=False, compare=False)

    @property
    def place(self) -> str:
        return self._stored.place

    @property
    def _stored(self) -> StoredRuns:
        return FolderRuns(self.source) if isinstance(self.source, Path) else self.source

    def list_runs(self, sweep: str | None = None) -> list[RunRecord]:
        """See `RunStore`."""
        if sweep is not None:
            known = sorted(map(schema.sweep_name, self._stored.experiment_names()))
            if sweep not in known:
                raise BadInput(no_such_sweep(self.place, sweep, known))
        records: list[RunRecord] = []
        for arm in (*map(read_arm, self._stored.of_level(schema.LEVEL_ARM)), *self._strays()):
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
        for fold in (*map(read_fold, self._stored.of_level(schema.LEVEL_FOLD)), *self._strays()):
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
        arms = map(read_arm, self._stored.of_level(schema.LEVEL_ARM))
        folds = map(read_fold, self._stored.of_level(schema.LEVEL_FOLD))
        return [*(run for run in (*arms, *folds) if isinstance(run, PartialRun)), *self._strays()]

    def _strays(self) -> list[PartialRun]:
        return [read_stray(run) for run in self._stored.strays()]

    def _name(self, run: PartialRun) -> None:
        if run not in self._named:
            self._named.add(run)
            _log.warning("%s; it is passed over: mend the tag, or delete the run (hemosweep ui)", run.described)

    def case_rows(self, run_id: str) -> list[dict[str, Any]]:
        """See `RunStore`."""
        content = self._stored.json_artifact(run_id, schema.ARTIFACT_CASES_TABLE)
        if content is None:
            raise BadInput(no_case_table(run_id))
        try:
            return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]
        except (KeyError, TypeError, ValueError):
            raise BadInput(no_case_table(run_id)) from None

    def config(self, run_id: str) -> dict[str, Any] | None:
        """See `RunStore`."""
        config: dict[str, Any] | None = self._stored.json_artifact(run_id, schema.ARTIFACT_CONFIG)
        return config
