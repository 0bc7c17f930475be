"""Values of a run that differ from those that it has, so that a replay writes nothing twice."""

import time
from collections.abc import Mapping

from hemosweep.tracking.backend import Metric, MlflowClient, Run, RunTag
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
