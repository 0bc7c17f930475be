"""Ranks of three arms or more, and how firm they are: the bootstrap distribution of each arm's rank.

A table that is sorted by the mean is read as an order. Drawn anew are the cases, the same for all arms, and the seeds
of each arm: the pigeonhole bootstrap of crossed factors (Owen 2007, *Annals of Applied Statistics* 1:386). Ranks are
less certain still than it shows: an arm with one seed keeps its training noise (Bouthillier et al. 2021).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.pairing import Floats
from hemosweep.stats.robust import MAX_DRAWN, SEED
from hemosweep.stats.ttest import CONFIDENCE

NUM_RESAMPLES = 9999
MIN_ARMS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmRank:
    """Rank of an arm by its mean score, 1 for the best.

    `shares` are those of the resamples in which the arm has rank 1, 2, and so on; `ci95` holds the middle 95% of its
    ranks.
    """

    arm: str
    num_seeds: int
    mean: float
    rank: int
    ci95: tuple[int, int]
    shares: tuple[float, ...]


def rank_arms(arms: Mapping[str, Floats], metric: MetricDescription) -> tuple[ArmRank, ...]:
    """Ranks of arms, the best first; none for under three arms, no case, or a metric without a better direction.

    Equal means share no rank: which of them comes first is drawn.

    Args:
        arms: scores of S seeds over the same N cases, (S, N), by arm.
    """
    num_cases = min((scores_SN.shape[1] for scores_SN in arms.values()), default=0)
    if len(arms) < MIN_ARMS or num_cases == 0 or metric.higher_is_better is None:
        return ()
    rng = np.random.default_rng(SEED)
    batch = max(1, min(NUM_RESAMPLES, MAX_DRAWN // num_cases))
    drawn = []
    for start in range(0, NUM_RESAMPLES, batch):
        size = min(batch, NUM_RESAMPLES - start)
        case_RN = rng.integers(num_cases, size=(size, num_cases)) + num_cases * np.arange(size)[:, None]
        weight_RN = np.bincount(case_RN.ravel(), minlength=size * num_cases).reshape(size, num_cases) / num_cases
        means = []
        for scores_SN in arms.values():
            seed_RS = rng.integers(len(scores_SN), size=(size, len(scores_SN)))
            means.append(np.take_along_axis(weight_RN @ scores_SN.T, seed_RS, 1).mean(axis=1))
        drawn.append(_ranks(np.stack(means, axis=1), metric, rng))
    rank_RA = np.concatenate(drawn)
    observed_A = np.array([scores_SN.mean() for scores_SN in arms.values()])
    order_A = _ranks(observed_A[None], metric, rng)[0]
    tail = (1 - CONFIDENCE) / 2
    ranks = [
        ArmRank(
            arm=arm,
            num_seeds=len(scores_SN),
            mean=float(observed_A[place]),
            rank=int(order_A[place]),
            ci95=(
                int(np.quantile(rank_RA[:, place], tail, method="inverted_cdf")),
                int(np.quantile(rank_RA[:, place], 1 - tail, method="inverted_cdf")),
            ),
            shares=tuple((np.bincount(rank_RA[:, place], minlength=len(arms) + 1)[1:] / NUM_RESAMPLES).tolist()),
        )
        for place, (arm, scores_SN) in enumerate(arms.items())
    ]
    return tuple(sorted(ranks, key=lambda one: one.rank))


def _ranks(
    mean_RA: Floats, metric: MetricDescription, rng: np.random.Generator
) -> "np.ndarray[tuple[int, int], np.dtype[np.intp]]":
    """Rank of each arm in each resample, 1 for the best; ties in an order that is drawn."""
    turned_RA = -mean_RA if metric.higher_is_better else mean_RA
    order_RA = np.lexsort((rng.random(mean_RA.shape), np.round(turned_RA, 12)), axis=1)
    return np.asarray(np.argsort(order_RA, axis=1) + 1)
