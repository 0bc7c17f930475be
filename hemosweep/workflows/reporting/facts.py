"""Facts of a report about a sweep, gathered from the store of an output folder."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from hemosweep.ablation.declaration import Declaration
from hemosweep.comparison.compare import SideComparison
from hemosweep.comparison.family import DeclaredPair, Family, compare_family
from hemosweep.components.protocols import Network
from hemosweep.report.document.facts import NetworkFacts, PairFacts, SecondaryFacts, SweepFacts
from hemosweep.report.terminal.comparison import statistics_rows
from hemosweep.runs import RunRecord
from hemosweep.scores.catalogue import DSC
from hemosweep.stats.pairing import pair
from hemosweep.stats.replicates import SeedSpread
from hemosweep.workflows.reporting.cases import case_flow, groupings
from hemosweep.workflows.reporting.costs import differ_in_cost
from hemosweep.workflows.reporting.final import with_final_facts
from hemosweep.workflows.reporting.outline import bare_pair, data_sets, finished_runs, outline_of
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
    metric = metric or sweep.primary_metric
    family = compare_family(source.store, sweep.name, sweep.comparisons, metric=metric, margin=margin, keep_going=True)
    finished = finished_runs(source, sweep, metric)
    facts = outline_of(source, sweep, family, finished)
    remarks = [*finished.remarks]
    others = sorted({run.arm for run in source.runs if run.sweep == sweep.name} - set(sweep.arms))
    if others:
        remarks.append(f"Left out, as the ablation declares no such arm: {', '.join(others)}")
    missing = [f"{arm.name}: {arm.missing}" for arm in facts.arms if arm.missing] + remarks
    by_arm = {arm: finished.tables_of(arm) for arm in finished.by_arm}
    data = next(data_sets(source, finished), None)
    noise = next((spread for spread in map(_noise, family.comparisons) if spread is not None), None)
    facts = replace(
        facts,
        pairs=tuple(_pair(source, family, declared, finished.tables) for declared in family.pairs),
        missing=tuple(dict.fromkeys(missing)),
        noise=noise,
        ranks=family.ranks,
        secondary=(_secondary(source, sweep, BOUNDARY if metric != BOUNDARY else DSC.name),) if family.rows else (),
        groupings=groupings(by_arm, family, data),
        flow=case_flow(by_arm, family, data, facts.metric),
        networks=_networks(source, finished.by_arm),
        differ_in_cost=differ_in_cost(source, finished.by_arm),
    )
    return with_final_facts(facts, source, finished.by_arm, data)


def _networks(source: ReportSource, chosen: Mapping[str, Sequence[RunRecord]]) -> tuple[NetworkFacts, ...]:
    """Networks of arms that differ in them, but for external arms; none where all have one, or where one is not
    hemosweep's own."""
    found: dict[Network, NetworkFacts] = {}
    for arm, runs in chosen.items():
        if runs[0].external is not None:
            continue
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


def _secondary(source: ReportSource, sweep: Declaration, metric: str) -> SecondaryFacts:
    family = compare_family(source.store, sweep.name, sweep.comparisons, metric=metric, keep_going=True)
    return SecondaryFacts(
        metric=family.description, pairs=tuple(bare_pair(family, declared) for declared in family.pairs)
    )


def _pair(
    source: ReportSource, family: Family, declared: DeclaredPair, tables: Mapping[str, pd.DataFrame]
) -> PairFacts:
    facts, compared = bare_pair(family, declared), declared.comparison
    if compared is None:
        return facts
    pairs = pair(compared.a.seeds, compared.b.seeds, compared.comparison.metric)
    ivh = {case: label for side in (compared.a, compared.b) for case, label in (side.ivh or {}).items()}
    return replace(
        facts,
        remarks=compared.warnings,
        statistics=_statistics(compared),
        pairs=pd.DataFrame(
            {
                "case_id": pairs.case_ids,
                "a": pairs.a_N,
                "b": pairs.b_N,
                "ivh": [ivh.get(case, "n/a") for case in pairs.case_ids],
            }
        ),
        overlay=find_overlay(source, compared, tables),
    )


def _statistics(compared: SideComparison) -> tuple[tuple[str, str], ...]:
    """All numbers of a comparison, as `hemosweep compare` prints them."""
    baseline = compared.baseline.name if compared.baseline.runs else None
    return tuple(statistics_rows(compared.comparison, baseline=baseline))


def _noise(compared: SideComparison) -> tuple[str, SeedSpread] | None:
    spread = compared.comparison.seeds.baseline
    return None if spread is None else (compared.baseline.name, spread)
