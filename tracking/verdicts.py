"""Record of a sweep's declared comparisons in MLflow: on the run of each arm, and on the page of the sweep.

The numbers are those of one `Family`, which the end of a sweep prints. Recorded again, they replace those of before.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from hemosweep.ablation.declaration import Declaration
from hemosweep.comparison.family import DeclaredPair, Family
from hemosweep.sqlite import reports_database_faults
from hemosweep.tracking import schema
from hemosweep.tracking.artifacts import log_file
from hemosweep.tracking.backend import Run
from hemosweep.tracking.changes import changed_metrics, changed_tags, remove_metrics
from hemosweep.tracking.database import database_path
from hemosweep.tracking.notes import answer, arm_note, earlier_note, group_note, replicate_note, verdict_note
from hemosweep.tracking.store import ensure_experiment, open_store, search_runs, transaction

BASELINE = "baseline"
"""Verdict of the arm that a sweep declares as its baseline."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Page:
    """The page of a sweep: its comparisons, its declaration, and the run that stands for each arm."""

    family: Family
    declared: Declaration
    experiment_id: str
    runs: Mapping[str, Run]

    @property
    def ids(self) -> dict[str, str]:
        return {arm: str(run.info.run_id) for arm, run in self.runs.items()}

    @property
    def carrier(self) -> str | None:
        """The run that has the artifacts about all arms: the baseline's, or that of the first arm."""
        return self.ids.get(self.declared.baseline, next(iter(self.ids.values()), None))


class VerdictRecorder:
    """Connection to the MLflow store of one output folder, for the comparisons of its sweeps."""

    def __init__(self, out: Path) -> None:
        self.path = database_path(out)
        self._store = open_store(out)
        self._client = self._store.client

    @reports_database_faults
    def record(self, family: Family, declared: Declaration) -> None:
        """Record the comparisons of a sweep, and its forest plot if one was drawn.

        The run that stands for an arm, a group of seeds or the only seed, has difference, interval, p after Holm,
        verdict and description. What does not exist is left out, and what does not exist any more is taken away. An
        arm whose compared runs are not in the store has none.
        """
        experiment = ensure_experiment(self._store, declared.name)
        experiment_id = str(experiment.experiment_id)
        with transaction(self._store) as session:
            groups, seeds = (self._level(experiment_id, level) for level in (schema.LEVEL_GROUP, schema.LEVEL_ARM))
            runs = _standing_runs(family, declared.arms, seeds, groups)
            page = _Page(family=family, declared=declared, experiment_id=experiment_id, runs=runs)
            for arm, run in runs.items():
                self._record_arm(session, page, arm, run)
            in_groups = {*map(_id, groups)}
            for run in (*groups, *seeds):
                if run.data.tags.get(schema.TAG_PARENT) in in_groups:
                    self._tidy(session, run, schema.ROW_SEED, replicate_note(*_names(run), _seed(run)))
                elif _id(run) not in page.ids.values():
                    self._tidy(session, run, *_earlier(page, run))
        if page.carrier is not None:
            self._log_artifacts(page.carrier, family)
        note = verdict_note(
            family,
            question=declared.question,
            experiment_id=experiment_id,
            runs=page.ids,
            picture_run=None if family.forest is None else page.carrier,
        )
        texts = {schema.TAG_NOTE: note, schema.TAG_DECLARATION: json.dumps(asdict(declared), separators=(",", ":"))}
        for name, text in texts.items():
            if experiment.tags.get(name) != text:
                self._client.set_experiment_tag(experiment_id, name, text)

    def _level(self, experiment_id: str, level: str) -> list[Run]:
        return search_runs(self._store, [experiment_id], f"tags.`{schema.TAG_LEVEL}` = '{level}'")

    def _record_arm(self, session: Session | None, page: _Page, arm: str, run: Run) -> None:
        note = arm_note(
            page.family, arm, _place(run), experiment_id=page.experiment_id, runs=page.ids, is_group=_is_group(run)
        )
        pair = _pair_of(page.family, page.declared, arm)
        metrics = {} if pair is None else _metrics(page.family, pair)
        tags = _tags(page, arm, pair) | {schema.TAG_NOTE: note, schema.TAG_ROW: schema.ROW_ARM}
        self._client.log_batch(
            run.info.run_id, metrics=changed_metrics(self._client, run, metrics), tags=changed_tags(run, tags)
        )
        self._remove(session, run, keep={*metrics, *tags})

    def _tidy(self, session: Session | None, run: Run, row: str, note: str) -> None:
        """Give a run that does not stand for its arm its line in the table, and take away the verdict that it may have
        had, with its description."""
        tags = {schema.TAG_ROW: row}
        if schema.TAG_VERDICT in run.data.tags or run.data.tags.get(schema.TAG_ROW) not in (None, row):
            tags[schema.TAG_NOTE] = note
        self._client.log_batch(run.info.run_id, tags=changed_tags(run, tags))
        self._remove(session, run, keep=())

    def _remove(self, session: Session | None, run: Run, keep: Collection[str]) -> None:
        """Take away what an earlier comparison left on a run."""
        remove_metrics(session, run, [name for name in schema.VERDICT_METRICS if name not in keep])
        for tag in schema.VERDICT_TAGS:
            if tag not in keep and tag in run.data.tags:
                self._client.delete_tag(run.info.run_id, tag)

    def _log_artifacts(self, run_id: str, family: Family) -> None:
        values = family.as_json() | {"forest": None, "rank_plot": None}  # These name folders of this machine.
        self._client.log_text(run_id, json.dumps(values, indent=2, allow_nan=False) + "\n", schema.ARTIFACT_COMPARISONS)
        if family.forest is not None:
            log_file(self._client, run_id, schema.ARTIFACT_FOREST, family.forest)


