"""Repeated cross-validation: the claim over several splits of the same cases into folds, and Nadeau and Bengio's test.

In repeat r each case is tested by the trainings of its fold k. The difference of case i,

    d = mu + case_i + cell_rk + rest_ri,

holds in `cell` all that a training and its training set do to the cases of their fold. As a case meets other folds in
each repeat, cells and cases can be told apart: contrasts between the repeats of a case have no case in them, and their
regression on the cells gives the variance of a cell (Henderson's method 3; Searle, Casella and McCulloch 1992, ch. 5).
It needs no term for the training set, which one split cannot measure.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hemosweep.stats.claim import Claim, Components, case_variance, root, with_test
from hemosweep.stats.pairing import Floats, Pairs
from hemosweep.stats.partition import SharedSplit
from hemosweep.stats.ttest import MeanTest, mean_test, scaled_test, varies

NEGLIGIBLE = 1e-8
"""An eigenvalue below this share of the largest is none."""


def by_repeat(pairs: Pairs, repeats: Sequence[SharedSplit]) -> Pairs:
    """The pairs with one score of each case a repeat, the mean over its seeds: each repeat counts alike."""
    return replace(
        pairs,
        a_SN=np.stack([pairs.a_SN[list(repeat.seeds_a)].mean(axis=0) for repeat in repeats]),
        b_SN=np.stack([pairs.b_SN[list(repeat.seeds_b)].mean(axis=0) for repeat in repeats]),
    )


def claim_of_repeats(pairs: Pairs, repeats: Sequence[SharedSplit], units: Sequence[int] | None) -> Claim:
    """The claim over pairs that were put together `by_repeat`. `units` as `repeated_claim`."""
    return repeated_claim(
        pairs.b_SN - pairs.a_SN,
        np.array([repeat.folds for repeat in repeats], dtype=np.intp),
        num_seeds=(len(repeats[0].seeds_a), len(repeats[0].seeds_b)),
        units=units,
        resolution=pairs.resolution,
    )


def fold_means_of_repeats(pairs: Pairs, repeats: Sequence[SharedSplit]) -> Floats:
    """Mean difference of each fold of each repeat, of pairs that were put together `by_repeat`."""
    diff_RN = pairs.b_SN - pairs.a_SN
    return np.concatenate(
        [
            np.bincount(repeat.folds, weights=diff_N) / np.bincount(repeat.folds)
            for repeat, diff_N in zip(repeats, diff_RN, strict=True)
        ]
    )


def repeated_claim(
    diff_RN: Floats,
    fold_RN: NDArray[np.intp],
    *,
    num_seeds: tuple[int, int],
    units: Sequence[int] | None,
    resolution: float,
) -> Claim:
    """Test the mean difference B - A over R repeats of N paired cases.

    Args:
        diff_RN: difference of each case in each repeat, mean over the seeds of that repeat.
        fold_RN: number of the fold of each case in each repeat, from 0, without a gap.
        num_seeds: trainings of A and of B in one repeat and fold.
        units: number of the patient of each case; None where each has its own.
        resolution: step below which a difference is floating-point noise.
    """
    num_repeats, num_cases = diff_RN.shape
    num_folds = int(fold_RN.max()) + 1
    mean_N = diff_RN.mean(axis=0)
    empty = Claim(
        basis=None,
        num_seeds_a=num_seeds[0],
        num_seeds_b=num_seeds[1],
        num_folds=num_folds,
        num_repeats=num_repeats,
    )
    cases = case_variance(mean_N - mean_N.mean(), np.zeros(num_cases, dtype=np.intp), units)
    if not varies(mean_N, resolution) or cases is None:
        return empty
    case, case_df = cases
    cell_RNC = np.zeros((num_repeats, num_cases, num_repeats * num_folds))
    cell_RN = fold_RN + num_folds * np.arange(num_repeats)[:, None]
    cell_RNC[np.arange(num_repeats)[:, None], np.arange(num_cases), cell_RN] = 1.0

    contrast_RN = diff_RN - mean_N
    centred_XC = (cell_RNC - cell_RNC.mean(axis=0)).reshape(-1, cell_RNC.shape[2])
    eigenvalue_C, vector_CC = np.linalg.eigh(centred_XC.T @ centred_XC)
    kept_C = eigenvalue_C > NEGLIGIBLE * eigenvalue_C.max()
    projected_C = vector_CC[:, kept_C].T @ (centred_XC.T @ contrast_RN.ravel())
    cells_square = float((projected_C**2 / eigenvalue_C[kept_C]).sum())
    df = int(kept_C.sum())
    rest_df = num_cases * (num_repeats - 1) - df
    rest = max(0.0, float((contrast_RN**2).sum()) - cells_square) / rest_df if rest_df > 0 else 0.0
    cells, size = cells_square / df, float(eigenvalue_C[kept_C].sum()) / df
    training = max(0.0, (cells - rest) / size)

    # The mean over repeats of each case has some of its cells in it, which its variance over cases counts already.
    share_NC = cell_RNC.mean(axis=0)
    counted = float(((share_NC - share_NC.mean(axis=0)) ** 2).sum()) / (num_cases - 1)
    weight = float((share_NC.mean(axis=0) ** 2).sum()) - counted / num_cases
    terms = [(case / num_cases, case_df)]
    if training > 0:
        terms += [(weight * cells / size, df), (-weight * rest / size, rest_df)]
    variance = sum(term for term, _ in terms)
    per_seed = 1 / num_seeds[0] + 1 / num_seeds[1]
    components = Components(
        case=root(case - counted * training - rest / num_repeats),
        rest=root(rest / per_seed),
        training=root(training / per_seed),
        fold=0.0,
    )
    return with_test(
        empty,
        float(mean_N.mean()),
        variance,
        variance**2 / sum(term**2 / term_df for term, term_df in terms if term_df > 0),
        components,
        basis="repeats",
    )


def corrected_test(mean_J: Floats, num_folds: int, resolution: float) -> MeanTest:
    """Corrected resampled t-test of Nadeau and Bengio (2003, *Machine Learning* 52:239, section 3) over the mean
    differences of J folds, of all repeats together.

    The variance of their mean is taken as (1 / J + n_test / n_train) times their own, n_test / n_train = 1 / (K - 1).
    """
    test = mean_test(mean_J, resolution)
    return scaled_test(test, 1 + test.n / (num_folds - 1)) if num_folds > 1 else test
