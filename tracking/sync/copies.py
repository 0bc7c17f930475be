"""The copies of runs at another server: found, deleted, restored and made. Their content is that of `filling`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from hemosweep.tracking.backend import MlflowClient, Run, ViewType
from hemosweep.tracking.schema import TAG_PARENT
from hemosweep.tracking.searches import every_run
from hemosweep.tracking.sync.content import DELETED, ORIGIN, RECORDED, Ids
from hemosweep.tracking.sync.destination import Destination
from hemosweep.tracking.sync.faults import patiently
from hemosweep.tracking.sync.parallel import in_parallel
from hemosweep.tracking.sync.refusals import Refusals
from hemosweep.tracking.sync.snapshot import Records


@dataclass(kw_only=True, slots=True)
class Copies:
    """The copies of one store's runs, in one pass.

    `by_run` has the copy of each run; it is None where somebody deleted it there: it stays so. A run is missing where
    the server refuses its copy, or that of its parent. It is `uncertain` whether the server makes a second copy late.

    Args:
        marks: tags of each new copy.
    """

    client: MlflowClient
    destination: Destination
    records: Records
    refusals: Refusals
    marks: Mapping[str, str]
    num_threads: int
    by_run: dict[str, Run | None] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    uncertain: bool = False
    _found: dict[str, list[Run]] = field(default_factory=dict)

    def find(self, experiment_id: str) -> None:
        """Look for copies in an experiment of the server: active ones go first, then those that are whole."""
        ours = f"tags.`{ORIGIN}` LIKE '{self.records.store}/%'"
        for copy in patiently(self.destination, lambda: every_run(self.client, [experiment_id], ours, ViewType.ALL)):
            self._found.setdefault(copy.data.tags[ORIGIN].rpartition("/")[2], []).append(copy)
        for copies in self._found.values():
            copies.sort(
                key=lambda copy: (
                    copy.info.lifecycle_stage != "active",
                    RECORDED not in copy.data.tags,
                    copy.info.run_id,
                )
            )

    def delete(self) -> None:
        """Delete copies of deleted runs, and second copies: a request may be served after its answer was given up."""
        for run_id, copies in self._found.items():
            is_deleted = run_id in self.records.deleted
            for copy in copies[0 if is_deleted else 1 :]:
                if copy.info.lifecycle_stage == "active":
                    self.refusals.taken(partial(self._delete, copy, is_deleted=is_deleted))

    def _delete(self, copy: Run, *, is_deleted: bool) -> None:
        if is_deleted:
            self.client.set_tag(copy.info.run_id, RECORDED, DELETED)
        self.client.delete_run(copy.info.run_id)

    def create(self, runs: Sequence[Run], experiments: Mapping[str, str]) -> None:
        """Restore the copies of restored runs, and make those that are missing. The parents of the runs come first.

        Args:
            experiments: ids at the server by those of the store.
        """
        missing = []
        for run in runs:
            run_id = str(run.info.run_id)
            if run_id not in self._found:
                missing.append(run)
                continue
            copy = self.refusals.taken(partial(self._restored, self._found[run_id][0]))
            if copy is not None:
                self._add(run_id, copy)
        ids = Ids(dict(self.ids), experiments)
        # A parent that is of this generation itself is one's own descendant.
        refused = self.records.ids - set(self.ids) - {str(run.info.run_id) for run in runs}
        possible = [run for run in missing if run.data.tags.get(TAG_PARENT) not in refused]

        def create(run: Run) -> tuple[str, Run | None]:
            return str(run.info.run_id), self.refusals.taken(partial(self._create, run, ids))

        for run_id, copy in in_parallel(possible, create, num_threads=self.num_threads):
            if copy is not None:
                self._add(run_id, copy)

    def _add(self, run_id: str, copy: Run) -> None:
        self.ids[run_id] = str(copy.info.run_id)
        self.by_run[run_id] = copy if copy.info.lifecycle_stage == "active" else None

    def _restored(self, copy: Run) -> Run:
        """A copy, restored where it was deleted because its run was."""
        if copy.info.lifecycle_stage != "deleted" or copy.data.tags.get(RECORDED) != DELETED:
            return copy
        self.client.restore_run(copy.info.run_id)
        return self.client.get_run(copy.info.run_id)

    def _create(self, run: Run, ids: Ids) -> Run:
        tags = {ORIGIN: f"{self.records.store}/{run.info.run_id}", **self.marks}
        if TAG_PARENT in run.data.tags:
            tags[TAG_PARENT] = ids.in_text(run.data.tags[TAG_PARENT])
        experiment_id = ids.experiments[run.info.experiment_id]
        same = f"tags.`{ORIGIN}` = '{tags[ORIGIN]}'"
        attempts = count()

        def work() -> Run:
            if next(attempts):
                # The first request may have been served, or be served later: another pass looks for it then.
                self.uncertain = True
                served = every_run(self.client, [experiment_id], same)
                if served:
                    return served[0]
            return self.client.create_run(
                experiment_id, start_time=run.info.start_time, tags=tags, run_name=run.info.run_name
            )

        return patiently(self.destination, work)
