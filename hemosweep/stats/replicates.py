"""Seeds of one arm (A/A): the mean score of each, and how far these means spread."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from hemosweep.scores.metric import MetricDescription, check_range
from hemosweep.scores.table import Scores
from hemosweep.stats.pairing import Floats, to_floats
from hemosweep.stats.ttest import CONFIDENCE


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedSpread:
    """One arm trained with several seeds: the mean score of each over the same cases, their sd and range.

    `sd_ci95` is the interval of a normal sample's standard deviation: from three seeds it is wide.
    """

    num_seeds: int
    num_cases: int
    means: tuple[float, ...]
    sd: float
    sd_ci95: tuple[float, float]
    range: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Seeds:
    """Spreads of the arms of a comparison; None of an arm with one seed. `baseline` is another arm's (A/A)."""

    a: SeedSpread | None
    b: SeedSpread | None
    baseline: SeedSpread | None


def seed_spread(scores_SN: Floats) -> SeedSpread | None:
    """The spread of the mean score over S seeds on the same N cases; None for one seed or no case."""
    num_seeds, num_cases = scores_SN.shape
    if num_seeds < 2 or num_cases == 0:
        return None
    mean_S = scores_SN.mean(axis=1)
    sd, df = float(mean_S.std(ddof=1)), num_seeds - 1
    tail = (1 - CONFIDENCE) / 2
    low, high = (sd * math.sqrt(df / float(special.chdtri(df, p))) for p in (tail, 1 - tail))
    return SeedSpread(
        num_seeds=num_seeds,
        num_cases=num_cases,
        means=tuple(mean_S.tolist()),
        sd=sd,
        sd_ci95=(low, high),
        range=float(np.ptp(mean_S)),
    )


def baseline_spread(
    by_seed: Sequence[Scores], case_ids: Sequence[str], metric: MetricDescription
) -> tuple[SeedSpread | None, list[str]]:
    """The spread of an arm trained with several seeds, over those of the cases that every seed scored, and warnings.

    Raises:
        BadInput: a finite value that the metric cannot take.
    """
    if not by_seed:
        return None, []
    seeds = [to_floats(scores) for scores in by_seed]
    for scores in seeds:
        check_range("the baseline's seeds", scores, metric)
    scored = [case_id for case_id in case_ids if all(math.isfinite(scores.get(case_id, math.nan)) for scores in seeds)]
    spread = seed_spread(np.array([[scores[case_id] for case_id in scored] for scores in seeds], dtype=np.float64))
    if spread is None:
        num = f"{len(seeds)} seed{'s' * (len(seeds) != 1)}, {len(scored)} of the cases scored by each"
        return None, [f"no seed noise from the baseline: {num}"]
    missing = sorted(set(case_ids) - set(scored))
    return spread, [f"seed noise without cases that not every seed scored: {', '.join(missing)}"] if missing else []
