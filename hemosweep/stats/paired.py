"""Two arms scored on the same cases: the paper's dependent t-test, with what it leaves unsaid.

The difference is always B - A, paired by case id. Cases are taken in the order of their ids, so that the same scores
give the same digits whatever order they come in.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hemosweep.errors import BadInput

Status = Literal["ok", "identical", "zero_variance", "too_few_pairs"]

# Differences equal to nine digits are equal: 0.85 - 0.80 and 0.15 - 0.10 differ only by floating-point noise.
DIFFERENCE_DIGITS = 9
DIFFERENCE_NOISE = 10.0**-DIFFERENCE_DIGITS
SIGNIFICANCE_LEVEL = 0.05
# Strict bounds, as in the paper.
STAR_BOUNDS = (0.05, 0.01, 0.005, 0.001)
NUM_EXTREME_CASES = 5
IVH_GROUPS = {"yes": "IVH", "no": "no IVH"}


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupDifference:
    """The paired cases with, or without, intraventricular hemorrhage. Means are None in an empty group."""

    name: str
    n: int
    mean_a: float | None
    mean_b: float | None
    mean_diff: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedComparison:
    """What the paired cases say about B - A (DSC, 0 to 1). A number that does not exist is None.

    Means and standard deviations (n - 1 in the denominator) are over the `n` paired cases only. `t`, `df`, `p` and
    `ci95` belong to the dependent t-test and exist only where `status` is "ok"; `wilcoxon_p` exists wherever one
    difference is not zero. `wins` counts the cases where B is higher. `worst` and `best` hold up to five
    (case id, difference), from the lowest and from the highest difference. `groups` is empty where the IVH labels
    were not given. `excluded` lists every case id that could not be paired; `warnings` says why.
    """

    status: Status
    n: int
    mean_a: float | None
    mean_b: float | None
    sd_a: float | None
    sd_b: float | None
    mean_diff: float | None
    sd_diff: float | None
    ci95: tuple[float, float] | None
    t: float | None
    df: int | None
    p: float | None
    stars: str
    dz: float | None
    wilcoxon_p: float | None
    wins: int
    ties: int
    losses: int
    excluded: tuple[str, ...]
    warnings: tuple[str, ...]
    worst: tuple[tuple[str, float], ...]
    best: tuple[tuple[str, float], ...]
    groups: tuple[GroupDifference, ...]
    verdict: str


def paired_comparison(
    a: Mapping[str, float], b: Mapping[str, float], *, ivh: Mapping[str, str] | None = None
) -> PairedComparison:
    """Compare two arms' DSC over the cases that both have; the dependent t-test is the paper's (section 2.3).

    Args:
        a: case id to DSC of the arm that is the baseline; NaN = not computed.
        b: the same for the other arm.
        ivh: case id to "yes", "no" or "n/a"; cases that are not in it count as "n/a".

    Raises:
        BadInput: no common case id, a finite value outside [0, 1], or an unknown IVH label.
    """
    _check_scores("A", a)
    _check_scores("B", b)
    common = a.keys() & b.keys()
    if not common:
        raise BadInput(
            f"A ({len(a)} cases) and B ({len(b)} cases) share no case id; compare two runs of the same data set"
        )
    excluded_by_reason = {
        "not scored in A": b.keys() - common,
        "not scored in B": a.keys() - common,
        "not computed (NaN) in A": {case_id for case_id in common if math.isnan(a[case_id])},
        "not computed (NaN) in B": {case_id for case_id in common if math.isnan(b[case_id])},
        "infinite in A": {case_id for case_id in common if math.isinf(a[case_id])},
        "infinite in B": {case_id for case_id in common if math.isinf(b[case_id])},
    }
    excluded = set[str]().union(*excluded_by_reason.values())
    warnings = [
        f"excluded, {reason}: {', '.join(sorted(case_ids))}"
        for reason, case_ids in excluded_by_reason.items()
        if case_ids
    ]
    case_ids = sorted(common - excluded)
    a_n = np.array([a[case_id] for case_id in case_ids], dtype=np.float64)
    b_n = np.array([b[case_id] for case_id in case_ids], dtype=np.float64)
    groups: tuple[GroupDifference, ...] = ()
    if ivh is not None:
        groups, unlabelled = _ivh_groups(case_ids, a_n, b_n, ivh)
        if unlabelled:
            warnings.append(f"in neither IVH group, no label: {', '.join(unlabelled)}")

    diff_n = b_n - a_n
    rounded_n = np.round(diff_n, DIFFERENCE_DIGITS)
    n = len(case_ids)
    status = _status(diff_n, rounded_n)
    mean_diff, sd_diff = _mean(diff_n), _sd(diff_n)
    t, p, ci95 = _t_test(a_n, b_n) if status == "ok" else (None, None, None)
    ascending = sorted(zip(diff_n.tolist(), case_ids, strict=True))
    return PairedComparison(
        status=status,
        n=n,
        mean_a=_mean(a_n),
        mean_b=_mean(b_n),
        sd_a=_sd(a_n),
        sd_b=_sd(b_n),
        mean_diff=mean_diff,
        sd_diff=sd_diff,
        ci95=ci95,
        t=t,
        df=n - 1 if status == "ok" else None,
        p=p,
        stars="" if p is None else "*" * sum(p < bound for bound in STAR_BOUNDS),
        dz=mean_diff / sd_diff if status == "ok" and mean_diff is not None and sd_diff else None,
        wilcoxon_p=_wilcoxon_p(rounded_n) if n >= 2 else None,
        wins=int((rounded_n > 0).sum()),
        ties=int((rounded_n == 0).sum()),
        losses=int((rounded_n < 0).sum()),
        excluded=tuple(sorted(excluded)),
        warnings=tuple(warnings),
        worst=tuple((case_id, diff) for diff, case_id in ascending[:NUM_EXTREME_CASES]),
        best=tuple((case_id, diff) for diff, case_id in ascending[: -NUM_EXTREME_CASES - 1 : -1]),
        groups=groups,
        verdict=_verdict(status, n, mean_diff, p),
    )


def to_json(comparison: PairedComparison) -> dict[str, object]:
    """The comparison as JSON types, with None for what does not exist."""
    plain: dict[str, object] = asdict(comparison)
    plain["ci95"] = None if comparison.ci95 is None else list(comparison.ci95)
    for name in ("excluded", "warnings", "groups"):
        plain[name] = list(plain[name])  # type: ignore[call-overload]
    for name in ("worst", "best"):
        plain[name] = [{"case_id": case_id, "diff": diff} for case_id, diff in getattr(comparison, name)]
    return plain


def _check_scores(arm: str, scores: Mapping[str, float]) -> None:
    finite = {case_id: value for case_id, value in scores.items() if math.isfinite(value)}
    outside = [case_id for case_id, value in finite.items() if not 0.0 <= value <= 1.0]
    if outside:
        case_id = outside[0]
        percent = min(finite.values()) >= 0.0 and 2.0 <= max(finite.values()) <= 100.0
        way_out = "looks like percent, divide by 100" if percent else "score the case again"
        raise BadInput(f"{arm}, case {case_id}: DSC {finite[case_id]:g} is outside [0, 1]; {way_out}")


def _ivh_groups(
    case_ids: list[str], a_n: NDArray[np.float64], b_n: NDArray[np.float64], ivh: Mapping[str, str]
) -> tuple[tuple[GroupDifference, ...], list[str]]:
    """The two groups, and the ids of the cases in neither."""
    labels = [ivh.get(case_id, "n/a") for case_id in case_ids]
    for case_id, label in zip(case_ids, labels, strict=True):
        if label not in {*IVH_GROUPS, "n/a"}:
            raise BadInput(f"case {case_id}: IVH label {label!r} is unknown; write yes, no or n/a")
    groups = []
    for label, name in IVH_GROUPS.items():
        member_n = np.array([own == label for own in labels], dtype=bool)
        groups.append(
            GroupDifference(
                name=name,
                n=int(member_n.sum()),
                mean_a=_mean(a_n[member_n]),
                mean_b=_mean(b_n[member_n]),
                mean_diff=_mean(b_n[member_n] - a_n[member_n]),
            )
        )
    return tuple(groups), [case_id for case_id, label in zip(case_ids, labels, strict=True) if label == "n/a"]


def _status(diff_n: NDArray[np.float64], rounded_n: NDArray[np.float64]) -> Status:
    if diff_n.size < 2:
        return "too_few_pairs"
    if not rounded_n.any():
        return "identical"
    return "zero_variance" if np.ptp(diff_n) <= DIFFERENCE_NOISE else "ok"


def _mean(values_n: NDArray[np.float64]) -> float | None:
    return float(values_n.mean()) if values_n.size else None


def _sd(values_n: NDArray[np.float64]) -> float | None:
    return float(values_n.std(ddof=1)) if values_n.size > 1 else None


def _t_test(a_n: NDArray[np.float64], b_n: NDArray[np.float64]) -> tuple[float, float, tuple[float, float]]:
    result = stats.ttest_rel(b_n, a_n)
    low, high = result.confidence_interval(0.95)
    return float(result.statistic), _above_zero(float(result.pvalue)), (float(low), float(high))


def _wilcoxon_p(rounded_n: NDArray[np.float64]) -> float | None:
    return _above_zero(float(stats.wilcoxon(rounded_n).pvalue)) if rounded_n.any() else None


def _above_zero(p: float) -> float:
    # A p-value too small for a double exists all the same.
    return max(p, float(np.finfo(np.float64).tiny))


def _verdict(status: Status, n: int, mean_diff: float | None, p: float | None) -> str:
    not_covered = "seed and training-set variance are not covered"
    if p is not None and mean_diff is not None:
        numbers = f"mean difference {mean_diff:+.3f} DSC over {n} paired cases, {_p_text(p)}"
        if p >= SIGNIFICANCE_LEVEL:
            return f"No evidence of a difference between A and B ({numbers}), nor of equality; {not_covered}."
        return f"B is {'better' if mean_diff > 0 else 'worse'} than A ({numbers}); {not_covered}."
    if status == "identical":
        why = f"A and B score the same on all {n} paired cases"
    elif status == "zero_variance":
        why = f"B differs from A by the same {mean_diff:+.3f} DSC on all {n} paired cases"
    else:
        why = f"the t-test needs two paired cases and there {'is one' if n == 1 else 'are none'}"
    return f"Not testable: {why}; {not_covered}."


def _p_text(p: float) -> str:
    return f"p = {p:.4f}" if p >= 0.0001 else "p < 0.0001"
