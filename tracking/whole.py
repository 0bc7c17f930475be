"""Check of what is recorded about a run: anybody can delete or edit a tag in MLflow's pages.

A run that lacks what hemosweep writes is passed over and named; the other runs are read as ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hemosweep.runs import ENVIRONMENT_PREFIX, FoldRecord, RunRecord
from hemosweep.tracking import schema
from hemosweep.tracking.stored import StoredRun

LEVELS = (schema.LEVEL_ARM, schema.LEVEL_GROUP, schema.LEVEL_FOLD, schema.LEVEL_REPORT)


@dataclass(frozen=True, kw_only=True, slots=True)
class PartialRun:
    """A run that is not whole, and the reason. `digest` is that of its fold run, None where that is not recorded.

    `is_fold` is False where it is known to be no run of a fold.
    """

    run_id: str
    name: str
    sweep: str
    reason: str
    digest: str | None
    is_fold: bool

    @property
    def described(self) -> str:
        """The run and the reason, as a sentence."""
        return f"run {self.name or 'without a name'} ({self.run_id[:8]}) of {self.sweep} is not whole: {self.reason}"


def read_arm(run: StoredRun) -> RunRecord | PartialRun:
    """The run of an arm, from its tags."""
    tags = run.tags
    reason = _missing(tags, schema.TAG_SWEEP, schema.TAG_ARM, schema.TAG_SEED, schema.TAG_REPLICATE)
    sweep, seed = schema.sweep_name(run.experiment), _whole_number(tags.get(schema.TAG_SEED))
    if reason is None and seed is None:
        reason = _no_number(tags, schema.TAG_SEED)
    if reason is None and tags[schema.TAG_SWEEP] != sweep:
        reason = f"its tag {schema.TAG_SWEEP} is {tags[schema.TAG_SWEEP]!r}"
    if reason is not None or seed is None:
        return _partial(run, reason or "", is_fold=False)
    return RunRecord(
        run_id=run.run_id,
        sweep=sweep,
        arm=tags[schema.TAG_ARM],
        seed=seed,
        run_name=run.name,
        status=run.status,
        dsc_mean=run.metrics.get(schema.METRIC_DSC_MEAN),
        train_seconds=run.metrics.get(schema.METRIC_TRAIN_SECONDS) or None,
        dsc_std=run.metrics.get(schema.METRIC_DSC_STD),
        digest=tags[schema.TAG_REPLICATE],
        start_time=datetime.fromtimestamp(run.start_time_ms / 1000, tz=UTC),
        tags=tags,
        cost=schema.recorded_cost(run.metrics),
    )


def read_fold(run: StoredRun) -> tuple[str, FoldRecord] | PartialRun:
    """The run of a fold, from its tags, and the id of the arm's run."""
    tags = run.tags
    reason, fold = fold_fault(tags), _whole_number(tags.get(schema.TAG_FOLD))
    if reason is not None or fold is None:
        return _partial(run, reason or "", is_fold=True)
    return tags[schema.TAG_PARENT], FoldRecord(
        fold=fold,
        digest=tags[schema.TAG_FOLD_RUN],
        status=run.status,
        seconds=run.metrics.get(schema.METRIC_SECONDS),
        device={
            name.removeprefix(ENVIRONMENT_PREFIX): value
            for name, value in tags.items()
            if name.startswith(ENVIRONMENT_PREFIX)
        },
    )


def read_stray(run: StoredRun) -> PartialRun:
    """A run of which it is not recorded whether it is an arm's, a fold's or a report's."""
    tags = run.tags
    is_fold = schema.TAG_REPLICATE not in tags and schema.TAG_REPORT not in tags
    return _partial(run, _level_fault(tags), is_fold=is_fold)


def fold_fault(tags: Mapping[str, str]) -> str | None:
    """Reason why a fold's run is not whole; None where it is."""
    if tags.get(schema.TAG_LEVEL) != schema.LEVEL_FOLD:
        return _level_fault(tags)
    reason = _missing(tags, schema.TAG_PARENT, schema.TAG_FOLD, schema.TAG_FOLD_RUN)
    if reason is None and _whole_number(tags[schema.TAG_FOLD]) is None:
        reason = _no_number(tags, schema.TAG_FOLD)
    return reason


def _partial(run: StoredRun, reason: str, *, is_fold: bool) -> PartialRun:
    return PartialRun(
        run_id=run.run_id,
        name=run.name,
        sweep=schema.sweep_name(run.experiment),
        reason=reason,
        digest=run.tags.get(schema.TAG_FOLD_RUN) or None,
        is_fold=is_fold,
    )


def _level_fault(tags: Mapping[str, str]) -> str:
    level = tags.get(schema.TAG_LEVEL)
    return f"its tag {schema.TAG_LEVEL} is {level!r}" if level else f"it has no tag {schema.TAG_LEVEL}"


def _missing(tags: Mapping[str, str], *names: str) -> str | None:
    missing = [name for name in names if not tags.get(name)]
    return f"it has no tag {' and no tag '.join(missing)}" if missing else None


def _no_number(tags: Mapping[str, str], name: str) -> str:
    return f"its tag {name} is {tags[name]!r}, not a whole number"


def _whole_number(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
