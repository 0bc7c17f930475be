"""Reads arms and their case tables back from the MLflow store of an output folder."""

import difflib
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from hemosweep.errors import BadInput
from hemosweep.evaluation.scores import NUMBER_COLUMNS
from tracking import schema
from tracking.backend import Run
from tracking.store import existing_store, search_runs, sweep_experiments

_RUN_ID = re.compile(r"[0-9a-f]{6,32}")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """One arm replicate in the store.

    `status` is MLflow's: RUNNING, FINISHED, FAILED or KILLED. `dsc_mean` and `dsc_std` are None where they do not exist
    (yet). `digest` names the replicate. `tags` are all tags of the run, MLflow's included.
    """

    run_id: str
    sweep: str
    arm: str
    seed: int
    run_name: str
    status: str
    dsc_mean: float | None
    dsc_std: float | None
    digest: str
    start_time: datetime
    tags: dict[str, str]
    num_older: int = 0


def list_runs(out: Path, sweep: str | None = None) -> list[RunRecord]:
    """The arm replicates of an output folder, oldest first; folds and deleted runs are not among them.

    Raises:
        BadInput: the folder holds no store, or no such sweep.
    """
    store = existing_store(out)
    experiments = sweep_experiments(store)
    if sweep is not None:
        known = sorted(schema.sweep_name(experiment.name) for experiment in experiments)
        experiments = [experiment for experiment in experiments if schema.sweep_name(experiment.name) == sweep]
        if not experiments:
            raise BadInput(f"{out} has no runs of sweep {sweep!r}; it has {', '.join(known) or 'none'}")
    identifiers = [str(experiment.experiment_id) for experiment in experiments]
    runs = search_runs(store, identifiers, f"tags.`{schema.TAG_LEVEL}` = '{schema.LEVEL_ARM}'")
    return sorted(map(_record, runs), key=lambda record: (record.start_time, record.run_id))


def find_run(out: Path, reference: str) -> RunRecord:
    """The one arm replicate that a reference means.

    A reference is a run id or at least the first six of its characters, a run name, or SWEEP/ARM[@SEED]. Of several
    runs with the same sweep, arm and seed (of older code or other data) it means the newest; `num_older` counts the
    others.

    Raises:
        BadInput: no run or different ones fit; the message lists the nearest names, or the ones that fit.
    """
    records = list_runs(out)
    found = [record for record in records if _fits(record, reference)]
    if len({_full_name(record) for record in found}) == 1:
        return replace(found[-1], num_older=len(found) - 1)
    if found:
        choices = ", ".join(f"{_full_name(record)} ({record.run_id[:8]})" for record in found)
        raise BadInput(f"{reference!r} means {len(found)} runs: {choices}; give one of these names or ids")
    names = sorted({_full_name(record) for record in records} | {record.run_name for record in records})
    nearest = difflib.get_close_matches(reference, names, n=5, cutoff=0.4) or names[:5]
    raise BadInput(f"{out} has no run {reference!r}; nearest: {', '.join(nearest) or 'none, it is empty'}")


def case_table(out: Path, run_id: str) -> pd.DataFrame:
    """A run's case table, columns `schema.CASE_COLUMNS` first; `case_id` is text ("001" stays "001"), NaN is undefined.

    A column that the run's version of hemosweep had no score for is all NaN: not computed.

    Raises:
        BadInput: the folder holds no store, or the run no case table.
    """
    store = existing_store(out)
    # MLflow keeps absolute places of artifacts; this finds them in an output folder that was moved, too.
    path = next(store.artifacts.glob(f"*/{run_id}/artifacts/{schema.ARTIFACT_CASES_TABLE}"), None)
    if path is None:
        raise BadInput(f"run {run_id} has no case table ({schema.ARTIFACT_CASES_TABLE}); let its sweep finish first")
    content = json.loads(path.read_text(encoding="utf-8"))
    table = pd.DataFrame(content["data"], columns=content["columns"])
    further = [name for name in table.columns if name not in schema.CASE_COLUMNS]
    table = table.reindex(columns=[*schema.CASE_COLUMNS, *further])
    return table.astype({"case_id": str, "fold": int, "ivh": str} | dict.fromkeys(NUMBER_COLUMNS, float))


def fold_run_digests(out: Path, run: RunRecord) -> tuple[str, ...]:
    """The names of a run's fold runs, in the order of its folds, as far as they are recorded.

    Raises:
        BadInput: the folder holds no store.
    """
    store = existing_store(out)
    identifiers = [str(experiment.experiment_id) for experiment in sweep_experiments(store, run.sweep)]
    children = search_runs(store, identifiers, f"tags.`{schema.TAG_PARENT}` = '{run.run_id}'")
    folds = sorted((int(child.data.tags[schema.TAG_FOLD]), child.data.tags[schema.TAG_FOLD_RUN]) for child in children)
    return tuple(digest for _, digest in folds)


def _record(run: Run) -> RunRecord:
    tags = dict(run.data.tags)
    return RunRecord(
        run_id=run.info.run_id,
        sweep=tags[schema.TAG_SWEEP],
        arm=tags[schema.TAG_ARM],
        seed=int(tags[schema.TAG_SEED]),
        run_name=run.info.run_name,
        status=run.info.status,
        dsc_mean=run.data.metrics.get(schema.METRIC_DSC_MEAN),
        dsc_std=run.data.metrics.get(schema.METRIC_DSC_STD),
        digest=tags[schema.TAG_REPLICATE],
        start_time=datetime.fromtimestamp(run.info.start_time / 1000, tz=UTC),
        tags=tags,
    )


def _full_name(record: RunRecord) -> str:
    return f"{record.sweep}/{record.arm}@{record.seed}"


def _fits(record: RunRecord, reference: str) -> bool:
    names = {record.run_name, _full_name(record), f"{record.sweep}/{record.arm}"}
    return reference in names or (bool(_RUN_ID.fullmatch(reference)) and record.run_id.startswith(reference))
