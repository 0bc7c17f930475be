"""Smallest difference that a design detects, seeds that settle one, and a test that one is too small to matter."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from hemosweep.errors import BadInput
from hemosweep.stats.claim import FOLD_LEVEL, Claim, Components
from hemosweep.stats.groups import satterthwaite
from hemosweep.stats.pairing import Floats
from hemosweep.stats.root import bisect
from hemosweep.stats.ttest import SIGNIFICANCE_LEVEL, above_zero

POWER = 0.8
MAX_SEEDS = 50
"""More seeds of an arm than this are no advice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Equivalence:
    """Two one-sided t-tests that the mean difference lies within ± margin (Schuirmann 1987).

    `p` is the larger of the two; `shown` where it is below 0.05, and then the 90% interval is inside the margin.
    """

    margin: float
    p: float
    ci90: tuple[float, float]
    shown: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerRow:
    """The true difference that a number of seeds of each arm shows with 80% power."""

    num_seeds: int
    difference: float


def minimum_detectable_difference(sd_diff: float, n: int) -> float:
    """The true mean difference that a two-sided 5% t-test of n pairs finds with 80% power, given their sd.

    It is about the design and not about the difference observed: there is no "observed power" here.
    """
    return detected_noncentrality(n - 1) * sd_diff / math.sqrt(n)


def detected_noncentrality(df: float) -> float:
    """The noncentrality, true mean over its standard error, that a two-sided 5% t-test finds with 80% power."""
    critical = float(special.stdtrit(df, 1 - SIGNIFICANCE_LEVEL / 2))

    def missing(noncentrality: float) -> float:
        # In the far tail the opposite sign's share is NaN in place of nothing.
        opposite = float(np.nan_to_num(special.nctdtr(df, noncentrality, -critical)))
        return 1 - float(special.nctdtr(df, noncentrality, critical)) + opposite - POWER

    return bisect(missing, 0.0, 10 + 5 * critical)


def detectable_difference(
    components: Components, *, num_cases: int, num_folds: int, num_seeds: int, repeated: bool = False
) -> float:
    """The true mean difference that the test of the claim (`stats.claim`) finds with 80% power in a design.

    Args:
        num_seeds: seeds of each arm. With one, and where the folds are a source of variance of their own, the degrees
            of freedom are those of the folds. Else the F-test over the folds takes a share of `FOLD_LEVEL` of the
            samples for such, which costs power, and that is counted.
        repeated: each seed has folds of its own (`stats.repeats`): there is no F-test.
    """
    variance = components.variance(num_cases=num_cases, num_folds=num_folds, num_seeds=num_seeds)
    fold_df = max(num_folds - 1, 1)
    if variance == 0:
        return 0.0
    if num_seeds == 1 or (components.fold > 0 and not repeated):
        return detected_noncentrality(fold_df) * math.sqrt(variance)
    training = 2 * components.training**2 / num_seeds / num_folds
    training_df = num_folds * num_seeds - 1 if repeated else 2 * num_folds * (num_seeds - 1)
    parts = [(variance - training, max(num_cases - num_folds, 1)), (training, training_df)]
    df = satterthwaite([part for part, _ in parts], [part_df for _, part_df in parts])
    if repeated or num_folds < 2:
        return detected_noncentrality(df) * math.sqrt(variance)
    df += fold_df
    critical, fold_critical = (float(special.stdtrit(one, 1 - SIGNIFICANCE_LEVEL / 2)) for one in (df, fold_df))
    # Mean of a chi-squared variable beyond its quantile: by so much the fold means vary more where the F-test picks
    # them, though nothing is behind it.
    inflated = float(special.chdtrc(fold_df + 2, special.chdtri(fold_df, FOLD_LEVEL))) / FOLD_LEVEL

    def missing(noncentrality: float) -> float:
        pooled = 1 - float(np.nan_to_num(special.nctdtr(df, noncentrality, critical)))  # NaN in the far tail
        by_folds = float(special.ndtr(noncentrality - fold_critical * math.sqrt(inflated)))
        return (1 - FOLD_LEVEL) * pooled + FOLD_LEVEL * by_folds - POWER

    return bisect(missing, 0.0, 1000.0) * math.sqrt(variance)


def seeds_to_settle(claim: Claim, difference: float, *, num_cases: int) -> int | None:
    """Seeds of each arm, or repeats where there are repeats, with which a true difference of this size is found with
    80% power; None where up to `MAX_SEEDS` are too few, or nothing is known of what makes it vary."""
    if claim.components is None:
        return None
    num_folds, repeated = max(claim.num_folds, 1), claim.basis == "repeats"
    fewest = claim.num_repeats if repeated else max(2, min(claim.num_seeds_a, claim.num_seeds_b))
    for num_seeds in range(fewest, MAX_SEEDS + 1):
        shown = detectable_difference(
            claim.components, num_cases=num_cases, num_folds=num_folds, num_seeds=num_seeds, repeated=repeated
        )
        if shown <= abs(difference):
            return num_seeds
    return None


def check_margin(margin: float) -> None:
    """Raises:
    BadInput: a margin that is not above zero.
    """
    if not (math.isfinite(margin) and margin > 0):
        raise BadInput(f"equivalence margin {margin:g}: give the largest difference that does not matter, above 0")


def equivalence(mean_diff: float, standard_error: float, df: float, margin: float) -> Equivalence:
    """Test that the true mean difference is within the margin, from an estimate and its standard error."""
    check_margin(margin)
    p = float(special.stdtr(df, (abs(mean_diff) - margin) / standard_error))
    half = float(special.stdtrit(df, 1 - SIGNIFICANCE_LEVEL)) * standard_error
    return Equivalence(
        margin=margin, p=above_zero(p), ci90=(mean_diff - half, mean_diff + half), shown=p < SIGNIFICANCE_LEVEL
    )


def equivalence_by_claim(diff_N: Floats, claim: Claim, margin: float | None) -> Equivalence | None:
    """The test of equivalence of paired differences by the error of their claim; None without a margin or an error."""
    if margin is None or claim.standard_error is None or claim.df is None:
        return None
    return equivalence(float(diff_N.mean()), claim.standard_error, claim.df, margin)
