"""Recorder of arm replicates and their folds in MLflow, which replays the files of the fold runs.

Everything may be replayed: runs are found by their digest, recorded epochs are not logged twice, and a finished fold is
not changed. A killed driver or an unreachable store therefore costs only a second replay.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from hemosweep.engine.tracker import ReplicateInfo
from hemosweep.privacy import public
from hemosweep.sqlite import reports_database_faults
from hemosweep.tracking import schema
from hemosweep.tracking.artifacts import delete_partial_copies, log_cases, log_file
from hemosweep.tracking.backend import Experiment, Param, Run
from hemosweep.tracking.changes import changed_metrics, changed_tags, end_run, reopen_run
from hemosweep.tracking.database import database_path
from hemosweep.tracking.fold_record import update_fold, write_fold
from hemosweep.tracking.fold_values import fold_metrics
from hemosweep.tracking.groups import begin_group, end_group, has_group, update_group
from hemosweep.tracking.images import log_images
from hemosweep.tracking.inputs import log_data_sets
from hemosweep.tracking.journal import read_fold
from hemosweep.tracking.replicate_run import create_replicate, end_metrics, identity_tags, is_of_others
from hemosweep.tracking.store import ensure_experiment, open_store, search_runs, transaction

_TABLES = json.dumps([{"path": schema.ARTIFACT_CASES_TABLE, "type": "table"}])
_INHERITED = (schema.TAG_SWEEP, schema.TAG_ARM, schema.TAG_SEED, schema.TAG_USER)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Child:
    """The run of a fold; `finished` if it will not change."""

    run_id: str
    finished: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Facts:
    """Facts about a replicate's run that no other process changes: its tags `_INHERITED`, and the group it is in."""

    experiment: Experiment
    name: str
    tags: dict[str, str]
    group: str | None

    @classmethod
    def of(cls, experiment: Experiment, run: Run) -> "_Facts":
        return cls(
            experiment=experiment,
            name=str(run.info.run_name),
            tags={name: run.data.tags[name] for name in _INHERITED if name in run.data.tags},
            group=run.data.tags.get(schema.TAG_PARENT),
        )


