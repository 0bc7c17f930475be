"""The run of a replicate: its tags, whether it is still that of the fold runs on disk, and its metrics at the end."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from hemosweep.engine.tracker import ReplicateInfo
from hemosweep.foldrun.cost import joint_cost
from hemosweep.scores.summary import summarise
from hemosweep.tracking import schema
from hemosweep.tracking.backend import MlflowClient, Run
from hemosweep.tracking.fold_values import milliseconds
from hemosweep.tracking.journal import read_start
from hemosweep.tracking.notes import replicate_note
from hemosweep.tracking.user import recorded_user
from hemosweep.tracking.whole import fold_fault


def create_replicate(
    client: MlflowClient, experiment_id: str, info: ReplicateInfo, more_tags: Mapping[str, str]
) -> Run:
    """Make the run of a replicate, with its user, its command and its description."""
    tags = (
        dict(more_tags)
        | identity_tags(info)
        | {
            schema.TAG_USER: recorded_user(),
            schema.TAG_SOURCE: f"hemosweep sweep {info.sweep}",
            schema.TAG_NOTE: replicate_note(info.sweep, info.arm, info.seed),
        }
    )
    return client.create_run(experiment_id, tags=tags, run_name=info.run_name)


def identity_tags(info: ReplicateInfo, run: Run | None = None) -> dict[str, str]:
    """Tags that say which replicate a run is of, and whether looks decide how many seeds its arm has.

    Args:
        run: the run that it has already. It keeps its arm's name: a search may pick the same point once more, under the
            name of another trial.
    """
    arm = None if run is None else run.data.tags.get(schema.TAG_ARM)
    return {
        schema.TAG_LEVEL: schema.LEVEL_ARM,
        schema.TAG_SWEEP: info.sweep,
        schema.TAG_ARM: arm or info.arm,
        schema.TAG_SEED: str(info.seed),
        schema.TAG_REPLICATE: info.digest,
        **{name: value for name, value in schema.extra_tags(info.tags).items() if name == schema.TAG_LOOKS},
    }


def is_of_others(run: Run, children: Sequence[Run], folders: Mapping[str, Path]) -> bool:
    """True if a run has recorded fold runs other than those on disk: they have the same name, but began at another
    time. True also where the run of a fold is not whole any more.

    An unfinished run may have recorded some of them only.

    Args:
        children: the runs of its folds.
        folders: those of its fold runs, by digest.
    """
    if any(fold_fault(child.data.tags) for child in children):
        return True
    recorded = {child.data.tags[schema.TAG_FOLD_RUN]: int(child.info.start_time) for child in children}
    begun = {digest: read_start(folder) for digest, folder in folders.items()}
    on_disk = {digest: milliseconds(time) for digest, time in begun.items() if time is not None}
    if run.info.status == "FINISHED":
        return recorded != on_disk
    return not recorded.items() <= on_disk.items()


def end_metrics(cases: pd.DataFrame, folds: Sequence[Run], facts: Mapping[str, str], status: str) -> dict[str, float]:
    """Metrics of a replicate that has ended. A mean over some folds must not stand among means over all of them: a
    failed one has its seconds alone.

    Args:
        cases: its case table.
        folds: the runs of its folds.
        facts: tags with the metrics' descriptions.
    """
    seconds = [fold.data.metrics.get(schema.METRIC_SECONDS, 0.0) for fold in folds if fold.info.status == "FINISHED"]
    values = {schema.METRIC_TRAIN_SECONDS: math.fsum(seconds)}
    if status != "FINISHED":
        return values
    summary = summarise(cases["dsc"].tolist(), cases["ivh"].tolist())
    cost = joint_cost(schema.recorded_cost(fold.data.metrics) for fold in folds)
    return schema.summary_metrics(summary) | schema.mean_metrics(cases, facts) | schema.cost_metrics(cost) | values
