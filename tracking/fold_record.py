"""The run of a fold in MLflow, written and brought up to date from the state of the fold run's folder."""

import time
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.orm import Session

from hemosweep.tracking import schema
from hemosweep.tracking.backend import Experiment, Metric, MlflowClient
from hemosweep.tracking.changes import changed_metrics, changed_tags, end_run, reopen_run
from hemosweep.tracking.fold_values import epoch_metrics, fold_metrics, fold_tags, milliseconds
from hemosweep.tracking.journal import FoldState
from hemosweep.tracking.new_run import NewRun, write_run


def write_fold(
    client: MlflowClient,
    session: Session | None,
    experiment: Experiment,
    state: FoldState,
    folder: Path,
    *,
    name: str,
    tags: Mapping[str, str],
) -> str:
    """Add the run of a fold, and return its id.

    Args:
        session: that of the transaction; the client writes the run where there is none.
        folder: that of the fold run.
        tags: those that say which fold run of which replicate it is.
    """
    metrics = fold_metrics(state) if state.status == "FINISHED" else {}
    started, now = milliseconds(state.started), milliseconds(time.time())
    run = NewRun(
        name=name,
        tags=fold_tags(state, folder) | dict(tags),
        metrics=[*epoch_metrics(state), *(Metric(name, value, now, 0) for name, value in metrics.items())],
        status=state.status,
        started=started,
        ended=None if state.status == "RUNNING" else max(started, milliseconds(state.ended)),
    )
    return write_run(client, session, experiment, run)


def update_fold(client: MlflowClient, child_id: str, state: FoldState, folder: Path) -> None:
    """Bring the run of a fold up to date. What it has already is not written again."""
    child = client.get_run(child_id)
    if state.status == "RUNNING":
        reopen_run(client, child)
    recorded = (
        {metric.step for metric in client.get_metric_history(child_id, schema.METRIC_EPOCH_SECONDS)}
        if schema.METRIC_EPOCH_SECONDS in child.data.metrics
        else set()
    )
    metrics = [m for m in epoch_metrics(state) if m.step not in recorded]
    if state.status == "FINISHED":
        metrics += changed_metrics(client, child, fold_metrics(state))
    tags = fold_tags(state, folder)
    client.log_batch(child_id, metrics=metrics, tags=changed_tags(child, tags))
    if state.status != "RUNNING":
        for tag in (schema.TAG_FAILURE, schema.TAG_NOTE, schema.TAG_MICRO_BATCH):
            if tag not in tags and tag in child.data.tags:
                client.delete_tag(child_id, tag)
        end_run(client, child, state.status, state.ended)
