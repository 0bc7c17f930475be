"""Store of the runs of a sweep that has just ended, recorded or not, for their comparison."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hemosweep.engine.results import ReplicateResult
from hemosweep.engine.tracker import ReplicateInfo
from hemosweep.errors import BadInput
from hemosweep.runs import FINISHED, RunRecord, RunsInMemory
from hemosweep.sweeps.noise import SWEEP as NOISE
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.schema import environment_tags, extra_tags


def sweep_runs(out: Path, results: Sequence[ReplicateResult], *, with_others: bool = True) -> RunsInMemory:
    """The complete runs of a sweep, from the tracker if it recorded them, and with them what `compare-all` takes: the
    runs of other seeds and repeats of the same arms, external ones, and those of `noise`, unless `with_others` is
    false.

    Runs that a tracking outage left out are compared as well. If the store cannot be read, there are no others.
    """
    store = MlflowStore(out)
    try:
        recorded = {run.run_id: run for run in store.list_runs()}
    except BadInput:
        recorded = {}
    records: dict[str, RunRecord] = {}
    rows: dict[str, list[dict[str, Any]]] = {}
    configs: dict[str, dict[str, Any]] = {}
    for result in results:
        if result.failures or result.info is None:
            continue
        run = recorded.get(result.run_id or "") or _unrecorded(result, result.info)
        records[run.run_id] = run
        rows[run.run_id] = case_rows(result)
        configs[run.run_id] = dict(result.info.config)
    trained = {(run.sweep, run.arm, run.seed, run.repeat) for run in records.values()}
    arms = {(run.sweep, run.arm, run.subset) for run in records.values()}
    for run in recorded.values() if with_others else ():
        of_arm = (run.sweep, run.arm, run.subset) in arms and (run.sweep, run.arm, run.seed, run.repeat) not in trained
        of_other_program = run.external is not None and any(run.sweep == sweep for sweep, _, _ in arms)
        if (of_arm or of_other_program or run.sweep == NOISE.name) and run.run_id not in records and run.is_finished:
            records[run.run_id] = run
            rows[run.run_id] = store.case_rows(run.run_id)
            configs[run.run_id] = store.config(run.run_id) or {}
    return RunsInMemory(place=str(out), runs=tuple(records.values()), rows=rows, configs=configs)


def case_rows(result: ReplicateResult) -> list[dict[str, Any]]:
    """A result's case table as rows, None for what is undefined, as a store keeps it."""
    rows = result.cases.astype(object).to_dict("records")
    return [{str(name): _defined(value) for name, value in row.items()} for row in rows]


def _defined(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _unrecorded(result: ReplicateResult, info: ReplicateInfo) -> RunRecord:
    return RunRecord(
        run_id=info.digest,
        sweep=info.sweep,
        arm=info.arm,
        seed=info.seed,
        run_name=info.run_name,
        status=FINISHED,
        dsc_mean=result.dsc_mean,
        dsc_std=None,
        train_seconds=result.seconds or None,
        digest=info.digest,
        start_time=datetime.now(UTC),
        tags=extra_tags(info.tags) | environment_tags(info.environment),
    )
