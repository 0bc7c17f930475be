"""Outline of a sweep, which its case page and its report share: arms, runs, comparisons and notices, from a store."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from hemosweep.ablation.declaration import Declaration
from hemosweep.comparison.family import DeclaredPair, Family
from hemosweep.comparison.sides import choose_runs
from hemosweep.digest import digest_json
from hemosweep.foldrun.cost import joint_cost
from hemosweep.foldrun.seal import RECORDS, BrokenSeal, is_finished
from hemosweep.report.document.facts import ArmFacts, PairFacts, RunFacts, SweepFacts
from hemosweep.report.document.sweep_section import NO_REPRODUCTION
from hemosweep.report.terminal.summary import arm_spread
from hemosweep.runs import RunRecord
from hemosweep.scores.metric import MetricDescription
from hemosweep.scores.recorded import recorded_description
from hemosweep.scores.table import case_table
from hemosweep.sweeps.base import profile
from hemosweep.workflows.reporting.data_sets import DataSet
from hemosweep.workflows.reporting.source import ReportSource


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedRuns:
    """The finished runs of each arm that has some, their case tables by run id, and remarks on their choice."""

    by_arm: Mapping[str, tuple[RunRecord, ...]]
    tables: Mapping[str, pd.DataFrame]
    remarks: tuple[str, ...]

    @property
    def every(self) -> tuple[RunRecord, ...]:
        return tuple(run for runs in self.by_arm.values() for run in runs)

    def tables_of(self, arm: str) -> list[pd.DataFrame]:
        return [self.tables[run.run_id] for run in self.by_arm.get(arm, ())]


def outline(source: ReportSource, sweep: Declaration, family: Family) -> SweepFacts:
    """Outline of a sweep by the metric of its family.

    Raises:
        BadInput: a case table that cannot be read.
    """
    return outline_of(source, sweep, family, finished_runs(source, sweep, family.metric))


def finished_runs(source: ReportSource, sweep: Declaration, metric: str) -> FinishedRuns:
    """The finished runs of a sweep's declared arms.

    Raises:
        BadInput: a case table that cannot be read.
    """
    chosen: dict[str, tuple[RunRecord, ...]] = {}
    remarks: list[str] = []
    for arm in sweep.arms:
        if any(run.sweep == sweep.name and run.arm == arm and run.is_finished for run in source.runs):
            chosen[arm], warnings = choose_runs(source.store, f"{sweep.name}/{arm}", metric)
            remarks += warnings
    tables = {run.run_id: case_table(source.store.case_rows(run.run_id)) for runs in chosen.values() for run in runs}
    return FinishedRuns(by_arm=chosen, tables=tables, remarks=tuple(remarks))


def outline_of(source: ReportSource, sweep: Declaration, family: Family, finished: FinishedRuns) -> SweepFacts:
    """Outline of a sweep with these runs."""
    runs = tuple(_run(source, run, len(finished.tables[run.run_id])) for run in finished.every)
    return SweepFacts(
        name=sweep.name,
        question=sweep.question,
        arms=tuple(_arm(source, sweep.name, arm, finished, family.metric) for arm in sweep.arms),
        pairs=tuple(bare_pair(family, declared) for declared in family.pairs),
        runs=runs,
        notices=(*_notices(source, finished), *_broken_seals(source, runs)),
        metric=_metric(family, finished),
    )


def bare_pair(family: Family, declared: DeclaredPair) -> PairFacts:
    """A declared comparison with its row alone, or with the reason why it has none."""
    return PairFacts(
        a=declared.a,
        b=declared.b,
        row=family.row_of(declared),
        verdict=declared.verdict,
        reason=declared.reason,
    )


def data_sets(source: ReportSource, finished: FinishedRuns) -> Iterator[DataSet]:
    """The data sets of the runs, as far as they are here."""
    for run in finished.every:
        data = source.data.find(run.fact("dataset_digest"), list(finished.tables[run.run_id]["case_id"]))
        if data is not None:
            yield data


def _metric(family: Family, finished: FinishedRuns) -> MetricDescription:
    """Description of the metric, as the runs record it where they do."""
    if not family.rows:
        found = (recorded_description(run.tags, family.metric) for run in finished.every)
        return next((description for description in found if description is not None), family.description)
    return family.description


def _arm(source: ReportSource, sweep: str, name: str, finished: FinishedRuns, metric: str) -> ArmFacts:
    case_tables = [table.assign(**{metric: _column(table, metric)}) for table in finished.tables_of(name)]
    if not case_tables:
        return ArmFacts(name=name, missing=_why_missing(source, sweep, name))
    score = pd.concat([table.set_index("case_id")[metric] for table in case_tables], axis=1).mean(axis=1, skipna=False)
    ivh = pd.concat([table.set_index("case_id")["ivh"] for table in case_tables])
    ivh = ivh[~ivh.index.duplicated()].reindex(score.index)
    cases = pd.DataFrame({"case_id": score.index, "ivh": ivh.to_numpy(), "score": score.to_numpy()})
    cases = cases.sort_values("case_id", ignore_index=True)
    return ArmFacts(
        name=name,
        seeds=tuple(run.seed for run in finished.by_arm[name]),
        cases=cases,
        spread=arm_spread(case_tables, metric),
        cost=joint_cost(run.cost for run in finished.by_arm[name]),
    )


def _column(table: pd.DataFrame, metric: str) -> "pd.Series[float]":
    """Scores by a metric; NaN, which means not computed, where the table lacks it."""
    return table[metric] if metric in table else pd.Series(math.nan, index=table.index)


def _why_missing(source: ReportSource, sweep: str, arm: str) -> str:
    """Folds that are not done, of the newest run that did not end well."""
    runs = [run for run in source.runs if run.sweep == sweep and run.arm == arm]
    if not runs:
        return "not trained"
    folds = [fold for fold in source.folds.get(runs[-1].run_id, ()) if fold.status != "FINISHED"]
    named = ", ".join(f"fold {fold.fold} {fold.status.lower()}" for fold in folds)
    return f"not finished ({named or runs[-1].status.lower()})"


def _run(source: ReportSource, run: RunRecord, num_cases: int) -> RunFacts:
    folds = source.folds.get(run.run_id, ())
    config = source.store.config(run.run_id)
    seconds = [fold.seconds for fold in folds if fold.seconds is not None]
    return RunFacts(
        arm=run.arm,
        seed=run.seed,
        run_id=run.run_id,
        replicate=run.digest,
        config_digest="" if config is None else digest_json(config),
        tags=run.tags,
        folds=tuple(fold.fold for fold in folds),
        num_cases=num_cases,
        devices=tuple(fold.device for fold in folds),
        seconds=sum(seconds) if seconds and run.external is None else None,
    )


def _notices(source: ReportSource, finished: FinishedRuns) -> Iterator[str]:
    if any(run.fact("profile") == "demo" for run in finished.every):
        yield f"Demo profile, {profile('demo').scaling}: made to try the program out. {NO_REPRODUCTION}"
    if any(data.is_phantom for data in data_sets(source, finished)):
        yield f"Phantom data: procedural head CTs, not patients. {NO_REPRODUCTION}"
    if any(run.subset is not None for run in finished.every):
        yield "Some runs trained only some of the folds, for trying: not for the study."
    for arm, program in dict.fromkeys((run.arm, run.external) for run in finished.every):
        if program is not None:
            yield (
                f"{arm} was trained by {program}, outside of hemosweep: its folds and metrics are the same; "
                "preprocessing, training and the epoch that is kept are its own. It joined the declared comparisons "
                "when it was imported."
            )


def _broken_seals(source: ReportSource, runs: tuple[RunFacts, ...]) -> Iterator[str]:
    """A notice for each fold run whose files are no longer those that were sealed."""
    for run in runs:
        for fold, folder in source.fold_folders(run.run_id).items():
            try:
                is_finished(folder, *RECORDS)
            except BrokenSeal as broken:
                yield (
                    f"Do not use the scores of {run.arm}, seed {run.seed}: in its fold {fold}, {broken.short} "
                    "(hemosweep verify)."
                )
