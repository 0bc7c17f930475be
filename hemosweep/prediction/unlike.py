"""A scan beside the training cohort of an arm: the numbers in which it is unlike every case of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

MARGIN = 0.25
"""Share of the cohort's range that a scan may lie outside of it: the next case of the same hospital does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Compared:
    """A number that is compared: its key in `Overview.numbers`, its words, unit, factor and digits, and the distance
    from the cohort's range that is never told, for cohorts that agree too well."""

    key: str
    name: str
    unit: str
    factor: float
    digits: int
    least_distance: float


COMPARED = (
    _Compared(key="volume_ml", name="brain mask", unit="mL", factor=1.0, digits=0, least_distance=150.0),
    _Compared(key="bone_share", name="share above 95 HU in it", unit="%", factor=100.0, digits=1, least_distance=0.02),
    _Compared(key="slice_mm", name="slice step", unit="mm", factor=1.0, digits=2, least_distance=0.5),
    _Compared(key="pixel_mm", name="pixel size", unit="mm", factor=1.0, digits=2, least_distance=0.1),
    _Compared(key="hu_p5", name="5th percentile in the brain", unit="HU", factor=1.0, digits=0, least_distance=8.0),
    _Compared(key="hu_median", name="median in the brain", unit="HU", factor=1.0, digits=0, least_distance=5.0),
    _Compared(key="hu_p95", name="95th percentile in the brain", unit="HU", factor=1.0, digits=0, least_distance=10.0),
    _Compared(key="hu_lowest", name="lowest value", unit="HU", factor=1.0, digits=0, least_distance=300.0),
    _Compared(key="hu_highest", name="highest value", unit="HU", factor=1.0, digits=0, least_distance=900.0),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unlike:
    """A number of a scan that is far from the cohort's range, all three in `unit`."""

    name: str
    unit: str
    scan: float
    cohort_low: float
    cohort_high: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def unlike_cohort(numbers: Mapping[str, float], cohort: Sequence[tuple[str, float, float]]) -> list[Unlike]:
    """Return the numbers of a scan that lie outside the cohort's range by more than a quarter of it.

    Args:
        numbers: of the scan (`case_numbers`).
        cohort: name, lowest and highest value of each number over the cases of the arm.
    """
    ranges = {name: (low, high) for name, low, high in cohort}
    found = []
    for one in COMPARED:
        if one.key not in ranges or one.key not in numbers:
            continue
        (low, high), value = ranges[one.key], numbers[one.key]
        if max(low - value, value - high) > max(MARGIN * (high - low), one.least_distance):
            scan, cohort_low, cohort_high = (round(each * one.factor, one.digits) for each in (value, low, high))
            found.append(
                Unlike(name=one.name, unit=one.unit, scan=scan, cohort_low=cohort_low, cohort_high=cohort_high)
            )
    return found


def unlike_line(found: Sequence[Unlike]) -> str:
    """Return one line of all that is unlike."""
    listed = ", ".join(
        f"{one.name} {one.scan:,g} {one.unit} (cohort {one.cohort_low:,g} to {one.cohort_high:,g})" for one in found
    )
    return f"this scan is unlike the training cohort: {listed}; expect worse results than the run's scores"
