"""Looks at a growing number of seeds, and a p that holds over all of them.

Whoever adds seeds and tests until p is below 0.05 makes more than 5% of false claims (Armitage, McPherson and Rowe
1969, *J. R. Stat. Soc. A* 132:235). Here the looks, and the share of the error that each may spend, are fixed before
any training (alpha spending, after Lan and DeMets 1983, *Biometrika* 70:659). The p over the looks

    p = min over looks k of p_k / share_k

is below any level in at most that share of studies that differ in nothing, wherever they stop: by Bonferroni's
inequality, which needs to know nothing of how the looks depend on each other. They have the same cases and the first
seeds in common, so their increments are not independent, as the usual boundaries want them.
"""

from collections.abc import Callable
from dataclasses import replace

from scipy import special

from hemosweep.stats.claim import Claim
from hemosweep.stats.power import MAX_SEEDS, Equivalence, detectable_difference
from hemosweep.stats.ttest import SIGNIFICANCE_LEVEL

LOOKS = {3: 0.5, 6: 0.25, 12: 0.25}
"""Share of the error by the number of seeds of both arms at a look. Most comparisons end at the first one or never."""
FUTILITY_QUANTILE = 0.9
"""Quantile of the upper end of an 80% interval."""
LOOKS_TEXT, SHARES_TEXT = (
    f"{', '.join(map(str, values[:-1]))} and {values[-1]}" for values in (list(LOOKS), list(LOOKS.values()))
)


def over_looks(
    tested: Claim, equivalent: Equivalence | None, at: Callable[[int], tuple[Claim, Equivalence | None]]
) -> tuple[Claim, Equivalence | None]:
    """The claim, and the test of equivalence, of arms whose seeds were added by looks: p is the one over the looks.

    All else stays that of the seeds at hand, of which the last ones may belong to no look yet. Before the first look
    there is no p and no equivalence.

    Args:
        at: the claim and the test of equivalence with so many first seeds of both arms.
    """
    num_seeds = min(tested.num_seeds_a, tested.num_seeds_b)
    looked = {number: at(number) for number in LOOKS if number <= num_seeds}
    claims = {number: one for number, (one, _) in looked.items()}
    p = _spent({number: one.p for number, one in claims.items()})
    tested = replace(tested, looks=tuple((number, one.p) for number, one in claims.items()), p=p)
    equivalence_p = _spent({number: None if one is None else one.p for number, (_, one) in looked.items()})
    if equivalent is None or equivalence_p is None:
        return tested, None
    return tested, replace(equivalent, p=equivalence_p, shown=equivalence_p < SIGNIFICANCE_LEVEL)


def may_settle(tested: Claim, mean_diff: float, *, num_cases: int) -> bool:
    """True if more seeds may show a difference: `MAX_SEEDS` of them find the largest difference in the 80% interval of
    the claim, with 80% power, if the folds are no source of variance of their own.

    To stop elsewhere never makes a false claim more likely. The bound is generous, as the difference that is observed
    may be too small by chance.
    """
    if tested.components is None or tested.df is None or tested.standard_error is None:
        return False
    largest = abs(mean_diff) + float(special.stdtrit(tested.df, FUTILITY_QUANTILE)) * tested.standard_error
    shown = detectable_difference(
        replace(tested.components, fold=0.0),
        num_cases=num_cases,
        num_folds=max(tested.num_folds, 1),
        num_seeds=MAX_SEEDS,
    )
    return shown <= largest


def _spent(p_values: dict[int, float | None]) -> float | None:
    values = [p / LOOKS[number] for number, p in p_values.items() if p is not None]
    return min(1.0, *values) if values else None
