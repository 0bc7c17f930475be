"""Reader of arms and their case tables from the MLflow store of an output folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hemosweep.errors import BadInput
from hemosweep.runs import ENVIRONMENT_PREFIX, FoldRecord, RunRecord, age, no_case_table, no_such_sweep
from hemosweep.tracking import schema
from hemosweep.tracking.database import StoredRun, experiment_names, require_store, tagged_runs


@dataclass(frozen=True, slots=True)
class MlflowStore:
    """The runs of an output folder, as its MLflow store keeps them: a `hemosweep.runs.RunStore`.

    Opening it reads nothing. A folder without a store raises an error at the first read.
    """

    out: Path

    @property
    def place(self) -> str:
        return str(self.out)

    def list_runs(self, sweep: str | None = None) -> list[RunRecord]:
        """See `RunStore`."""
        if sweep is not None:
            known = sorted(map(schema.sweep_name, experiment_names(self.out, schema.EXPERIMENT_PREFIX)))
            if sweep not in known:
                raise BadInput(no_such_sweep(self.place, sweep, known))
        runs = tagged_runs(self.out, schema.EXPERIMENT_PREFIX, schema.TAG_LEVEL, schema.LEVEL_ARM)
        records = [record for record in map(_record, runs) if sweep in (None, record.sweep)]
        return sorted(records, key=age)

    def list_folds(self) -> Mapping[str, tuple[FoldRecord, ...]]:
        """See `RunStore`."""
        by_parent: dict[str, list[FoldRecord]] = {}
        prefix = ENVIRONMENT_PREFIX
        for child in tagged_runs(self.out, schema.EXPERIMENT_PREFIX, schema.TAG_LEVEL, schema.LEVEL_FOLD):
            record = FoldRecord(
                fold=int(child.tags[schema.TAG_FOLD]),
                digest=child.tags[schema.TAG_FOLD_RUN],
                status=child.status,
                seconds=child.metrics.get(schema.METRIC_SECONDS),
                device={
                    name.removeprefix(prefix): value for name, value in child.tags.items() if name.startswith(prefix)
                },
            )
            by_parent.setdefault(child.tags[schema.TAG_PARENT], []).append(record)
        return {
            run_id: tuple(sorted(folds, key=lambda fold: (fold.fold, fold.digest)))
            for run_id, folds in by_parent.items()
        }

    def case_rows(self, run_id: str) -> list[dict[str, Any]]:
        """See `RunStore`."""
        content = self._read_artifact(run_id, schema.ARTIFACT_CASES_TABLE)
        if content is None:
            raise BadInput(no_case_table(run_id))
        return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]

    def config(self, run_id: str) -> dict[str, Any] | None:
        """See `RunStore`."""
        config: dict[str, Any] | None = self._read_artifact(run_id, schema.ARTIFACT_CONFIG)
        return config

    def _read_artifact(self, run_id: str, name: str) -> Any:
        """A JSON file among a run's artifacts; None where there is none."""
        require_store(self.out)
        # MLflow stores absolute paths of artifacts; this also finds them in an output folder that was moved.
        path = next((self.out / schema.ARTIFACTS_FOLDER).glob(f"*/{run_id}/artifacts/{name}"), None)
        return None if path is None else json.loads(path.read_text(encoding="utf-8"))


def _record(run: StoredRun) -> RunRecord:
    return RunRecord(
        run_id=run.run_id,
        sweep=run.tags[schema.TAG_SWEEP],
        arm=run.tags[schema.TAG_ARM],
        seed=int(run.tags[schema.TAG_SEED]),
        run_name=run.name,
        status=run.status,
        dsc_mean=run.metrics.get(schema.METRIC_DSC_MEAN),
        dsc_std=run.metrics.get(schema.METRIC_DSC_STD),
        digest=run.tags[schema.TAG_REPLICATE],
        start_time=datetime.fromtimestamp(run.start_time_ms / 1000, tz=UTC),
        tags=run.tags,
    )
