"""Seed noise: the change of the mean score when only the seed of the training changes (A/A).

A test over cases takes the two trained models as given. That a method is better, and not just these two trainings of
it, is another claim, for which the seed's share of the variance has to be measured (Bouthillier et al. 2021,
*Accounting for variance in machine learning benchmarks*).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from hemosweep.scores.metric import MetricDescription, check_range
from hemosweep.scores.table import Scores
from hemosweep.stats.groups import satterthwaite
from hemosweep.stats.pairing import Floats, to_floats
from hemosweep.stats.robust import MAX_DRAWN, NUM_BOOTSTRAP_RESAMPLES, SEED
from hemosweep.stats.ttest import CONFIDENCE, MeanTest


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedSpread:
    """One arm trained with several seeds: the mean score of each over the same cases, their sd and range."""

    num_seeds: int
    num_cases: int
    means: tuple[float, ...]
    sd: float
    range: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedNoise:
    """A difference of mean scores beside the noise from seeds alone.

    `a`, `b` and `baseline` are the spreads that were measured; `sd` is pooled from them with `df` degrees of freedom.
    `standard_error` is that of the mean difference when cases and seeds vary; up to `limit` a difference is within
    seed noise (`is_within_seed_noise`). `ci95` is the hierarchical bootstrap's, where both arms have replicates.
    """

    num_seeds_a: int
    num_seeds_b: int
    a: SeedSpread | None
    b: SeedSpread | None
    baseline: SeedSpread | None
    sd: float
    df: int
    standard_error: float
    standard_error_df: float
    limit: float
    ci95: tuple[float, float] | None


def seed_spread(scores_SN: Floats) -> SeedSpread | None:
    """The spread of the mean score over S seeds on the same N cases; None for one seed or no case."""
    num_seeds, num_cases = scores_SN.shape
    if num_seeds < 2 or num_cases == 0:
        return None
    mean_S = scores_SN.mean(axis=1)
    return SeedSpread(
        num_seeds=num_seeds,
        num_cases=num_cases,
        means=tuple(mean_S.tolist()),
        sd=float(mean_S.std(ddof=1)),
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


def seed_noise(test: MeanTest, a_SN: Floats, b_SN: Floats, baseline: SeedSpread | None) -> SeedNoise | None:
    """Seed noise of a comparison; None where no arm was trained twice, or the t-test over cases has no value.

    The seeds' standard deviation s is taken to be the same in both arms and pooled over every arm with replicates. The
    mean difference of r_A and r_B seeds then has the seed variance s²(1/r_A + 1/r_B), with sum(r - 1) degrees of
    freedom. Cases and seeds are crossed, so that the variances add (Owen 2007); the sum's degrees of freedom are
    Satterthwaite's. What cases and seeds do together is counted in both parts, which errs on the safe side; equal seed
    numbers in A and B are taken as unrelated.
    """
    a, b = seed_spread(a_SN), seed_spread(b_SN)
    measured = [spread for spread in (a, b, baseline) if spread is not None]
    if not measured or test.sd is None or test.df is None:
        return None
    df = sum(spread.num_seeds - 1 for spread in measured)
    variance = sum((spread.num_seeds - 1) * spread.sd**2 for spread in measured) / df
    variances = [test.sd**2 / test.n, variance * (1 / len(a_SN) + 1 / len(b_SN))]
    combined_df = satterthwaite(variances, [test.df, df])
    standard_error = math.sqrt(sum(variances))
    return SeedNoise(
        num_seeds_a=len(a_SN),
        num_seeds_b=len(b_SN),
        a=a,
        b=b,
        baseline=baseline,
        sd=math.sqrt(variance),
        df=df,
        standard_error=standard_error,
        standard_error_df=combined_df,
        limit=float(special.stdtrit(combined_df, (1 + CONFIDENCE) / 2)) * standard_error,
        ci95=hierarchical_bootstrap(a_SN, b_SN) if a is not None and b is not None else None,
    )


def is_within_seed_noise(mean_diff: float, noise: SeedNoise) -> bool:
    """The rule, for a difference that the t-test over cases calls significant: it is within seed noise when

        |mean difference| <= t(0.975, v) sqrt(sd_cases² / n + s² (1 / r_A + 1 / r_B)),

    v after Satterthwaite: when it would not be significant, at the same 5%, had the seeds been drawn anew with the
    cases. Simulated with 76 cases, two arms that differ in nothing but their seed, and three seeds of the baseline:
    with sds of 0.01 for a seed's mean DSC and 0.07 for a case's difference, the t-test over cases alone calls the arms
    different in 32% of the comparisons and with this rule in 5%; with 0.03 in place of 0.01 in 71%, and in 7%.
    """
    return abs(mean_diff) <= noise.limit


def hierarchical_bootstrap(a_SN: Floats, b_SN: Floats) -> tuple[float, float]:
    """95% percentile interval of the mean difference when cases, shared by both arms, and the seeds of each arm are
    drawn anew with replacement: the pigeonhole bootstrap of crossed factors (Owen 2007).

    S seeds show only (S - 1) / S of the variance between seeds, which makes it narrow for two or three.
    """
    rng = np.random.default_rng(SEED)
    num_cases = a_SN.shape[1]
    diffs = []
    for size in _batches(num_cases):
        case_RN = rng.integers(num_cases, size=(size, num_cases)) + num_cases * np.arange(size)[:, None]
        weight_RN = np.bincount(case_RN.ravel(), minlength=size * num_cases).reshape(size, num_cases) / num_cases
        a_R, b_R = (
            np.take_along_axis(
                weight_RN @ scores_SN.T, rng.integers(len(scores_SN), size=(size, len(scores_SN))), 1
            ).mean(axis=1)
            for scores_SN in (a_SN, b_SN)
        )
        diffs.append(b_R - a_R)
    low, high = np.quantile(np.concatenate(diffs), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _batches(num_cases: int) -> Sequence[int]:
    batch = max(1, min(NUM_BOOTSTRAP_RESAMPLES, MAX_DRAWN // num_cases))
    whole, rest = divmod(NUM_BOOTSTRAP_RESAMPLES, batch)
    return [batch] * whole + [rest] * (rest > 0)