def _standing_runs(family: Family, arms: Collection[str], seeds: list[Run], groups: list[Run]) -> dict[str, Run]:
    """The run that stands for each arm: the group of the runs that are compared, or the newest of these themselves.

    Of an arm that is not compared it is the newest, before those of some folds only.
    """
    compared: dict[str, set[str]] = {}
    for pair in family.pairs:
        if pair.comparison is not None:
            for arm, side in ((pair.a, pair.comparison.a), (pair.b, pair.comparison.b)):
                compared.setdefault(arm, set()).update(run.run_id for run in side.runs)
    group_of = {_id(group): group for group in groups}
    standing: dict[str, Run] = {}
    for arm in arms:
        own = [run for run in seeds if run.data.tags.get(schema.TAG_ARM) == arm]
        chosen = [run for run in own if _id(run) in compared[arm]] if arm in compared else own
        tops = [group_of.get(run.data.tags.get(schema.TAG_PARENT, ""), run) for run in chosen]
        if tops:
            standing[arm] = max(
                tops, key=lambda run: (schema.TAG_SUBSET not in run.data.tags, run.info.start_time, _id(run))
            )
    return standing


def _pair_of(family: Family, declared: Declaration, arm: str) -> DeclaredPair | None:
    """The declared comparison whose B is an arm: that with the baseline where there are several."""
    pairs = [pair for pair in family.pairs if pair.b == arm]
    return min(pairs, key=lambda pair: pair.a != declared.baseline, default=None)


def _metrics(family: Family, pair: DeclaredPair) -> dict[str, float]:
    """Difference and interval as they are printed, and p after Holm to two digits. What does not exist is left out."""
    row = family.row_of(pair)
    if row is None:
        return {}
    comparison, number = row.comparison, row.comparison.metric.number
    low, high = comparison.ci95 or (None, None)
    claim_low, claim_high = comparison.claim.ci95 or (None, None)
    values = {
        schema.METRIC_DIFF: comparison.mean_diff,
        schema.METRIC_DIFF_LOW: low,
        schema.METRIC_DIFF_HIGH: high,
        schema.METRIC_CLAIM_LOW: claim_low,
        schema.METRIC_CLAIM_HIGH: claim_high,
    }
    metrics = {name: float(number(value)) for name, value in values.items() if value is not None}
    return metrics if row.holm_p is None else metrics | {schema.METRIC_HOLM_P: float(f"{row.holm_p:.2g}")}


def _tags(page: _Page, arm: str, pair: DeclaredPair | None) -> dict[str, str]:
    if pair is None:
        return {schema.TAG_VERDICT: BASELINE} if arm == page.declared.baseline else {}
    return {
        schema.TAG_BASELINE: pair.a,
        schema.TAG_VERDICT: answer(page.family, pair),
        schema.TAG_COMPARED_BY: page.family.metric,
    }


def _earlier(page: _Page, run: Run) -> tuple[str, str]:
    """Row and description of a run that does not stand for its arm. It is a row of its own where none does: its arm was
    taken out of the declaration."""
    sweep, arm = _names(run)
    standing = page.runs.get(arm)
    if standing is None:
        note = group_note(sweep, arm) if _is_group(run) else replicate_note(sweep, arm, _seed(run))
        return schema.ROW_ARM, note
    note = earlier_note(sweep, arm, _place(run), experiment_id=page.experiment_id, run_id=_id(standing))
    return schema.ROW_EARLIER, note


def _names(run: Run) -> tuple[str, str]:
    """Sweep and arm of a run."""
    return run.data.tags.get(schema.TAG_SWEEP, ""), run.data.tags.get(schema.TAG_ARM, "")


def _seed(run: Run) -> str:
    return str(run.data.tags.get(schema.TAG_SEED, ""))


def _is_group(run: Run) -> bool:
    return bool(run.data.tags.get(schema.TAG_LEVEL) == schema.LEVEL_GROUP)


def _place(run: Run) -> str:
    return "over its seeds" if _is_group(run) else f"seed {_seed(run)}"


def _id(run: Run) -> str:
    return str(run.info.run_id)
