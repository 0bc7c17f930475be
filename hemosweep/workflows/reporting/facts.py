"""Facts of a report about a sweep, gathered from the store of an output folder."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from hemosweep.ablation.declaration import Declaration
from hemosweep.comparison.compare import SideComparison
from hemosweep.comparison.family import DeclaredPair, Family, compare_family
from hemosweep.comparison.sides import choose_runs
from hemosweep.components.protocols import Network
from hemosweep.digest import digest_json
from hemosweep.engine.index import FOLD_RUNS_NAME
from hemosweep.foldrun.seal import RECORDS, BrokenSeal, is_finished
from hemosweep.report.document.facts import ArmFacts, NetworkFacts, PairFacts, RunFacts, SecondaryFacts, SweepFacts
from hemosweep.report.document.sweep_section import NO_REPRODUCTION
from hemosweep.report.terminal.comparison import statistics_rows
from hemosweep.report.terminal.summary import arm_spread
from hemosweep.runs import FACT_PREFIX, RunRecord
from hemosweep.scores.catalogue import DSC, find_metric
from hemosweep.scores.metric import MetricDescription
from hemosweep.scores.recorded import recorded_description
from hemosweep.scores.table import case_table
from hemosweep.stats.pairing import pair
from hemosweep.stats.replicates import SeedSpread
from hemosweep.sweeps.base import profile
from hemosweep.workflows.reporting.cases import case_flow, groupings
from hemosweep.workflows.reporting.data_sets import DataSet
from hemosweep.workflows.reporting.final import with_final_facts
from hemosweep.workflows.reporting.overlays import find_overlay
from hemosweep.workflows.reporting.source import ReportSource

BOUNDARY = "hd95_mm"
"""Secondary metric beside an overlap, which does not tell the distance of the boundaries."""


def gather(
    source: ReportSource, sweep: Declaration, *, metric: str | None = None, margin: float | None = None
) -> SweepFacts:
    """A sweep's facts, from its finished runs.

    Args:
        metric: by default the primary one that it declares. The boundary metric, or the DSC, is the secondary one.
        margin: the largest difference that does not matter; with it equivalence is tested.

    Raises:
        BadInput: a case table that cannot be read.
    """
    declared, metric = sweep.arms, metric or sweep.primary_metric
    chosen: dict[str, tuple[RunRecord, ...]] = {}
    remarks: list[str] = []
    for arm in declared:
        if any(run.sweep == sweep.name and run.arm == arm and run.is_finished for run in source.runs):
            chosen[arm], warnings = choose_runs(source.store, f"{sweep.name}/{arm}", metric)
            remarks += warnings
    tables = {run.run_id: case_table(source.store.case_rows(run.run_id)) for runs in chosen.values() for run in runs}
    arms = tuple(_arm(source, sweep.name, arm, chosen.get(arm, ()), tables, metric) for arm in declared)
    family = compare_family(source.store, sweep.name, sweep.comparisons, metric=metric, margin=margin, keep_going=True)
    described = _described(family, chosen, metric)
    pairs = _pairs(source, family, tables)
    runs = tuple(_run(source, run, len(tables[run.run_id])) for runs in chosen.values() for run in runs)
    noise = next((spread for spread in map(_noise, pairs) if spread is not None), None)
    others = sorted({run.arm for run in source.runs if run.sweep == sweep.name} - set(declared))
    if others:
        remarks.append(f"Left out, as the ablation declares no such arm: {', '.join(others)}")
    missing = [f"{arm.name}: {arm.missing}" for arm in arms if arm.missing] + remarks
    by_arm = {arm: [tables[run.run_id] for run in own] for arm, own in chosen.items()}
    data = _data_set(source, chosen, tables)
    facts = SweepFacts(
        name=sweep.name,
        question=sweep.question,
        arms=arms,
        pairs=tuple(facts for facts, _ in pairs),
        runs=runs,
        notices=_notices(source, runs, tables),
        missing=tuple(dict.fromkeys(missing)),
        noise=noise,
        ranks=family.ranks,
        secondary=(_secondary(source, sweep, BOUNDARY if metric != BOUNDARY else DSC.name),) if family.rows else (),
        groupings=groupings(by_arm, family, data),
        flow=case_flow(by_arm, family, data, described),
        metric=described,
        networks=_networks(source, chosen),
    )
    return with_final_facts(facts, source, chosen, data)


def _described(family: Family, chosen: Mapping[str, Sequence[RunRecord]], metric: str) -> MetricDescription:
    """Description of the metric, as the runs record it."""
    if family.rows:
        return family.rows[0].comparison.metric
    found = (recorded_description(run.tags, metric) for runs in chosen.values() for run in runs)
    return next((description for description in found if description is not None), None) or find_metric(metric)


def _networks(source: ReportSource, chosen: Mapping[str, Sequence[RunRecord]]) -> tuple[NetworkFacts, ...]:
    """Networks of arms that differ in them; none where all have one, or where one is not hemosweep's own."""
    found: dict[Network, NetworkFacts] = {}
    for arm, runs in chosen.items():
        config = source.config(runs[0].run_id)
        if config is None:
            return ()
        channels, patch_DHW = len(config.preprocessing.channels), config.sampling.patch_DHW
        same = found.get(config.network)
        found[config.network] = (
            NetworkFacts(arms=(arm,), network=config.network, in_channels=channels, patch_DHW=patch_DHW)
            if same is None
            else replace(same, arms=(*same.arms, arm))
        )
    return tuple(found.values()) if len(found) > 1 else ()


