"""Content of a run as another server gets it: with that server's ids in place of those of the output folder's store.

Its parts have digests, which stand in a tag of the copy: what is recorded there already is known from there alone, so
a process that is killed at any moment loses nothing.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemosweep.digest import digest_json
from hemosweep.runs import ENVIRONMENT_PREFIX, FACT_PREFIX
from hemosweep.tracking.backend import Metric, Run
from hemosweep.tracking.links import moved
from hemosweep.tracking.schema import VERDICT_METRICS

ORIGIN = f"{FACT_PREFIX}origin"
"""Tag of a copy: the store and the run that it is of."""
RECORDED = f"{FACT_PREFIX}recorded"
"""Tag of a copy: what has been recorded of its run, whole. It is written last."""
DELETED = "deleted"
"""Value of `RECORDED` of a copy that was deleted because its run was."""
HOST = f"{FACT_PREFIX}host"
WITHDRAWN = f"{FACT_PREFIX}withdrawn"
"""Tag of a copy: the metrics that its run has lost since. MLflow's client cannot remove them: they are NaN."""
_MARKS = (ORIGIN, RECORDED, HOST, WITHDRAWN)
"""Tags about a copy, which its run may have as well: it may be a copy itself."""

_OURS = (FACT_PREFIX, ENVIRONMENT_PREFIX)


@dataclass(frozen=True, slots=True)
class Ids:
    """The other server's ids of runs and of experiments, by those of the output folder's store."""

    runs: Mapping[str, str]
    experiments: Mapping[str, str]

    def in_text(self, text: str) -> str:
        """A text, such as a tag or a description, with the other server's ids."""
        return moved(text, self.experiments, self.runs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """A run's content for another server. `digests` are those of its facts, its metrics and its artifacts."""

    run: Run
    tags: Mapping[str, str]
    points: Sequence[Metric]
    artifacts: Mapping[str, Path]
    digests: Mapping[str, str]

    @property
    def recorded(self) -> str:
        """Value of the tag `RECORDED`: the digests, and the names of tags that are no names of ours: if the run loses
        one of these tags, so does its copy."""
        return json.dumps({**self.digests, "tags": self._others(())})

    def underway(self, before: Mapping[str, Any], changed: Collection[str]) -> str:
        """Value of the tag `RECORDED` while parts of a copy are written: they are not known until all of it is there,
        even where the run becomes again what it was before."""
        same = {part: digest for part, digest in self.digests.items() if part not in changed}
        return json.dumps({**same, "tags": self._others(before.get("tags", ()))})

    def _others(self, earlier: Iterable[str]) -> list[str]:
        return sorted({*earlier, *(name for name in self.tags if not name.startswith(_OURS))})


def content_of(run: Run, ids: Ids, points: Sequence[Metric], artifacts: Mapping[str, Path], files: str) -> Content:
    """Args:
    files: digest of the artifacts.
    """
    tags = {name: ids.in_text(text) for name, text in run.data.tags.items() if name not in _MARKS}
    info = run.info
    facts = {
        "info": [info.run_name, info.status, info.end_time],
        "tags": tags,
        "params": dict(run.data.params),
        "datasets": [_dataset(dataset) for dataset in datasets_of(run)],
    }
    # Numbers as text: JSON has no NaN.
    metrics = [[point.key, repr(float(point.value)), point.timestamp, point.step] for point in points]
    digests = {"facts": digest_json(facts), "metrics": digest_json(sorted(metrics)), "artifacts": files}
    return Content(run=run, tags=tags, points=points, artifacts=artifacts, digests=digests)


def datasets_of(run: Run) -> list[Any]:
    """Data sets of a run with their tags, as MLflow logs them."""
    return [] if run.inputs is None else list(run.inputs.dataset_inputs)


def key_of_dataset(logged: Any) -> tuple[str, str]:
    """Name and digest of a logged data set, by which MLflow knows it."""
    return str(logged.dataset.name), str(logged.dataset.digest)


def recorded_of(copy: Run) -> dict[str, Any]:
    """Value of the tag `RECORDED` of a copy; empty where it has none that can be read."""
    try:
        value = json.loads(copy.data.tags.get(RECORDED, ""))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def dropped_tags(copy: Run, content: Content) -> list[str]:
    """Tags that a copy has from its run, which has lost them since. Tags that somebody gave the copy stay."""
    copied = set(recorded_of(copy).get("tags", ()))
    gone = [
        name
        for name in copy.data.tags
        if (name in copied or name.startswith(_OURS)) and name not in content.tags and name not in _MARKS
    ]
    if WITHDRAWN in copy.data.tags and not withdrawn_metrics(copy, content.run):
        gone.append(WITHDRAWN)
    return sorted(gone)


def withdrawn_metrics(copy: Run, run: Run) -> list[str]:
    """Metrics of a verdict that a copy has, and its run no longer."""
    return [name for name in VERDICT_METRICS if name in copy.data.metrics and name not in run.data.metrics]


def _dataset(logged: Any) -> list[Any]:
    one = logged.dataset
    tags = sorted((tag.key, tag.value) for tag in logged.tags or ())
    return [one.name, one.digest, one.source_type, one.source, one.schema, one.profile, tags]