class Recorder:
    """The driver's connection to the MLflow store of one output folder."""

    def __init__(self, out: Path) -> None:
        self.path = database_path(out)
        self._store = open_store(out)
        self._client = self._store.client
        self._open: set[str] = set()
        self._described: set[str] = set()
        # Kept, because a search among thousands of runs for each fold takes longer than recording it.
        self._facts: dict[str, _Facts] = {}
        self._children: dict[str, dict[str, _Child]] = {}

    @reports_database_faults
    def begin_replicate(self, info: ReplicateInfo, folders: Mapping[str, Path] | None = None) -> str:
        """Find or make the run of a replicate, describe it, and return its run id.

        A run that ended FINISHED stays so; any other is RUNNING again. A run whose fold runs were deleted, and perhaps
        trained again since, is replaced by a new run: it is deleted as in MLflow's pages.

        Args:
            folders: those of the replicate's fold runs, by digest; without them no run is replaced.
        """
        experiment = ensure_experiment(self._store, info.sweep)
        with transaction(self._store):
            run_id = self._begin(str(experiment.experiment_id), info, folders)
        run = self._client.get_run(run_id)  # Within the transaction it may be as it was before.
        self._facts[run_id] = _Facts.of(experiment, run)
        self._children.pop(run_id, None)
        if run.info.status == "FINISHED":
            return run_id
        self._open.add(run_id)
        if run_id not in self._described:
            self._client.log_text(run_id, _json(public(info.config)), schema.ARTIFACT_CONFIG)
            self._client.log_text(run_id, _json(info.environment), schema.ARTIFACT_ENVIRONMENT)
            self._described.add(run_id)
        return run_id

    def _begin(self, experiment_id: str, info: ReplicateInfo, folders: Mapping[str, Path] | None) -> str:
        runs = search_runs(self._store, [experiment_id], f"tags.`{schema.TAG_REPLICATE}` = '{info.digest}'")
        run = runs[0] if runs else None
        if run is not None and folders is not None and run.info.run_id not in self._open:
            children = self._folds(run.info.run_id)
            if is_of_others(run, children, folders):
                # Its folds first: an interrupted deletion leaves a run that does not match the folders either.
                for outdated in (*children, run):
                    self._client.delete_run(outdated.info.run_id)
                run = None
        tags = schema.extra_tags(info.tags) | schema.environment_tags(info.environment)
        if run is None:
            run = create_replicate(self._client, experiment_id, info, tags)
        else:
            # Somebody may have edited or deleted them in MLflow's pages.
            self._client.log_batch(run.info.run_id, tags=changed_tags(run, identity_tags(info, run)))
        self._place(experiment_id, run, info)
        run_id = str(run.info.run_id)
        if run.info.status == "FINISHED":
            return run_id  # its environment is not that of this replay
        reopen_run(self._client, run)
        log_data_sets(self._client, run_id, info.tags)
        params = schema.flat_params(public(info.config))
        self._client.log_batch(
            run_id,
            params=[Param(name, value) for name, value in params.items() if name not in run.data.params],
            tags=changed_tags(run, tags),
        )
        return run_id

    def _place(self, experiment_id: str, run: Run, info: ReplicateInfo) -> None:
        """Put a run below the group of its arm if it is one of several seeds, or else among the arms."""
        group = run.data.tags.get(schema.TAG_PARENT)
        if has_group(info):
            is_finished = run.info.status == "FINISHED"
            group = begin_group(self._store, experiment_id, info, is_finished=is_finished)
        row = {schema.TAG_ROW: schema.ROW_SEED, schema.TAG_PARENT: group} if group else {schema.TAG_ROW: schema.ROW_ARM}
        self._client.log_batch(run.info.run_id, tags=changed_tags(run, row))
        if group and run.info.run_name == info.arm:  # It was the only one when it was begun.
            self._client.update_run(run.info.run_id, name=info.run_name)

    @reports_database_faults
    def record_fold(self, run_id: str, *, fold: int, digest: str, folder: Path) -> None:
        """Bring a fold's child run up to date with the fold's folder; cheap enough to call again and again.

        The child run exists once the fold run's journal records its start.
        """
        known = self._find_child(run_id, digest)
        if known is not None and known.finished:
            return
        state = read_fold(folder)
        if known is None and state.started is None:
            return
        with transaction(self._store) as session:
            if known is None:
                facts = self._facts_of(run_id)
                tags = facts.tags | {
                    schema.TAG_LEVEL: schema.LEVEL_FOLD,
                    schema.TAG_PARENT: run_id,
                    schema.TAG_FOLD: str(fold),
                    schema.TAG_FOLD_RUN: digest,
                }
                name = schema.fold_run_name(facts.name, fold)
                child_id = write_fold(self._client, session, facts.experiment, state, folder, name=name, tags=tags)
            else:
                child_id = known.run_id
                update_fold(self._client, child_id, state, folder)
        self._children[run_id][digest] = _Child(run_id=child_id, finished=state.status == "FINISHED")

    @reports_database_faults
    def finish_replicate(
        self,
        run_id: str,
        *,
        cases: pd.DataFrame,
        figures: Mapping[str, Path],
        artifacts: Mapping[str, Path] | None = None,
        status: Literal["FINISHED", "FAILED"],
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write a replicate's summary, case table and figures, and end its run.

        Args:
            cases: one row a test case, columns `CASE_COLUMNS`; further columns follow them.
            figures: file name in the artifact folder `figures/` (such as `dsc.png`) to the file.
            artifacts: path among the run's artifacts (such as `report/index.html`) to the file.
            status: FAILED when a fold failed; `cases` are then those of the other folds.
            tags: further ones, as in `ReplicateInfo`.
        """
        with transaction(self._store):
            run = self._client.get_run(run_id)
            folds = self._folds(run_id)
            facts = schema.extra_tags(tags or {})
            values = end_metrics(cases, folds, facts, status)
            self._client.log_batch(
                run_id,
                metrics=changed_metrics(self._client, run, values),
                tags=changed_tags(run, facts | {schema.TAG_TABLES: _TABLES}),
            )
            delete_partial_copies(self._store.artifacts / self._facts_of(run_id).tags[schema.TAG_SWEEP] / run_id)
            log_cases(self._client, run_id, cases)
            for name, path in figures.items():
                log_file(self._client, run_id, f"{schema.ARTIFACT_FIGURES}/{name}", path)
            log_images(self._client, run, figures)
            for name, path in (artifacts or {}).items():
                log_file(self._client, run_id, name, path)
            for fold in folds:
                if fold.info.status == "RUNNING":
                    end_run(self._client, fold, "FAILED")
            if run.info.status != status:
                end_run(self._client, run, status)
            group = run.data.tags.get(schema.TAG_PARENT)
            if group is not None:
                update_group(self._store, str(run.info.experiment_id), group)
        self._open.discard(run_id)

    @reports_database_faults
    def record_scores(
        self, run_id: str, *, cases: pd.DataFrame, folders: Mapping[str, Path], tags: Mapping[str, str]
    ) -> None:
        """Record scores that were made anew, of a run that has ended: its table, its means and those of its folds.

        Args:
            cases: as in `finish_replicate`.
            folders: those of the run's fold runs that are done, by digest.
            tags: as in `finish_replicate`.
        """
        # Its artifacts lie where the output folder is now, wherever it was when the run was recorded.
        ensure_experiment(self._store, self._facts_of(run_id).tags[schema.TAG_SWEEP])
        with transaction(self._store):
            for fold in self._folds(run_id):
                folder = folders.get(fold.data.tags.get(schema.TAG_FOLD_RUN, ""))
                if folder is not None and fold.info.status == "FINISHED":
                    changed = changed_metrics(self._client, fold, fold_metrics(read_fold(folder)))
                    self._client.log_batch(fold.info.run_id, metrics=changed)
        status = self._client.get_run(run_id).info.status
        self.finish_replicate(run_id, cases=cases, figures={}, status=status, tags=tags)

    @reports_database_faults
    def interrupt(self) -> None:
        """End every run that this recorder began and did not finish as KILLED; the next driver goes on with it."""
        for run_id in sorted(self._open):
            for run in (*self._folds(run_id), self._client.get_run(run_id)):
                if run.info.status == "RUNNING":
                    end_run(self._client, run, "KILLED")
        groups = {self._facts_of(run_id).group for run_id in self._open}
        for group in sorted(group for group in groups if group is not None):
            end_group(self._client, self._client.get_run(group), "KILLED")
        self._open.clear()

    def _find_child(self, run_id: str, digest: str) -> _Child | None:
        if run_id not in self._children:
            self._children[run_id] = {
                child.data.tags[schema.TAG_FOLD_RUN]: _Child(
                    run_id=child.info.run_id, finished=child.info.status == "FINISHED"
                )
                for child in self._folds(run_id)
                if schema.TAG_FOLD_RUN in child.data.tags
            }
        return self._children[run_id].get(digest)

    def _folds(self, run_id: str) -> list[Run]:
        experiment_id = str(self._facts_of(run_id).experiment.experiment_id)
        return search_runs(self._store, [experiment_id], f"tags.`{schema.TAG_PARENT}` = '{run_id}'")

    def _facts_of(self, run_id: str) -> _Facts:
        if run_id not in self._facts:
            run = self._client.get_run(run_id)
            self._facts[run_id] = _Facts.of(self._client.get_experiment(run.info.experiment_id), run)
        return self._facts[run_id]


def _json(value: object) -> str:
    return json.dumps(value, indent=2, default=str) + "\n"