def _data_set(
    source: ReportSource, chosen: Mapping[str, Sequence[RunRecord]], tables: Mapping[str, pd.DataFrame]
) -> DataSet | None:
    """The data set of the runs; None where it is not here."""
    runs = [run for own in chosen.values() for run in own]
    found = (source.data.find(run.fact("dataset_digest"), list(tables[run.run_id]["case_id"])) for run in runs)
    return next((data for data in found if data is not None), None)


def _secondary(source: ReportSource, sweep: Declaration, metric: str) -> SecondaryFacts:
    family = compare_family(source.store, sweep.name, sweep.comparisons, metric=metric, keep_going=True)
    pairs = [
        _without(declared)
        if declared.comparison is None
        else PairFacts(a=declared.a, b=declared.b, row=family.row_of(declared))
        for declared in family.pairs
    ]
    described = family.rows[0].comparison.metric if family.rows else find_metric(metric)
    return SecondaryFacts(metric=described, pairs=tuple(pairs))


def _arm(
    source: ReportSource,
    sweep: str,
    name: str,
    runs: Sequence[RunRecord],
    tables: Mapping[str, pd.DataFrame],
    metric: str,
) -> ArmFacts:
    case_tables = [tables[run.run_id].assign(**{metric: _column(tables[run.run_id], metric)}) for run in runs]
    if not case_tables:
        return ArmFacts(name=name, missing=_why_missing(source, sweep, name))
    score = pd.concat([table.set_index("case_id")[metric] for table in case_tables], axis=1).mean(axis=1, skipna=False)
    ivh = pd.concat([table.set_index("case_id")["ivh"] for table in case_tables])
    ivh = ivh[~ivh.index.duplicated()].reindex(score.index)
    cases = pd.DataFrame({"case_id": score.index, "ivh": ivh.to_numpy(), "score": score.to_numpy()})
    cases = cases.sort_values("case_id", ignore_index=True)
    return ArmFacts(
        name=name, seeds=tuple(run.seed for run in runs), cases=cases, spread=arm_spread(case_tables, metric)
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


def _pairs(
    source: ReportSource,
    family: Family,
    tables: Mapping[str, pd.DataFrame],
) -> list[tuple[PairFacts, SideComparison | None]]:
    facts: list[tuple[PairFacts, SideComparison | None]] = []
    for declared in family.pairs:
        if declared.comparison is None:
            facts.append((_without(declared), None))
            continue
        pairs = pair(declared.comparison.a.seeds, declared.comparison.b.seeds, declared.comparison.comparison.metric)
        ivh = {
            case: label
            for side in (declared.comparison.a, declared.comparison.b)
            for case, label in (side.ivh or {}).items()
        }
        facts.append(
            (
                PairFacts(
                    a=declared.a,
                    b=declared.b,
                    row=family.row_of(declared),
                    remarks=declared.comparison.warnings,
                    statistics=_statistics(declared.comparison),
                    pairs=pd.DataFrame(
                        {
                            "case_id": pairs.case_ids,
                            "a": pairs.a_N,
                            "b": pairs.b_N,
                            "ivh": [ivh.get(case, "n/a") for case in pairs.case_ids],
                        }
                    ),
                    overlay=find_overlay(source, declared.comparison, tables),
                ),
                declared.comparison,
            )
        )
    return facts


def _without(declared: DeclaredPair) -> PairFacts:
    if declared.missing:
        return PairFacts(
            a=declared.a, b=declared.b, verdict="not finished", reason=f"Not compared: {declared.missing}."
        )
    if declared.failed:
        return PairFacts(
            a=declared.a, b=declared.b, verdict="cannot be compared", reason=f"Cannot be compared: {declared.failed}."
        )
    return PairFacts(
        a=declared.a,
        b=declared.b,
        verdict="not comparable",
        reason=f"{declared.refused[0].upper()}{declared.refused[1:]}.",
    )


def _statistics(compared: SideComparison) -> tuple[tuple[str, str], ...]:
    """All numbers of a comparison, as `hemosweep compare` prints them."""
    baseline = compared.baseline.name if compared.baseline.runs else None
    return tuple(statistics_rows(compared.comparison, baseline=baseline))


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
        seconds=sum(seconds) if seconds else None,
    )


