"""Training noise of one arm: what one training does to all test cases of its fold, from trainings with several seeds.

Score of case i in fold k with seed s: y = mu + case_i + training_sk + rest_si, all of them random. Within a fold, the
means over the cases differ between seeds by training noise and by the rest of m cases (Searle, Casella and McCulloch
1992, *Variance components*, ch. 4: nested analysis of variance, moment estimators).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemosweep.stats.pairing import Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingNoise:
    """Variance components of S seeds of an arm over K folds.

    `seeds` is the mean square of a fold's mean score between seeds, with `df` = K (S - 1) degrees of freedom: training
    noise and `share` of the rest. `rest` is the mean square of what seed and case do together, with `rest_df`.
    """

    num_seeds: int
    seeds: float
    df: int
    rest: float
    rest_df: int
    share: float

    @property
    def variance(self) -> float:
        """Variance of training noise; its estimate is kept from falling below zero."""
        return max(0.0, self.seeds - self.share * self.rest)


def training_noise(scores_SN: Floats, fold_N: NDArray[np.intp]) -> TrainingNoise | None:
    """Training noise of S seeds over N cases; None for one seed or no case.

    Args:
        fold_N: number of the fold of each case, from 0, without a gap. Where folds are not known, all cases are one:
            the noise is then that of the mean over all cases.
    """
    num_seeds, num_cases = scores_SN.shape
    if num_seeds < 2 or num_cases == 0:
        return None
    size_K = np.bincount(fold_N)
    centred_SN = scores_SN - scores_SN.mean(axis=0)
    mean_SK = np.stack([np.bincount(fold_N, weights=row) / size_K for row in centred_SN])
    rest_SN = centred_SN - mean_SK[:, fold_N]
    df, rest_df = size_K.size * (num_seeds - 1), (num_cases - size_K.size) * (num_seeds - 1)
    return TrainingNoise(
        num_seeds=num_seeds,
        seeds=float((mean_SK**2).sum()) / df,
        df=df,
        rest=float((rest_SN**2).sum()) / rest_df if rest_df else 0.0,
        rest_df=rest_df,
        share=float((1 / size_K).mean()),
    )
