"""The metrics that are known here: those of this package's modules, and those of installed packages.

A module of this package that has a tuple `METRICS` adds to them. An installed package offers a metric as an entry point
of the group `hemosweep.metrics`, whose value is the metric itself. No module here imports arrays before it computes.
"""

import pkgutil
import re
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.abc import InspectLoader
from importlib.util import find_spec
from itertools import chain

from hemosweep import scores
from hemosweep.errors import BadInput
from hemosweep.plugins import installed
from hemosweep.scores.metric import Metric, MetricDescription, describe

GROUP = "hemosweep.metrics"
_HAS_METRICS = re.compile(r"^METRICS(: [^=]+)? = \(", re.MULTILINE)
# Names of some metrics in other programs. The unit of a distance is that of the other program.
ALIASES = {
    "dice": "dsc",
    "surf_dice": "nsd",
    "hd95": "hd95_mm",
    "haus95": "hd95_mm",
    "assd": "assd_mm",
    "avg_surf": "assd_mm",
    "hausdorff distance 95": "hd95_mm",
    "avg. symmetric surface distance": "assd_mm",
}


def _own_metrics() -> tuple[Metric, ...]:
    """The metrics of this package, the DSC first."""
    names = sorted(module.name for module in pkgutil.iter_modules(scores.__path__, f"{scores.__name__}."))
    # Asked for by its text, since other modules of the package import this one.
    found = chain.from_iterable(import_module(name).METRICS for name in names if _HAS_METRICS.search(_source(name)))
    return tuple(sorted(found, key=lambda metric: metric.name != "dsc"))


def _source(module: str) -> str:
    spec = find_spec(module)
    assert spec is not None
    assert isinstance(spec.loader, InspectLoader)
    return spec.loader.get_source(module) or ""


OWN_METRICS = _own_metrics()
METRICS = {metric.name: describe(metric) for metric in OWN_METRICS}
"""Descriptions of our own metrics, by name."""
DSC = METRICS["dsc"]


@cache
def installed_metrics() -> tuple[Metric, ...]:
    """The metrics that installed packages offer.

    Raises:
        BadInput: one cannot be imported.
    """
    return tuple(one.load() for one in installed(GROUP))


def all_metrics(further: tuple[Metric, ...] = ()) -> tuple[Metric, ...]:
    """Our own metrics, the installed ones, and further ones, such as those of a sweep.

    Raises:
        BadInput: as `installed_metrics`; or two metrics have one name.
    """
    by_name: dict[str, Metric] = {}
    for metric in (*OWN_METRICS, *installed_metrics(), *further):
        other = by_name.setdefault(metric.name, metric)
        if other != metric:
            raise BadInput(f"metric {metric.name}: {_type(other)} and {_type(metric)} have this name; rename one")
    return tuple(by_name.values())


def find_metric(name: str) -> MetricDescription:
    """The description of a metric, its name in upper or lower case. An unknown metric has no bounds and no better
    direction."""
    lower = name.lower()
    if lower in ALIASES:
        return replace(METRICS[ALIASES[lower]], name=name, unit="")
    if lower in METRICS:
        return METRICS[lower]
    installed = {metric.name: describe(metric) for metric in installed_metrics()}
    return installed.get(name, MetricDescription(name=name, label=name))


def _type(metric: Metric) -> str:
    return f"{type(metric).__module__}.{type(metric).__qualname__}"
