"""Order of the prepared cases of a cohort: first those that a person should look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hemosweep.preprocessing.overview import LESION_OUTSIDE, Overview
from hemosweep.report.terminal.table import MINUS

MIN_COHORT = 5
"""Fewer cases have no median to be far from."""
ODD_Z = 3.5
"""Iglewicz and Hoaglin's limit of the modified z (How to Detect and Handle Outliers, 1993)."""
SCALE = 1.4826


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A number that the page shows: its key in `Overview.numbers`, its heading with the unit, factor and digits.

    It is measured against no less than `least_spread`, so that cases that agree to the last digit make no outliers. A
    low number is odd only where it `may_be_low`.
    """

    key: str
    name: str
    factor: float
    digits: int
    least_spread: float
    may_be_low: bool = False


SHOWN = (
    Shown(key="volume_ml", name="mask, mL", factor=1.0, digits=0, least_spread=50.0, may_be_low=True),
    Shown(key="bone_share", name="above 95 HU, %", factor=100.0, digits=1, least_spread=0.003),
    Shown(key="asymmetry", name="one-sided, %", factor=100.0, digits=1, least_spread=0.005),
    Shown(key="holes_ml", name="holes, mL", factor=1.0, digits=1, least_spread=1.0),
    Shown(key=LESION_OUTSIDE, name="lesion outside, %", factor=100.0, digits=1, least_spread=0.002),
    Shown(key="symmetric_residual_hu", name=f"CT {MINUS} mirrored, HU", factor=1.0, digits=1, least_spread=0.5),
    Shown(key="cta_residual_hu", name=f"CT {MINUS} CTA, HU", factor=1.0, digits=1, least_spread=1.0),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspect:
    """A prepared case and what speaks against it: warnings, and each number's robust z (none in a small cohort)."""

    case_id: str
    overview: Overview
    warnings: tuple[str, ...]
    z: Mapping[str, float]

    @property
    def oddest(self) -> float:
        return max(self.z.values(), default=0.0)


def by_suspicion(
    overviews: Mapping[str, Overview], warnings: Mapping[str, Sequence[str]], *, common: Sequence[str] = ()
) -> list[Suspect]:
    """The cases, those with most warnings first, then those with the number farthest from the cohort's median.

    Args:
        common: warnings that are no reason to look at one case more than at another, and do not count.
    """
    scores: dict[str, dict[str, float]] = {case_id: {} for case_id in overviews}
    for shown in SHOWN:
        values = {case_id: one.numbers[shown.key] for case_id, one in overviews.items() if shown.key in one.numbers}
        if len(values) < MIN_COHORT:
            continue
        median = float(np.median(list(values.values())))
        spread = SCALE * float(np.median([abs(value - median) for value in values.values()]))
        for case_id, value in values.items():
            above = value - median
            scores[case_id][shown.key] = (abs(above) if shown.may_be_low else above) / max(spread, shown.least_spread)
    suspects = [
        Suspect(
            case_id=case_id,
            overview=overview,
            warnings=tuple(text for text in warnings.get(case_id, ()) if text not in common),
            z=scores[case_id],
        )
        for case_id, overview in overviews.items()
    ]
    return sorted(suspects, key=lambda one: (-len(one.warnings), -one.oddest, one.case_id))
