"""Numbers as the cells of a report's tables."""

from hemosweep.report.terminal.table import MINUS, PLUS_MINUS, UNDEFINED
from hemosweep.scores.catalogue import DSC
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.multiple_testing import FamilyComparison
from hemosweep.stats.ttest import MeanTest


def number(value: float | None, spec: str) -> str:
    """A number with a proper minus sign; a dash where there is none."""
    return UNDEFINED if value is None else format(value, spec).replace("-", MINUS)


def mean_sd(value: tuple[float, float | None] | None, metric: MetricDescription = DSC) -> str:
    if value is None:
        return UNDEFINED
    mean, sd = (None if one is None else metric.number(one).replace("-", MINUS) for one in value)
    return f"{mean}" if sd is None else f"{mean} {PLUS_MINUS} {sd}"


def difference(value: float | None) -> str:
    return number(value, "+.3f")


def our_difference(row: FamilyComparison | None) -> str:
    """B - A with its interval, in the digits of the metric."""
    if row is None or row.comparison.mean_diff is None:
        return UNDEFINED
    comparison = row.comparison
    text = comparison.metric.number(row.comparison.mean_diff, sign="+")
    if comparison.ci95 is not None:
        text += f" {interval(comparison.ci95, comparison.metric)}"
    return text.replace("-", MINUS)


def interval(bounds: tuple[float, float] | None, metric: MetricDescription) -> str:
    """An interval of a difference in the digits of the metric; a dash where there is none."""
    if bounds is None:
        return UNDEFINED
    low, high = (metric.number(bound, sign="+") for bound in bounds)
    return f"[{low}, {high}]".replace("-", MINUS)


def mean_interval(score: MeanTest, metric: MetricDescription) -> str:
    """A mean score with its 95% interval, in the digits of the metric; a dash where there is none."""
    if score.mean is None:
        return UNDEFINED
    bounds = "" if score.ci95 is None else f" [{', '.join(map(metric.number, score.ci95))}]"
    return f"{metric.number(score.mean)}{bounds}".replace("-", MINUS)


def significant(value: float | None) -> str:
    """A number that is not negative in three digits, such as "0.0123", "45.6" or "7,890"; a dash where there is
    none."""
    if value is None:
        return UNDEFINED
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.3g}"
