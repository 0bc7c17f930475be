"""Writers of a whole new run, with its tags, metrics and end: in a few statements, or through MLflow's client.

MLflow's client takes a dozen transactions and one object a metric, most of the cost of recording a fold. The rows are
those of MLflow's own models, so they fit the database that the installed MLflow makes.
"""

from collections.abc import Mapping, Sequence
from uuid import uuid4

from sqlalchemy import insert
from sqlalchemy.orm import Session

from hemosweep.tracking.backend import (
    Experiment,
    Metric,
    MlflowClient,
    SqlLatestMetric,
    SqlMetric,
    SqlRun,
    SqlTag,
)
from hemosweep.tracking.schema import TAG_RUN_NAME, TAG_USER


def write_run(
    session: Session,
    experiment: Experiment,
    *,
    name: str,
    tags: Mapping[str, str],
    metrics: Sequence[Metric],
    status: str,
    started: int,
    ended: int | None,
) -> str:
    """Add a run to an experiment; returns its id.

    Args:
        metrics: points of their histories, finite, each once.
        started: when, in Unix milliseconds.
        ended: the same, or None while it runs.
    """
    run_id = uuid4().hex
    session.execute(
        insert(SqlRun),
        [
            {
                "run_uuid": run_id,
                "experiment_id": int(experiment.experiment_id),
                "name": name,
                "artifact_uri": f"{experiment.artifact_location}/{run_id}/artifacts",
                "status": status,
                "start_time": started,
                "end_time": ended,
                "source_type": "UNKNOWN",
                "source_name": "",
                "source_version": "",
                "entry_point_name": "",
                "user_id": tags.get(TAG_USER, "unknown"),
                "lifecycle_stage": "active",
            }
        ],
    )
    named = {TAG_RUN_NAME: name, **tags}
    rows: dict[type, list[dict[str, object]]] = {
        SqlTag: [{"key": key, "value": value} for key, value in named.items()],
        SqlMetric: [_metric_row(metric) for metric in metrics],
        SqlLatestMetric: [_metric_row(metric) for metric in _latest(metrics)],
    }
    for model, values in rows.items():
        if values:
            session.execute(insert(model), [{"run_uuid": run_id, **row} for row in values])
    return run_id


def write_run_by_client(
    client: MlflowClient,
    experiment: Experiment,
    *,
    name: str,
    tags: Mapping[str, str],
    metrics: Sequence[Metric],
    status: str,
    started: int,
    ended: int | None,
) -> str:
    """As `write_run`. A process that is killed meanwhile leaves a run that is still RUNNING."""
    run = client.create_run(experiment.experiment_id, start_time=started, tags=dict(tags), run_name=name)
    run_id = str(run.info.run_id)
    client.log_batch(run_id, metrics=list(metrics))
    if ended is not None:
        client.set_terminated(run_id, status, end_time=ended)
    return run_id


def _latest(metrics: Sequence[Metric]) -> list[Metric]:
    """The point of each history that MLflow shows: the last step, and of that the last in time."""
    latest: dict[str, Metric] = {}
    for metric in sorted(metrics, key=lambda metric: (metric.step, metric.timestamp, metric.value)):
        latest[metric.key] = metric
    return list(latest.values())


def _metric_row(metric: Metric) -> dict[str, object]:
    return {
        "key": metric.key,
        "value": metric.value,
        "timestamp": metric.timestamp,
        "step": metric.step,
        "is_nan": False,
    }
