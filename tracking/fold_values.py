"""Form of a fold run's journal in MLflow: the metrics of its epochs and of its end, and its tags."""

import math
import time
from collections.abc import Iterable
from pathlib import Path

from hemosweep.foldrun.spec import places_of
from hemosweep.privacy import public_failure
from hemosweep.runs import ENVIRONMENT_PREFIX
from hemosweep.scores.summary import summarise
from hemosweep.tracking import schema
from hemosweep.tracking.backend import Metric
from hemosweep.tracking.journal import FoldState


def epoch_metrics(state: FoldState) -> Iterable[Metric]:
    """One point for each finite value of each epoch, at the time of the epoch's end."""
    for epoch, event in sorted(state.epochs.items()):
        for metric, field in schema.EPOCH_METRICS.items():
            value = event.get(field)
            if value is not None and math.isfinite(value):
                yield Metric(metric, float(value), milliseconds(event["time"]), epoch)


def fold_tags(state: FoldState, folder: Path) -> dict[str, str]:
    """Tags of a fold run: its device, and facts about its end other than scores.

    The message of a failure names no folder, no machine and no user; the log in the fold run's folder does.
    """
    tags = {f"{ENVIRONMENT_PREFIX}{name}": value for name, value in state.device.items()}
    if state.failure is not None:
        failure = public_failure(state.failure, places_of(folder))
        tags |= {schema.TAG_FAILURE: failure, schema.TAG_NOTE: f"Failed: {failure}"}
    if state.micro_batch_size is not None:
        tags[schema.TAG_MICRO_BATCH] = str(state.micro_batch_size)
    return tags


def fold_metrics(state: FoldState) -> dict[str, float]:
    """Results of a fold run that is done, as far as they are defined."""
    summary = summarise(state.dsc, ["n/a"] * len(state.dsc))
    values = {
        schema.METRIC_DSC_MEAN: summary.mean,
        schema.METRIC_DSC_STD: summary.std,
        schema.METRIC_BEST_EPOCH: state.best_epoch,
        schema.METRIC_EPOCHS: max(state.epochs, default=None),
        schema.METRIC_SECONDS: state.seconds,
    }
    present = {name: float(value) for name, value in values.items() if value is not None}
    return present | schema.short_metrics(present) | schema.cost_metrics(state.cost)


def milliseconds(seconds: float | None) -> int:
    """Unix milliseconds, as MLflow stores times, from Unix seconds; the present time if these are None."""
    return round(1000 * (time.time() if seconds is None else seconds))
