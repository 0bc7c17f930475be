"""Scores of two arms, paired by case id; every case that cannot be paired is named with the reason.

Cases are sorted by id, so that the same scores give the same digits in any order.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemosweep.errors import BadInput
from hemosweep.ids import by_id
from hemosweep.scores.metric import MetricDescription, check_range
from hemosweep.scores.table import Scores

Floats = NDArray[np.float64]

# Scores that agree to nine digits are equal: 0.85 - 0.80 and 0.15 - 0.10 differ only by floating-point noise.
NUM_DIGITS = 9
MAX_NAMED_CASES = 10


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pairs:
    """The cases that both arms have, ascending by id: S seeds of an arm, N cases.

    `resolution` is the step below which a difference is floating-point noise: 1e-9 for scores up to one, and the ninth
    digit of the largest score above that.
    """

    case_ids: tuple[str, ...]
    a_SN: Floats
    b_SN: Floats
    resolution: float
    excluded: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def a_N(self) -> Floats:
        return np.asarray(self.a_SN.mean(axis=0))

    @property
    def b_N(self) -> Floats:
        return np.asarray(self.b_SN.mean(axis=0))

    @property
    def diff_N(self) -> Floats:
        return self.b_N - self.a_N

    @property
    def steps_N(self) -> NDArray[np.int64]:
        """The differences as whole numbers of `resolution`, in which ties and zeros are exact."""
        return np.rint(self.diff_N / self.resolution).astype(np.int64)


def pair(a: Sequence[Scores], b: Sequence[Scores], metric: MetricDescription) -> Pairs:
    """Pair two arms, each given as one mapping a seed; a case counts when every seed of both arms scored it.

    Raises:
        BadInput: an arm without scores, no common case id, or a finite value that the metric cannot take.
    """
    sides = {"A": [to_floats(scores) for scores in a], "B": [to_floats(scores) for scores in b]}
    for side, by_seed in sides.items():
        if not by_seed:
            raise BadInput(f"{side} has no scores; give one mapping of case ids to scores a seed")
        for scores in by_seed:
            check_range(side, scores, metric)
    ids = {side: set[str]().union(*by_seed) for side, by_seed in sides.items()}
    if not ids["A"] & ids["B"]:
        raise BadInput(
            f"A ({_some(ids['A'])}) and B ({_some(ids['B'])}) share no case id; compare two runs of the same data set"
        )
    reasons = _exclusions(sides, ids)
    excluded = set[str]().union(*reasons.values())
    # A case that is not excluded is in every mapping. The ids of most files are sorted, those of a set are not.
    case_ids = sorted(case_id for case_id in sides["A"][0] if case_id not in excluded)
    a_SN, b_SN = (
        np.array([[scores[case_id] for case_id in case_ids] for scores in by_seed], dtype=np.float64)
        for by_seed in sides.values()
    )
    return Pairs(
        case_ids=tuple(case_ids),
        a_SN=a_SN,
        b_SN=b_SN,
        resolution=_resolution(max(np.abs(a_SN).max(initial=0.0), np.abs(b_SN).max(initial=0.0))),
        excluded=tuple(sorted(excluded)),
        warnings=tuple(
            f"excluded, {reason}: {', '.join(sorted(excluded_ids))}"
            for reason, excluded_ids in reasons.items()
            if excluded_ids
        ),
    )


def _exclusions(sides: Mapping[str, list[dict[str, float]]], ids: Mapping[str, set[str]]) -> dict[str, set[str]]:
    every, common = ids["A"] | ids["B"], ids["A"] & ids["B"]
    reasons: dict[str, set[str]] = {}
    for side, by_seed in sides.items():
        reasons[f"not scored in {side}"] = every - ids[side]
        if len(by_seed) > 1:
            reasons[f"not scored by every seed of {side}"] = ids[side] - ids[side].intersection(*by_seed)
    kinds: dict[str, Callable[[float], bool]] = {"not computed (NaN)": math.isnan, "infinite": math.isinf}
    for kind, holds in kinds.items():
        for side, by_seed in sides.items():
            reasons[f"{kind} in {side}"] = {
                case_id for scores in by_seed for case_id, value in scores.items() if holds(value) and case_id in common
            }
    return reasons


def to_floats(scores: Scores) -> dict[str, float]:
    """Scores by case ids in Unicode's form NFC; None as NaN.

    Raises:
        BadInput: two ids are one in that form.
    """
    return {case_id: math.nan if value is None else float(value) for case_id, value in by_id(scores).items()}


def _resolution(largest: float) -> float:
    digits_before_point = max(0, math.ceil(math.log10(largest))) if largest > 0 else 0
    return float(10.0 ** (digits_before_point - NUM_DIGITS))


def _some(case_ids: set[str]) -> str:
    if not case_ids:
        return "no cases"
    named = sorted(case_ids)[:MAX_NAMED_CASES]
    rest = len(case_ids) - len(named)
    return ", ".join(named) + (f" and {rest} more" if rest else "")
