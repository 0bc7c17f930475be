"""The paired differences with and without intraventricular hemorrhage, and whether the two groups differ."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from hemosweep.errors import BadInput
from hemosweep.stats.pairing import Floats
from hemosweep.stats.ttest import CONFIDENCE, mean, mean_test, two_sided_p, varies

IVH_GROUPS = {"yes": "IVH", "no": "no IVH"}
UNLABELLED = "n/a"


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupDifference:
    """The paired cases of a group, such as those with intraventricular hemorrhage. Means are None in an empty group,
    the interval of the mean difference also where it is of one case or the same in all.
    """

    name: str
    n: int
    mean_a: float | None
    mean_b: float | None
    mean_diff: float | None
    sd_diff: float | None
    ci95: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Interaction:
    """Welch's t-test of the difference B - A between the groups: IVH minus no IVH."""

    mean_diff: float
    ci95: tuple[float, float]
    t: float
    df: float
    p: float


def compare_groups(
    case_ids: Sequence[str], a_N: Floats, b_N: Floats, ivh: Mapping[str, str], resolution: float
) -> tuple[tuple[GroupDifference, ...], Interaction | None, list[str]]:
    """The two groups, their interaction where both have two cases or more and a spread, and warnings.

    Raises:
        BadInput: a label other than "yes", "no" and "n/a".
    """
    labels = [ivh.get(case_id, UNLABELLED) for case_id in case_ids]
    for case_id, label in zip(case_ids, labels, strict=True):
        if label not in {*IVH_GROUPS, UNLABELLED}:
            raise BadInput(f"case {case_id}: IVH label {label!r} is unknown; write yes, no or n/a")
    groups, diffs = [], []
    for label, name in IVH_GROUPS.items():
        member_N = np.array([value == label for value in labels], dtype=bool)
        groups.append(group_difference(name, a_N[member_N], b_N[member_N], resolution))
        diffs.append(b_N[member_N] - a_N[member_N])
    unlabelled = [case_id for case_id, label in zip(case_ids, labels, strict=True) if label == UNLABELLED]
    warnings = [f"in neither IVH group, no label: {', '.join(unlabelled)}"] if unlabelled else []
    return tuple(groups), interaction(diffs[0], diffs[1], resolution), warnings


def group_difference(name: str, a_N: Floats, b_N: Floats, resolution: float) -> GroupDifference:
    """Difference B - A in the paired cases of one group."""
    test = mean_test(b_N - a_N, resolution)
    return GroupDifference(
        name=name,
        n=test.n,
        mean_a=mean(a_N),
        mean_b=mean(b_N),
        mean_diff=test.mean,
        sd_diff=test.sd,
        ci95=test.ci95,
    )


def interaction(first_N: Floats, second_N: Floats, resolution: float) -> Interaction | None:
    """Welch's t-test between two sets of differences; None under two cases in either, or no spread in both."""
    if min(first_N.size, second_N.size) < 2 or not (varies(first_N, resolution) or varies(second_N, resolution)):
        return None
    first, second = (
        (float(values_N.mean()), float(values_N.std(ddof=1)), values_N.size) for values_N in (first_N, second_N)
    )
    mean_diff = first[0] - second[0]
    variances = [group_sd**2 / n for _, group_sd, n in (first, second)]
    df = satterthwaite(variances, [first_N.size - 1, second_N.size - 1])
    standard_error = math.sqrt(sum(variances))
    t = mean_diff / standard_error
    half = float(special.stdtrit(df, (1 + CONFIDENCE) / 2)) * standard_error
    return Interaction(
        mean_diff=mean_diff,
        ci95=(mean_diff - half, mean_diff + half),
        t=t,
        df=df,
        p=two_sided_p(t, df),
    )


def satterthwaite(variances: Sequence[float], dfs: Sequence[int]) -> float:
    """Degrees of freedom of a sum of independent variance estimates (Satterthwaite 1946)."""
    return sum(variances) ** 2 / sum(variance**2 / df for variance, df in zip(variances, dfs, strict=True))
