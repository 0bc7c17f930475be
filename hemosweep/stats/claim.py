"""One p for a claim: that B differs from A had other cases been scanned, and both been trained again.

A t-test over cases takes the trained models as given. Here cases, seeds and folds are random, and each counts once
(Bouthillier et al. 2021, *Accounting for variance in machine learning benchmarks*). The difference of case i in fold k,
mean over r_A and r_B seeds, is

    d = mu + fold_k + case_i + training noise of both arms in fold k,

where `fold_k` is what the fold's training set does to one arm and not to the other. Its mean has the variance

    case / n + c (training_A / r_A + training_B / r_B + fold),    c = sum of (n_k / n)², 1 / K for equal folds.

**Several seeds of both arms.** Cases within folds and seeds within folds give the first two terms, with the degrees of
freedom of Satterthwaite (1946). The fold means give the whole, the third term with it, by K - 1 degrees of freedom.
Where an F-test says that the folds differ by more than cases and seeds account for, at 20%, the fold means are the
measure; else both are pooled by their degrees of freedom: Bancroft's (1964, *Biometrics* 20:427) sometimes-pool test,
with a level between the 5% and 25% that he studies.

**Else the folds alone** tell what training does: Student's t over the K fold means, each weighted with its cases, K - 1
degrees of freedom (for unequal folds the cluster-robust variance, Cameron and Miller 2015, eq. 11). It is exact for
equal folds, whatever training does, and has little power. Fold means that vary less than their cases make them do so by
chance: the variance is kept from falling below that of the cases.

**Repeated cross-validation**, in which each repeat draws other folds, is in `stats.repeats`: it counts training sets
too. Those of two folds of one split share most of their cases, which no test over these folds sees (Bengio and
Grandvalet 2004). `tests/benchmarks/calibration.py` prints how often all this is wrong.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from hemosweep.stats.pairing import Floats
from hemosweep.stats.training import TrainingNoise, training_noise
from hemosweep.stats.ttest import CONFIDENCE, two_sided_p, varies

FOLD_LEVEL = 0.2
"""Level of the F-test by which the folds count as a source of variance of their own."""

Basis = Literal["seeds", "folds", "repeats"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Components:
    """Standard deviations of what makes a difference B - A vary, and the design that they were measured in.

    `case` is that of one case's difference between two arms with endless seeds, `rest` of what one training does to one
    case, `training` of what it does to all cases of its fold (the mean of both arms' variances), `fold` of what a
    fold's training set does to B - A. With one seed an arm, `rest` is in `case` and `fold` in `training`; in repeats
    `fold` is in `training` too.
    """

    case: float
    rest: float
    training: float
    fold: float

    def variance(self, *, num_cases: int, num_folds: int, num_seeds: int) -> float:
        """Variance of the mean difference in a design with so many seeds of each arm and equal folds."""
        per_case = self.case**2 + 2 * self.rest**2 / num_seeds
        per_fold = self.fold**2 + 2 * self.training**2 / num_seeds
        return per_case / num_cases + per_fold / num_folds


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """Test that B - A is zero when cases, seeds and folds are random.

    `basis` is what training noise was measured from, None where nothing can: then there is no p. `folds_count` is true
    where the fold means are the measure; `fold_p` belongs to the F-test that decided it, None where the folds are the
    only measure, or there is one fold. `num_repeats` is the number of splits into folds. `looks` are the number of
    seeds and the p of each look at arms whose seeds were added by looks (`stats.looks`), whose `p` is the one over the
    looks; None for any other design.
    """

    basis: Basis | None
    num_seeds_a: int
    num_seeds_b: int
    num_folds: int
    num_repeats: int = 1
    folds_count: bool = False
    fold_p: float | None = None
    standard_error: float | None = None
    df: float | None = None
    t: float | None = None
    p: float | None = None
    ci95: tuple[float, float] | None = None
    components: Components | None = None
    looks: tuple[tuple[int, float | None], ...] | None = None


def claim(
    a_SN: Floats,
    b_SN: Floats,
    folds: Sequence[str] | None,
    units: Sequence[int] | None,
    resolution: float,
) -> Claim:
    """Test the mean difference B - A of S seeds of each arm over N paired cases.

    Args:
        folds: name of the fold of each case; None where A's and B's folds are not known, or not the same.
        units: number of the patient of each case, for cases that are not independent; None where each has its own.
        resolution: step below which a difference is floating-point noise.
    """
    diff_N = b_SN.mean(axis=0) - a_SN.mean(axis=0)
    fold_N, num_folds = _numbered(folds, diff_N.size)
    a, b = training_noise(a_SN, fold_N), training_noise(b_SN, fold_N)
    empty = Claim(
        basis=None,
        num_seeds_a=len(a_SN),
        num_seeds_b=len(b_SN),
        num_folds=num_folds if folds is not None else 0,
    )
    if not varies(diff_N, resolution):
        return empty
    size_K = np.bincount(fold_N)
    mean_K = np.bincount(fold_N, weights=diff_N) / size_K
    c = float(((size_K / diff_N.size) ** 2).sum())
    cases = case_variance(diff_N - mean_K[fold_N], fold_N, units)
    between = _fold_variance(mean_K, size_K)
    if a is not None and b is not None and cases is not None:
        return _by_seeds(empty, diff_N, cases, (a, b), between, c)
    if between is not None and (between[0] > 0 or cases is not None):
        return _by_folds(empty, diff_N, between, cases, c)
    return empty


def _by_seeds(
    empty: Claim,
    diff_N: Floats,
    cases: tuple[float, int],
    arms: tuple[TrainingNoise, TrainingNoise],
    between: tuple[float, int] | None,
    c: float,
) -> Claim:
    case, case_df = cases
    terms = [(case / diff_N.size, case_df)]
    for arm in arms:
        if arm.variance > 0:
            weight = c / arm.num_seeds
            terms += [(weight * arm.seeds, arm.df), (-weight * arm.share * arm.rest, arm.rest_df)]
    within = sum(term for term, _ in terms)
    within_df = within**2 / sum(term**2 / df for term, df in terms)
    variance, df, fold_p, counts = within, within_df, None, False
    if between is not None:
        fold_variance, fold_df = between
        fold_p = float(special.fdtrc(fold_df, within_df, fold_variance / within))
        counts = fold_p < FOLD_LEVEL
        if counts:
            variance, df = fold_variance, float(fold_df)
        else:
            df = within_df + fold_df
            variance = (within_df * within + fold_df * fold_variance) / df
    rest = (arms[0].rest + arms[1].rest) / 2
    components = Components(
        case=root(case - sum(arm.rest / arm.num_seeds for arm in arms)),
        rest=root(rest),
        training=root((arms[0].variance + arms[1].variance) / 2),
        fold=root((variance - within) / c) if counts else 0.0,
    )
    return with_test(
        empty, float(diff_N.mean()), variance, df, components, basis="seeds", folds_count=counts, fold_p=fold_p
    )


def _by_folds(
    empty: Claim, diff_N: Floats, between: tuple[float, int], cases: tuple[float, int] | None, c: float
) -> Claim:
    case = 0.0 if cases is None else cases[0]
    variance, df = max(between[0], case / diff_N.size), between[1]
    seeds = 1 / empty.num_seeds_a + 1 / empty.num_seeds_b
    training = max(0.0, variance - case / diff_N.size) / c / seeds
    components = Components(case=root(case), rest=0.0, training=root(training), fold=0.0)
    return with_test(empty, float(diff_N.mean()), variance, float(df), components, basis="folds", folds_count=True)


def with_test(
    empty: Claim,
    mean: float,
    variance: float,
    df: float,
    components: Components,
    *,
    basis: Basis,
    folds_count: bool = False,
    fold_p: float | None = None,
) -> Claim:
    """The claim with the test of a mean difference of this variance."""
    standard_error = math.sqrt(variance)
    t = mean / standard_error
    half = float(special.stdtrit(df, (1 + CONFIDENCE) / 2)) * standard_error
    return replace(
        empty,
        basis=basis,
        folds_count=folds_count,
        fold_p=fold_p,
        standard_error=standard_error,
        df=df,
        t=t,
        p=two_sided_p(t, df),
        ci95=(mean - half, mean + half),
        components=components,
    )


def _numbered(folds: Sequence[str] | None, num_cases: int) -> tuple[NDArray[np.intp], int]:
    """Number of the fold of each case, and of folds; all cases are one fold where none is known."""
    if folds is None:
        return np.zeros(num_cases, dtype=np.intp), 1
    names, fold_N = np.unique(np.array(folds, dtype=np.str_), return_inverse=True)
    return fold_N.astype(np.intp), names.size


def case_variance(centred_N: Floats, fold_N: NDArray[np.intp], units: Sequence[int] | None) -> tuple[float, int] | None:
    """Mean square of the differences within folds, of one case, and its degrees of freedom; None where it has none.

    Cases of one patient count as one mean, with the weight of its cases. A patient is in one fold.
    """
    unit_N = np.arange(centred_N.size) if units is None else np.unique(np.array(units), return_inverse=True)[1]
    size_U = np.bincount(unit_N)
    mean_U = np.bincount(unit_N, weights=centred_N) / size_U
    df = size_U.size - np.unique(fold_N).size
    square = float((size_U * mean_U**2).sum())
    if df < 1 or square <= 0:
        return None
    # The variance of a mean over n cases is sum(size²) / n² of that of a patient's mean, and not 1 / n of a case's.
    return square / df * float((size_U**2).sum()) / (centred_N.size * float(size_U.mean())), df


def _fold_variance(mean_K: Floats, size_K: NDArray[np.intp]) -> tuple[float, int] | None:
    """Variance of the mean over all cases as the fold means show it, and its degrees of freedom; None for one fold."""
    if mean_K.size < 2:
        return None
    share_K = size_K / size_K.sum()
    df = mean_K.size - 1
    return float((share_K**2 * (mean_K - share_K @ mean_K) ** 2).sum()) * mean_K.size / df, df


def root(variance: float) -> float:
    """Standard deviation; an estimate of a variance that fell below zero counts as zero."""
    return math.sqrt(max(0.0, variance))
