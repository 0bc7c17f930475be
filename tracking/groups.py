"""Groups: the run of an arm whose child runs are its seeds and repeats, with their mean and standard deviation."""

from statistics import fmean, stdev

from hemosweep.digest import digest_json
from hemosweep.engine.tracker import ReplicateInfo
from hemosweep.privacy import public
from hemosweep.tracking import schema
from hemosweep.tracking.backend import MlflowClient, Param, Run
from hemosweep.tracking.changes import changed_metrics, changed_tags, end_run, reopen_run
from hemosweep.tracking.inputs import log_data_sets
from hemosweep.tracking.notes import group_note
from hemosweep.tracking.store import StoreConnection, search_runs
from hemosweep.tracking.user import recorded_user

_COMMON_FACTS = ("dataset_digest", "checkpoint_rule", "source_digest", "profile", "subset")
"""Facts that the seeds of one arm have in common, besides its configuration. Each repeat has folds of its own."""
_AVERAGED = (
    schema.METRIC_NUM_CASES,
    schema.METRIC_NUM_UNDEFINED,
    schema.METRIC_TRAIN_SECONDS,
    *schema.COST_METRICS.values(),
)
"""Metrics of a seed that a group has the mean of, besides the means over cases."""


def has_group(info: ReplicateInfo) -> bool:
    """True if a replicate is one of several of its arm."""
    return info.run_name != info.arm


def begin_group(store: StoreConnection, experiment_id: str, info: ReplicateInfo, *, is_finished: bool) -> str:
    """Find or make the group that a replicate belongs to, and return its run id.

    It is RUNNING, unless the replicate is finished and has nothing to add.
    """
    client = store.client
    digest = _digest(info)
    runs = search_runs(store, [experiment_id], f"tags.`{schema.TAG_GROUP}` = '{digest}'")
    tags = {
        schema.TAG_LEVEL: schema.LEVEL_GROUP,
        schema.TAG_ROW: schema.ROW_ARM,
        schema.TAG_SWEEP: info.sweep,
        schema.TAG_ARM: info.arm,
        schema.TAG_GROUP: digest,
        **{name: value for name, value in schema.extra_tags(info.tags).items() if name == schema.TAG_SUBSET},
    }
    if not runs:
        more = {
            schema.TAG_USER: recorded_user(),
            schema.TAG_SOURCE: f"hemosweep sweep {info.sweep}",
            schema.TAG_NOTE: group_note(info.sweep, info.arm),
        }
        run_id = str(client.create_run(experiment_id, tags=tags | more, run_name=info.arm).info.run_id)
        params = schema.flat_params(public(info.config))
        client.log_batch(run_id, params=[Param(name, value) for name, value in params.items()])
        log_data_sets(client, run_id, info.tags)
        return run_id
    client.log_batch(runs[0].info.run_id, tags=changed_tags(runs[0], tags))
    if not is_finished:
        reopen_run(client, runs[0])
    return str(runs[0].info.run_id)


def update_group(store: StoreConnection, experiment_id: str, run_id: str) -> None:
    """Bring a group's means and its end up to date with its seeds.

    Means are over the seeds that are FINISHED; a standard deviation needs two of them. The group ends with the last
    seed, FAILED where one failed.
    """
    client = store.client
    groups = search_runs(store, [experiment_id], f"attributes.run_id = '{run_id}'")
    if not groups:  # Somebody deleted it; the next sweep makes it anew.
        return
    (group,) = groups
    seeds = search_runs(store, [experiment_id], f"tags.`{schema.TAG_PARENT}` = '{run_id}'")
    client.log_batch(run_id, metrics=changed_metrics(client, group, _means(seeds)))
    states = {seed.info.status for seed in seeds}
    if "RUNNING" not in states:
        end_group(client, group, "FINISHED" if states == {"FINISHED"} else "FAILED")


def end_group(client: MlflowClient, group: Run, status: str) -> None:
    """End a group that has not ended in this way."""
    if group.info.status != status:
        end_run(client, group, status)


def _means(seeds: list[Run]) -> dict[str, float]:
    """Mean of every score, time and count that all finished seeds have, and the spread of their mean DSC."""
    finished = [seed.data.metrics for seed in seeds if seed.info.status == "FINISHED"]
    if not finished:
        return {}
    common = set.intersection(*(set(metrics) for metrics in finished))
    averaged = [name for name in sorted(common) if name.endswith("_mean") or name in _AVERAGED]
    values = {name: fmean(metrics[name] for metrics in finished) for name in averaged}
    dsc = [metrics[schema.METRIC_DSC_MEAN] for metrics in finished if schema.METRIC_DSC_MEAN in metrics]
    if len(dsc) == len(finished) > 1:
        values[schema.METRIC_SEED_SD] = float(f"{stdev(dsc):.2g}")
    return values | schema.short_metrics(values) | {schema.METRIC_NUM_SEEDS: float(len(finished))}


def _digest(info: ReplicateInfo) -> str:
    facts = {name: info.tags.get(name) for name in _COMMON_FACTS}
    return digest_json({"sweep": info.sweep, "arm": info.arm, "config": dict(info.config), "facts": facts})
