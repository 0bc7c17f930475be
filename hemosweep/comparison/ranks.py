"""Ranks of the arms of a sweep, from the sides of its comparisons."""

import math
from collections.abc import Mapping

import numpy as np

from hemosweep.comparison.sides import Side
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.pairing import to_floats
from hemosweep.stats.ranks import ArmRank, rank_arms


def rank_sides(sides: Mapping[str, Side], metric: MetricDescription) -> tuple[ArmRank, ...]:
    """Ranks of arms over the cases that every seed of each scored; none for under three arms."""
    seeds = {arm: [to_floats(scores) for scores in side.seeds] for arm, side in sides.items()}
    every = [scores for by_seed in seeds.values() for scores in by_seed]
    shared = sorted(set(every[0]).intersection(*every)) if every else []
    case_ids = [case_id for case_id in shared if all(math.isfinite(scores[case_id]) for scores in every)]
    arms = {
        arm: np.array([[scores[case_id] for case_id in case_ids] for scores in by_seed], dtype=np.float64)
        for arm, by_seed in seeds.items()
    }
    return rank_arms(arms, metric)
