"""Seed noise for a comparison: the runs of the sweep `noise`, where they fit."""

from collections.abc import Sequence
from dataclasses import dataclass

from hemosweep.comparison.sides import Side, common_facts, run_scores, same_arm
from hemosweep.runs import RunRecord, RunStore
from hemosweep.scores.table import Scores
from hemosweep.sweeps.noise import SWEEP


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """An arm that was trained with several seeds (A/A): its runs, their scores, and a warning where they do not fit."""

    runs: tuple[RunRecord, ...] = ()
    seeds: tuple[Scores, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{SWEEP.name}/{SWEEP.baseline}, seeds {', '.join(str(run.seed) for run in self.runs)}"


def find_baseline(store: RunStore, a: Side, b: Side, metric: str) -> Baseline:
    """The seeds of the sweep `noise`, if they agree with the compared runs in data, folds, metric digest and source.

    A run that already counts as a seed of A or B is left out here. The seeds tell nothing of an external arm, so there
    must be another side.

    Raises:
        BadInput: a noise run without that metric.
    """
    run = next((run for run in (a.newest, b.newest) if run is not None and run.external is None), None)
    if run is None:
        return Baseline()
    noise_runs = [noise for noise in store.list_runs() if noise.sweep == SWEEP.name and noise.is_finished]
    fitting = [noise for noise in noise_runs if not _differences(noise, run, metric)]
    if not fitting:
        return Baseline(warnings=_misfit(noise_runs, run, metric))
    newest = {noise.seed: noise for noise in same_arm(store, fitting, fitting[-1], metric)}
    counted = _counted_elsewhere(a, b, [noise.digest for noise in newest.values()])
    runs = tuple(newest[seed] for seed in sorted(newest) if newest[seed].digest not in counted)
    if len(runs) < 2:
        return Baseline()
    return Baseline(runs=runs, seeds=tuple(run_scores(store, noise, metric) for noise in runs))


def _counted_elsewhere(a: Side, b: Side, noise: Sequence[str]) -> set[str]:
    """Digests of the runs that are seeds of A or B, or both sides of an A/A comparison."""
    sides = [[run.digest for run in side.runs] for side in (a, b)]
    both = all(side and side[0] in noise for side in sides)
    return {digest for side in sides if len(side) > 1 or both for digest in side}


def _differences(noise: RunRecord, run: RunRecord, metric: str) -> list[str]:
    facts, noise_facts = common_facts(run, metric), common_facts(noise, metric)
    return [name for name in facts if noise_facts[name] != facts[name]]


def _misfit(noise_runs: Sequence[RunRecord], run: RunRecord, metric: str) -> tuple[str, ...]:
    if not noise_runs:
        return ()
    names = ", ".join(name.replace("_", " ") for name in _differences(noise_runs[-1], run, metric))
    return (f"no seed noise from {SWEEP.name}/{SWEEP.baseline}: its runs differ from these in {names}",)