def _noise(compared: tuple[PairFacts, SideComparison | None]) -> tuple[str, SeedSpread] | None:
    facts, comparison = compared
    if comparison is None or facts.row is None:
        return None
    spread = facts.row.comparison.seeds.baseline
    return None if spread is None else (comparison.baseline.name, spread)


def _notices(source: ReportSource, runs: Sequence[RunFacts], tables: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    notices = []
    if any(run.tags.get(f"{FACT_PREFIX}profile") == "demo" for run in runs):
        scaling = profile("demo").scaling
        notices.append(f"Demo profile, {scaling}: made to try the program out. {NO_REPRODUCTION}")
    if any(_is_phantom(source, run, tables) for run in runs):
        notices.append(f"Phantom data: procedural head CTs, not patients. {NO_REPRODUCTION}")
    if any(f"{FACT_PREFIX}subset" in run.tags for run in runs):
        notices.append("Some runs trained only some of the folds, for trying: not for the study.")
    notices += _broken_seals(source, runs)
    return tuple(notices)


def _broken_seals(source: ReportSource, runs: Sequence[RunFacts]) -> Iterator[str]:
    """A notice for each fold run whose files are no longer those that were sealed."""
    for run in runs:
        for fold in source.folds.get(run.run_id, ()):
            try:
                is_finished(source.out / FOLD_RUNS_NAME / fold.digest, *RECORDS)
            except BrokenSeal as broken:
                yield (
                    f"Do not use the scores of {run.arm}, seed {run.seed}: in its fold {fold.fold}, {broken.short} "
                    "(hemosweep verify)."
                )


def _is_phantom(source: ReportSource, run: RunFacts, tables: Mapping[str, pd.DataFrame]) -> bool:
    data = source.data.find(run.tags.get(f"{FACT_PREFIX}dataset_digest"), list(tables[run.run_id]["case_id"]))
    return data is not None and data.is_phantom
