"""A whole new run, with its tags, metrics and end, written in a few statements, or through MLflow's client.

MLflow's client takes a dozen transactions and one object a metric, most of the cost of recording a fold. The rows are
those of MLflow's own models, so they fit the database that the installed MLflow makes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRun:
    """A whole new run. `metrics` are points of their histories, finite, each once; `started` and `ended` are Unix
    milliseconds, `ended` is None while it runs."""

    name: str
    tags: Mapping[str, str]
    metrics: Sequence[Metric]
    status: str
    started: int
    ended: int | None


def write_run(client: MlflowClient, session: Session | None, experiment: Experiment, run: NewRun) -> str:
    """Add a run to an experiment; returns its id.

    Args:
        session: that of the transaction. Where there is none the client writes the run; a process that is killed
            meanwhile then leaves one that is still RUNNING.
    """
    return _by_client(client, experiment, run) if session is None else _in_session(session, experiment, run)


def _in_session(session: Session, experiment: Experiment, run: NewRun) -> str:
    run_id = uuid4().hex
    session.execute(
        insert(SqlRun),
        [
            {
                "run_uuid": run_id,
                "experiment_id": int(experiment.experiment_id),
                "name": run.name,
                "artifact_uri": f"{experiment.artifact_location}/{run_id}/artifacts",
                "status": run.status,
                "start_time": run.started,
                "end_time": run.ended,
                "source_type": "UNKNOWN",
                "source_name": "",
                "source_version": "",
                "entry_point_name": "",
                "user_id": run.tags.get(TAG_USER, "unknown"),
                "lifecycle_stage": "active",
            }
        ],
    )
    named = {TAG_RUN_NAME: run.name, **run.tags}
    rows: dict[type, list[dict[str, object]]] = {
        SqlTag: [{"key": key, "value": value} for key, value in named.items()],
        SqlMetric: [_metric_row(metric) for metric in run.metrics],
        SqlLatestMetric: [_metric_row(metric) for metric in _latest(run.metrics)],
    }
    for model, values in rows.items():
        if values:
            session.execute(insert(model), [{"run_uuid": run_id, **row} for row in values])
    return run_id


def _by_client(client: MlflowClient, experiment: Experiment, run: NewRun) -> str:
    created = client.create_run(
        experiment.experiment_id, start_time=run.started, tags=dict(run.tags), run_name=run.name
    )
    run_id = str(created.info.run_id)
    client.log_batch(run_id, metrics=list(run.metrics))
    if run.ended is not None:
        client.set_terminated(run_id, run.status, end_time=run.ended)
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
