"""Record of a metric beside its scores: the digest of its code and fields, and its description."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hemosweep.runs import FACT_PREFIX
from hemosweep.scores.metric import MetricDescription, description_from_json

DIGESTS_FACT = "metric_digests"
"""Fact of a run: JSON, name of a metric to its digest."""
DESCRIPTIONS_FACT = "metric_descriptions"
"""Fact of a run: JSON, name of a metric to its description."""
VERSION_FACT = "metric_version"
"""Fact of a run of a version that had one number for all metrics."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedMetric:
    """A metric of recorded scores. `digest` is None where it is not known, or not the same for all of them."""

    digest: str | None
    description: MetricDescription

    def as_json(self) -> dict[str, Any]:
        return {"digest": self.digest, **self.description.as_json()}


def recorded_from_json(values: Mapping[str, Mapping[str, Any]]) -> dict[str, RecordedMetric]:
    """Metrics by name, from the form of `RecordedMetric.as_json`."""
    return {
        name: RecordedMetric(digest=entry.get("digest"), description=description_from_json(name, entry))
        for name, entry in values.items()
    }


def in_common(folds: Sequence[Mapping[str, RecordedMetric]]) -> dict[str, RecordedMetric]:
    """The metrics of several fold runs, with the digests on which all agree."""
    merged: dict[str, RecordedMetric] = {}
    for name in dict.fromkeys(name for fold in folds for name in fold):
        known = [fold[name] for fold in folds if name in fold]
        digests = {metric.digest for metric in known}
        agreed = len(known) == len(folds) and len(digests) == 1
        merged[name] = RecordedMetric(digest=digests.pop() if agreed else None, description=known[-1].description)
    return merged


def metric_facts(metrics: Mapping[str, RecordedMetric]) -> dict[str, str]:
    """Facts of a run about the metrics of its scores; none where no digest is known."""
    digests = {name: metric.digest for name, metric in sorted(metrics.items()) if metric.digest is not None}
    if not digests:
        return {}
    descriptions = {name: metric.description.as_json() for name, metric in sorted(metrics.items())}
    return {DIGESTS_FACT: _text(digests), DESCRIPTIONS_FACT: _text(descriptions)}


def recorded_digest(tags: Mapping[str, str], metric: str) -> str | None:
    """Digest of what computed a metric's scores in a run, from its tags; None where it is not recorded.

    A run of a version that had one number for all metrics has "version 2", for one.
    """
    digests = recorded_digests(tags)
    if digests:
        return digests.get(metric)
    version = tags.get(f"{FACT_PREFIX}{VERSION_FACT}")
    return None if version is None else f"version {version}"


def recorded_digests(tags: Mapping[str, str]) -> dict[str, str]:
    """Digests that a run records, by metric."""
    return {name: digest for name, digest in _read(tags, DIGESTS_FACT).items() if isinstance(digest, str)}


def recorded_description(tags: Mapping[str, str], metric: str) -> MetricDescription | None:
    """Description of a metric that a run records; None where it records none."""
    return next((known for known in recorded_descriptions(tags) if known.name == metric), None)


def recorded_descriptions(tags: Mapping[str, str]) -> Iterable[MetricDescription]:
    """Every description that a run records."""
    values = _read(tags, DESCRIPTIONS_FACT)
    return [description_from_json(name, entry) for name, entry in values.items() if isinstance(entry, dict)]


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


def _read(tags: Mapping[str, str], fact: str) -> dict[str, Any]:
    """A fact of a run; empty where it has none, or one that somebody has edited."""
    try:
        values = json.loads(tags.get(f"{FACT_PREFIX}{fact}", "{}"))
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}
