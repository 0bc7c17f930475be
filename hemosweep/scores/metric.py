"""A metric of a case, and its description: name, unit, better direction, and the range that it cannot leave."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

from hemosweep.errors import BadInput
from hemosweep.scores.masks import Masks

# Scores whose largest is between this value and 100, and of which none is negative, are percentages.
LEAST_PERCENT = 2.0
# Floating-point noise, which is printed as zero.
NEGLIGIBLE = 1e-9
# Smallest difference of two shares that three decimals can show.
SMALLEST_SHOWN = 0.0005
# Sums of squares of larger values overflow.
LARGEST = 1e100
# Number of cases in a message about the percent scale.
MAX_PERCENT_NAMED = 10


class Metric(Protocol):
    """One score a case: a frozen dataclass, whose fields are its configuration.

    The properties are those of a `MetricDescription`. The name is that of its column: a plain identifier.
    """

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def unit(self) -> str: ...

    @property
    def higher_is_better(self) -> bool | None: ...

    @property
    def lowest(self) -> float | None: ...

    @property
    def highest(self) -> float | None: ...

    @property
    def averaged(self) -> bool: ...

    def __hash__(self) -> int: ...

    def score(self, masks: Masks) -> float | None:
        """Score of a prediction; None where it is undefined."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricDescription:
    """Description of one score per case.

    `higher_is_better` is None where neither direction is better, as for a signed volume difference, or where it is not
    known. `lowest` and `highest` are the bounds of finite values; None = no bound. `averaged` is True if the mean over
    the cases measures the quality of an arm.
    """

    name: str
    label: str
    unit: str = ""
    higher_is_better: bool | None = None
    lowest: float | None = None
    highest: float | None = None
    averaged: bool = True

    @property
    def is_share(self) -> bool:
        return (self.lowest, self.highest) == (0.0, 1.0)

    def gain(self, difference: float) -> float:
        """Gain of B over A, from a difference B - A: the sign is turned where lower is better."""
        return -difference if self.higher_is_better is False else difference

    def text(self, value: float, *, sign: str = "+") -> str:
        """A difference as readable text, such as "+0.031 DSC" or "-3.2 mm HD95"."""
        return self.with_unit(self.number(value, sign=sign))

    def number(self, value: float, *, sign: str = "") -> str:
        """A score, or with "+" a difference, in its usual number of digits: "0.031" or "3.2"."""
        value = 0.0 if abs(value) < NEGLIGIBLE else value
        number = format(value, f"{sign}.3f" if self.is_share else f"{sign}.3g")
        # A difference that is not zero is not printed as zero.
        return format(value, f"{sign}.1g") if value and not float(number) else number

    def shows(self, difference: float) -> bool:
        """True if the digits of a table of scores show a difference."""
        return abs(difference) >= SMALLEST_SHOWN if self.is_share else abs(difference) >= NEGLIGIBLE

    def with_unit(self, number: str) -> str:
        return " ".join(part for part in (number, self.unit, self.label) if part)

    def as_json(self) -> dict[str, Any]:
        """Description without the name, and without what it says by default."""
        values = asdict(self)
        return {
            field.name: values[field.name]
            for field in fields(self)
            if field.name != "name" and values[field.name] != field.default
        }


def describe(metric: Metric) -> MetricDescription:
    """Description of a metric."""
    return MetricDescription(**{field.name: getattr(metric, field.name) for field in fields(MetricDescription)})


def description_from_json(name: str, values: Mapping[str, Any]) -> MetricDescription:
    """Description as `MetricDescription.as_json` wrote it; further values are left out."""
    known = {field.name for field in fields(MetricDescription)} - {"name"}
    return MetricDescription(**{"label": name} | {key: values[key] for key in values.keys() & known} | {"name": name})


def check_range(side: str, scores: dict[str, float], metric: MetricDescription) -> None:
    """Refuse finite values that the metric cannot take, by more than rounding.

    Raises:
        BadInput: names the side, the cases and, if the values look like it, the percent scale.
    """
    low = -math.inf if metric.lowest is None else metric.lowest
    high = math.inf if metric.highest is None else metric.highest
    finite = {case_id: value for case_id, value in scores.items() if math.isfinite(value)}
    if not finite or (low <= min(finite.values()) and max(map(abs, finite.values())) <= min(high, LARGEST)):
        return
    large = [f"{case_id} ({value:g})" for case_id, value in sorted(finite.items()) if abs(value) > LARGEST]
    if large and metric.highest is None:
        raise BadInput(
            f"{side}: {metric.label} too large to compute with in {', '.join(large)}; score these cases again"
        )
    outside = [
        f"{case_id} ({value:.10g})"
        for case_id, value in sorted(finite.items())
        if not low - NEGLIGIBLE <= value <= high + NEGLIGIBLE
    ]
    if not outside:
        return
    bounds = f"outside [{low:g}, {high:g}]" if math.isfinite(high) else f"below {low:g}"
    percent = metric.is_share and min(finite.values()) >= 0.0 and LEAST_PERCENT <= max(finite.values()) <= 100.0
    if percent and len(outside) > MAX_PERCENT_NAMED:
        outside = [*outside[:MAX_PERCENT_NAMED], f"and {len(outside) - MAX_PERCENT_NAMED} more cases"]
    way_out = "looks like percent, divide by 100" if percent else "score these cases again"
    raise BadInput(f"{side}: {metric.label} {bounds} in {', '.join(outside)}; {way_out}")
