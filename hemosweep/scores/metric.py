"""Name of a score, the direction in which it improves, and the range it cannot leave."""

import math
from dataclasses import dataclass, replace

from hemosweep.errors import BadInput

# Scores whose largest is between this value and 100, and of which none is negative, are percentages.
LEAST_PERCENT = 2.0
# Floating-point noise, which is printed as zero.
NEGLIGIBLE = 1e-9
# Sums of squares of larger values overflow.
LARGEST = 1e100
# Number of cases in a message about the percent scale.
MAX_PERCENT_NAMED = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One score per case.

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

    def with_unit(self, number: str) -> str:
        return " ".join(part for part in (number, self.unit, self.label) if part)


def _share(name: str, label: str) -> Metric:
    return Metric(name=name, label=label, higher_is_better=True, lowest=0.0, highest=1.0)


def _amount(name: str, label: str, unit: str) -> Metric:
    return Metric(name=name, label=label, unit=unit, higher_is_better=False, lowest=0.0)


def _volume(name: str, label: str) -> Metric:
    return Metric(name=name, label=label, unit="mL", lowest=0.0, averaged=False)


DSC = _share("dsc", "DSC")
METRICS = {
    metric.name: metric
    for metric in (
        DSC,
        _share("nsd", "NSD"),
        _share("voxel_sensitivity", "voxel sensitivity"),
        _share("voxel_precision", "voxel precision"),
        _share("lesion_f1", "lesion F1"),
        _share("lesion_sensitivity", "lesion sensitivity"),
        _share("lesion_precision", "lesion precision"),
        _amount("hd95_mm", "HD95", "mm"),
        _amount("assd_mm", "ASSD", "mm"),
        _amount("absolute_volume_difference_ml", "absolute volume difference", "mL"),
        replace(_amount("false_positive_ml", "false-positive volume", "mL"), averaged=False),
        Metric(name="volume_difference_ml", label="volume difference", unit="mL"),
        _volume("predicted_ml", "predicted volume"),
        _volume("reference_ml", "reference volume"),
    )
}
# Names of some metrics in other programs. The unit of a distance is that of the other program.
ALIASES = {
    "dice": "dsc",
    "surf_dice": "nsd",
    "hd95": "hd95_mm",
    "haus95": "hd95_mm",
    "assd": "assd_mm",
    "avg_surf": "assd_mm",
}


def find_metric(name: str) -> Metric:
    """The metric of a name, in upper or lower case. An unknown metric has no bounds and no better direction."""
    lower = name.lower()
    if lower in ALIASES:
        return replace(METRICS[ALIASES[lower]], name=name, unit="")
    return METRICS.get(lower, Metric(name=name, label=name))


def check_range(side: str, scores: dict[str, float], metric: Metric) -> None:
    """Refuse finite values that the metric cannot take, by more than rounding.

    Raises:
        BadInput: names the side, the cases and, if the values look like it, the percent scale.
    """
    finite = {case_id: value for case_id, value in scores.items() if math.isfinite(value)}
    large = [f"{case_id} ({value:g})" for case_id, value in sorted(finite.items()) if abs(value) > LARGEST]
    if large and metric.highest is None:
        raise BadInput(
            f"{side}: {metric.label} too large to compute with in {', '.join(large)}; score these cases again"
        )
    low = -math.inf if metric.lowest is None else metric.lowest
    high = math.inf if metric.highest is None else metric.highest
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
