"""Summary of one arm's case scores as in the paper's tables: mean, spread, and the two IVH groups."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Dice scores of one set of cases.

    Spreads are sample standard deviations (n - 1 in the denominator). A value that does not exist is None: every value
    of an empty group, and the deviation of a single case. `num_cases` counts the undefined cases too.
    """

    mean: float | None
    std: float | None
    median: float | None
    min: float | None
    max: float | None
    ivh_mean: float | None
    ivh_std: float | None
    no_ivh_mean: float | None
    no_ivh_std: float | None
    num_cases: int
    num_undefined: int


def summarise(dsc: Sequence[float], ivh: Sequence[str]) -> Summary:
    """Summarise Dice scores, one per case.

    Undefined scores (NaN: the reference is empty) are counted and left out of every statistic. A case whose `ivh` is
    "n/a" counts in the overall statistics and in neither group.

    Raises:
        ValueError: the two sequences differ in length.
    """
    defined = [(score, group) for score, group in zip(dsc, ivh, strict=True) if not math.isnan(score)]
    scores = [score for score, _ in defined]
    ivh_scores = [score for score, group in defined if group == "yes"]
    no_ivh_scores = [score for score, group in defined if group == "no"]
    return Summary(
        mean=_mean(scores),
        std=_std(scores),
        median=median(scores) if scores else None,
        min=min(scores, default=None),
        max=max(scores, default=None),
        ivh_mean=_mean(ivh_scores),
        ivh_std=_std(ivh_scores),
        no_ivh_mean=_mean(no_ivh_scores),
        no_ivh_std=_std(no_ivh_scores),
        num_cases=len(dsc),
        num_undefined=len(dsc) - len(defined),
    )


def _mean(scores: Sequence[float]) -> float | None:
    return fmean(scores) if scores else None


def _std(scores: Sequence[float]) -> float | None:
    return stdev(scores) if len(scores) > 1 else None
