"""Content of one run, recorded in its copy at another MLflow server: what the copy lacks, and the digests last."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import isnan, nan
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from hemosweep.tracking.backend import Metric, MlflowClient, Param, Run, RunTag
from hemosweep.tracking.sync.content import (
    RECORDED,
    WITHDRAWN,
    Content,
    Ids,
    content_of,
    datasets_of,
    dropped_tags,
    key_of_dataset,
    recorded_of,
    withdrawn_metrics,
)
from hemosweep.tracking.sync.destination import Destination
from hemosweep.tracking.sync.faults import Outage, patiently, readable_faults
from hemosweep.tracking.sync.listings import Listings
from hemosweep.tracking.sync.snapshot import Snapshot, artifacts_of

_BATCH = 100
"""Params, and tags, in a request at most (MLflow's limit)."""
_POINTS = 800
"""Points of metrics in a request at most: MLflow takes 1,000 items of all kinds."""
_ENDED = ("FINISHED", "FAILED", "KILLED")


class Filler:
    """Writer of the content of runs. What it learns of files it keeps.

    Args:
        listings: those of earlier processes.
    """

    def __init__(self, client: MlflowClient, snapshot: Snapshot, destination: Destination, listings: Listings) -> None:
        self._client, self._snapshot, self._destination = client, snapshot, destination
        self._listings = listings

    def is_whole(self, run: Run, copy: Run, ids: Ids) -> bool:
        """True if a copy lacks nothing of a run. The server is not asked.

        Raises:
            OSError: an artifact cannot be read.
        """
        before = recorded_of(copy)
        return bool(before) and not _changed(before, self._content(run, ids))

    def fill(self, run: Run, copy: Run, ids: Ids) -> None:
        """Record what a copy lacks.

        Raises:
            Refused: the server does not take it.
            Outage: the server takes no records now.
            OSError: an artifact cannot be read.
        """
        content, before = self._content(run, ids), recorded_of(copy)
        changed = _changed(before, content)
        if before:
            mark = partial(self._client.set_tag, copy.info.run_id, RECORDED, content.underway(before, changed))
            patiently(self._destination, mark)
        if "artifacts" in changed:
            self._put_artifacts(copy, content.artifacts, self._listings.files(before.get("artifacts")))
        for name in dropped_tags(copy, content):
            with readable_faults(self._destination):
                self._client.delete_tag(copy.info.run_id, name)
        if "facts" in changed:
            self._put_facts(content, copy)
        points = self._missing_points(content, copy) if "metrics" in changed else []
        self._put_batches(content, copy, points)

    def _content(self, run: Run, ids: Ids) -> Content:
        files = artifacts_of(run)
        return content_of(run, ids, self._snapshot.points(run), files, self._listings.digest(files))

    def _put_artifacts(self, copy: Run, files: Mapping[str, Path], there: Mapping[str, str]) -> None:
        """Args:
        there: digests of the files that the copy has, as far as is known.
        """
        scheme = urlsplit(str(copy.info.artifact_uri)).scheme
        if files and scheme in ("", "file") and not self._destination.is_on_this_machine:
            raise Outage(
                f"{self._destination.uri} keeps artifacts in a folder of its own machine: start it with "
                "--artifacts-destination",
                passing=False,
            )
        for name, path in files.items():
            if there.get(name) == self._listings.file_digest(path):
                continue
            folder = str(PurePosixPath(name).parent)
            place = None if folder == "." else folder
            patiently(self._destination, partial(self._client.log_artifact, copy.info.run_id, str(path), place))

    def _put_facts(self, content: Content, copy: Run) -> None:
        """Data sets, name, status and times."""
        run, copy_id = content.run, copy.info.run_id
        there = {key_of_dataset(dataset) for dataset in datasets_of(copy)}
        datasets = [dataset for dataset in datasets_of(run) if key_of_dataset(dataset) not in there]
        if datasets:
            patiently(self._destination, lambda: self._client.log_inputs(copy_id, datasets))
        if run.info.run_name != copy.info.run_name:
            patiently(self._destination, lambda: self._client.update_run(copy_id, name=run.info.run_name))
        if run.info.status in _ENDED:
            if (run.info.status, run.info.end_time) != (copy.info.status, copy.info.end_time):
                end = partial(self._client.set_terminated, copy_id, run.info.status, end_time=run.info.end_time)
                patiently(self._destination, end)
        elif run.info.status != copy.info.status:
            patiently(self._destination, lambda: self._client.update_run(copy_id, status=run.info.status))

    def _missing_points(self, content: Content, copy: Run) -> list[Metric]:
        """The points that a copy lacks; NaN is the last one of a metric that was withdrawn."""
        there = {
            (point.key, repr(float(point.value)), point.timestamp, point.step)
            for name in sorted({point.key for point in content.points} & set(copy.data.metrics))
            for point in self._history(copy, name)
        }
        missing = [
            point
            for point in content.points
            if (point.key, repr(float(point.value)), point.timestamp, point.step) not in there
        ]
        for name in withdrawn_metrics(copy, content.run):
            if not isnan(copy.data.metrics[name]):
                last = max(self._history(copy, name), key=lambda point: (point.step, point.timestamp))
                missing.append(Metric(name, nan, last.timestamp + 1, last.step))
        return missing

    def _history(self, copy: Run, name: str) -> list[Metric]:
        return patiently(self._destination, partial(self._client.get_metric_history, copy.info.run_id, name))

    def _put_batches(self, content: Content, copy: Run, points: Sequence[Metric]) -> None:
        """Params, tags and points, and last of all that they are recorded."""
        params = [Param(name, value) for name, value in content.run.data.params.items() if name not in copy.data.params]
        texts = dict(content.tags)
        if withdrawn := withdrawn_metrics(copy, content.run):
            texts[WITHDRAWN] = ", ".join(withdrawn)
        tags = [RunTag(name, text) for name, text in texts.items() if copy.data.tags.get(name) != text]
        tags.append(RunTag(RECORDED, content.recorded))
        num = max(-(-len(params) // _BATCH), -(-len(tags) // _BATCH), -(-len(points) // _POINTS))
        for place in range(num):
            # The last tags are in the last batch.
            last = len(tags) - (num - 1 - place) * _BATCH
            batch = partial(
                self._client.log_batch,
                copy.info.run_id,
                metrics=points[place * _POINTS : (place + 1) * _POINTS],
                params=params[place * _BATCH : (place + 1) * _BATCH],
                tags=tags[max(last - _BATCH, 0) : max(last, 0)],
            )
            patiently(self._destination, batch)


def _changed(before: Mapping[str, Any], content: Content) -> set[str]:
    """The parts of a content that are not recorded yet."""
    return {part for part, digest in content.digests.items() if before.get(part) != digest}
