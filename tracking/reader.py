"""Reads arms and their case tables back from the MLflow store of an output folder."""

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemosweep.errors import BadInput
from hemosweep.tracking import schema
from hemosweep.tracking.database import StoredRun, experiment_names, require_store, tagged_runs

if TYPE_CHECKING:
    # Reading a list of runs needs none of the half second that it takes to import.
    import pandas as pd

_RUN_ID = re.compile(r"[0-9a-f]{6,32}")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """One arm replicate in the store.

    `status` is MLflow's: RUNNING, FINISHED, FAILED or KILLED. `dsc_mean` and `dsc_std` are None where they do not exist
    (yet). `digest` names the replicate. `tags` are all tags of the run, MLflow's included. `others` are runs of the
    same name that were passed over for it, oldest first.
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
    others: tuple["RunRecord", ...] = ()

    @property
    def full_name(self) -> str:
        return f"{self.sweep}/{self.arm}@{self.seed}"

    @property
    def subset(self) -> str | None:
        """Folds of the run, such as "folds 0, 2 of 5 only"; None for all."""
        return self.tags.get(schema.TAG_SUBSET)

    @property
    def about_others(self) -> str | None:
        """Remark on the runs that were passed over, in one line; None where there are none."""
        if not self.others:
            return None
        newer = [other for other in self.others if other.start_time > self.start_time]
        num, age, taken = len(self.others), "other" if newer else "older", self.run_id[:8]
        named = f"{num} {age} {'run is' if num == 1 else 'runs are'} named {self.full_name} too"
        if not newer:
            return f"{named}; took the newest, {taken} (hemosweep runs)"
        said = ", ".join(f"{other.run_id[:8]} {other._shortcoming}" for other in newer)
        return f"{named}; took {taken}, since of the newer {said} (hemosweep runs)"

    @property
    def _shortcoming(self) -> str:
        return f"is {self.status}" if self.status != "FINISHED" else f"has {self.subset}"


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldRecord:
    """A fold of an arm replicate in the store.

    `status` is MLflow's. `seconds` is None where it has not ended. `device` is what it was trained on, such as
    "device", "threads" and "torch".
    """

    fold: int
    digest: str
    status: str
    seconds: float | None
    device: dict[str, str]


def list_runs(out: Path, sweep: str | None = None) -> list[RunRecord]:
    """The arm replicates of an output folder, oldest first; folds and deleted runs are not among them.

    Raises:
        BadInput: the folder holds no store, or no such sweep.
    """
    if sweep is not None:
        known = sorted(map(schema.sweep_name, experiment_names(out, schema.EXPERIMENT_PREFIX)))
        if sweep not in known:
            raise BadInput(f"{out} has no runs of sweep {sweep!r}; it has {', '.join(known) or 'none'}")
    runs = tagged_runs(out, schema.EXPERIMENT_PREFIX, schema.TAG_LEVEL, schema.LEVEL_ARM)
    records = [record for record in map(_record, runs) if sweep in (None, record.sweep)]
    return sorted(records, key=lambda record: (record.start_time, record.run_id))


def find_run(out: Path, reference: str) -> RunRecord:
    """The one arm replicate that a reference means.

    A reference is a run id or at least the first six of its characters, a run name, or SWEEP/ARM[@SEED]. Of several
    runs with the same sweep, arm and seed (of older code, other data, some of the folds) it means the newest that is
    finished and has all folds, else the newest that is finished, else the newest.

    Raises:
        BadInput: no run or different ones fit; the message lists the nearest names, or the ones that fit.
    """
    records = list_runs(out)
    found = [record for record in records if _fits(record, reference)]
    if len({record.full_name for record in found}) == 1:
        return _best(found)
    if found:
        choices = ", ".join(f"{record.full_name} ({record.run_id[:8]})" for record in found)
        raise BadInput(f"{reference!r} means {len(found)} runs: {choices}; give one of these names or ids")
    names = sorted({record.full_name for record in records} | {record.run_name for record in records})
    nearest = difflib.get_close_matches(reference, names, n=5, cutoff=0.4) or names[:5]
    raise BadInput(f"{out} has no run {reference!r}; nearest: {', '.join(nearest) or 'none, it is empty'}")


def find_replicates(out: Path, reference: str) -> tuple[RunRecord, ...]:
    """The runs that a reference means, by seed: of SWEEP/ARM those of every seed, of any other reference `find_run`'s.

    Of several runs with the same seed it means one, as `find_run`.

    Raises:
        BadInput: as `find_run`.
    """
    by_seed: dict[int, list[RunRecord]] = {}
    for record in list_runs(out):
        if f"{record.sweep}/{record.arm}" == reference:
            by_seed.setdefault(record.seed, []).append(record)
    return tuple(_best(by_seed[seed]) for seed in sorted(by_seed)) or (find_run(out, reference),)


def case_rows(out: Path, run_id: str) -> list[dict[str, Any]]:
    """A run's case table as it was logged, a row a case: the case id is text, None is undefined.

    Raises:
        BadInput: the folder holds no store, or the run no case table.
    """
    content = _read_artifact(out, run_id, schema.ARTIFACT_CASES_TABLE)
    if content is None:
        raise BadInput(f"run {run_id} has no case table ({schema.ARTIFACT_CASES_TABLE}); let its sweep finish first")
    return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]


def arm_config(out: Path, run_id: str) -> dict[str, Any] | None:
    """The configuration that a run was trained with (`hemosweep.config.config_as_dict`); None where it has none.

    Raises:
        BadInput: the folder holds no store.
    """
    config: dict[str, Any] | None = _read_artifact(out, run_id, schema.ARTIFACT_CONFIG)
    return config


def case_table(out: Path, run_id: str) -> "pd.DataFrame":
    """A run's case table, columns `schema.CASE_COLUMNS` first; `case_id` is text ("001" stays "001"), NaN is undefined.

    A column that the run's version of hemosweep had no score for is all NaN: not computed.

    Raises:
        BadInput: the folder holds no store, or the run no case table.
    """
    import pandas as pd

    table = pd.DataFrame(case_rows(out, run_id))
    further = [name for name in table.columns if name not in schema.CASE_COLUMNS]
    table = table.reindex(columns=[*schema.CASE_COLUMNS, *further])
    return table.astype({"case_id": str, "fold": int, "ivh": str} | dict.fromkeys(schema.NUMBER_COLUMNS, float))


def fold_run_digests(out: Path, run: RunRecord) -> tuple[str, ...]:
    """The names of a run's fold runs, in the order of its folds, as far as they are recorded.

    Raises:
        BadInput: the folder holds no store.
    """
    children = tagged_runs(out, schema.EXPERIMENT_PREFIX, schema.TAG_PARENT, run.run_id)
    folds = sorted((int(child.tags[schema.TAG_FOLD]), child.tags[schema.TAG_FOLD_RUN]) for child in children)
    return tuple(digest for _, digest in folds)


def list_folds(out: Path) -> dict[str, tuple[FoldRecord, ...]]:
    """The folds of every arm replicate, in their order, by the run id of the replicate.

    Raises:
        BadInput: the folder holds no store.
    """
    found: dict[str, list[FoldRecord]] = {}
    prefix = schema.TAG_ENVIRONMENT_PREFIX
    for child in tagged_runs(out, schema.EXPERIMENT_PREFIX, schema.TAG_LEVEL, schema.LEVEL_FOLD):
        record = FoldRecord(
            fold=int(child.tags[schema.TAG_FOLD]),
            digest=child.tags[schema.TAG_FOLD_RUN],
            status=child.status,
            seconds=child.metrics.get(schema.METRIC_SECONDS),
            device={name.removeprefix(prefix): value for name, value in child.tags.items() if name.startswith(prefix)},
        )
        found.setdefault(child.tags[schema.TAG_PARENT], []).append(record)
    return {run_id: tuple(sorted(folds, key=lambda own: (own.fold, own.digest))) for run_id, folds in found.items()}


def _read_artifact(out: Path, run_id: str, name: str) -> Any:
    """A JSON file among a run's artifacts; None where there is none."""
    require_store(out)
    # MLflow keeps absolute places of artifacts; this finds them in an output folder that was moved, too.
    path = next((out / schema.ARTIFACTS_FOLDER).glob(f"*/{run_id}/artifacts/{name}"), None)
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


def _best(namesakes: Sequence[RunRecord]) -> RunRecord:
    """Of runs of the same name, oldest first, the one that the name means."""
    *_, best = sorted(namesakes, key=lambda record: (record.status == "FINISHED", record.subset is None))
    return replace(best, others=tuple(record for record in namesakes if record is not best))


def _fits(record: RunRecord, reference: str) -> bool:
    names = {record.run_name, record.full_name, f"{record.sweep}/{record.arm}"}
    return reference in names or (bool(_RUN_ID.fullmatch(reference)) and record.run_id.startswith(reference))
