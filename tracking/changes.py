"""Changes of a run: values that differ from those that it has, so that a replay writes nothing twice, and its end."""

import time
from collections.abc import Iterable, Mapping

from sqlalchemy import delete
from sqlalchemy.orm import Session

from hemosweep.tracking.backend import Metric, MlflowClient, Run, RunTag, SqlLatestMetric, SqlMetric
from hemosweep.tracking.fold_values import milliseconds


def changed_metrics(client: MlflowClient, run: Run, values: Mapping[str, float]) -> list[Metric]:
    """The metrics with other values than the run has.

    MLflow shows the value with the latest time, which is an older value if the clock was set back: theirs is later.
    """
    changed = {name: value for name, value in values.items() if run.data.metrics.get(name) != value}
    times = [
        point.timestamp
        for name in changed
        if name in run.data.metrics
        for point in client.get_metric_history(run.info.run_id, name)
    ]
    now = max([milliseconds(time.time()), *(earlier + 1 for earlier in times)])
    return [Metric(name, value, now, 0) for name, value in changed.items()]


def changed_tags(run: Run, tags: Mapping[str, str]) -> list[RunTag]:
    """The tags with other values than the run has."""
    return [RunTag(name, value) for name, value in tags.items() if run.data.tags.get(name) != value]


def reopen_run(client: MlflowClient, run: Run) -> None:
    """Let a run that has ended be RUNNING again."""
    if run.info.status != "RUNNING":
        client.update_run(run.info.run_id, status="RUNNING")


def end_run(client: MlflowClient, run: Run, status: str, ended: float | None = None) -> None:
    """End a run, now or at a time in Unix seconds; a clock that was set back makes no run end before it began."""
    client.set_terminated(run.info.run_id, status, end_time=max(milliseconds(ended), int(run.info.start_time)))


def remove_metrics(session: Session | None, run: Run, names: Iterable[str]) -> None:
    """Take metrics away from a run, with their history.

    Without a session they stay, as MLflow's client has no call for it.
    """
    if session is None:
        return
    there = [name for name in names if name in run.data.metrics]
    for model in (SqlMetric, SqlLatestMetric) if there else ():
        session.execute(delete(model).where(model.run_uuid == run.info.run_id, model.key.in_(there)))
