"""One pass that makes another MLflow server's record that of an output folder, through MLflow's public client.

The server itself says what it has: each copy names the run that it is of, and what of it is recorded. So a pass may
end anywhere, even between a request and its answer, and the next one does the rest.
"""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from hemosweep.files import system_message
from hemosweep.tracking.backend import Experiment, MlflowClient, Run, ViewType
from hemosweep.tracking.experiments import artifacts_beside, obtain_experiment
from hemosweep.tracking.schema import TAG_PARENT, TAG_USER
from hemosweep.tracking.sync.content import DELETED, HOST, ORIGIN, RECORDED, Ids
from hemosweep.tracking.sync.destination import Destination
from hemosweep.tracking.sync.faults import Refused, patiently, readable_faults
from hemosweep.tracking.sync.filling import Filler
from hemosweep.tracking.sync.parallel import in_parallel
from hemosweep.tracking.sync.snapshot import Records, Snapshot, search
from hemosweep.tracking.user import recorded_user

NUM_THREADS = 4
_SETTINGS = {
    # What is tried again is decided here: a request whose answer was lost may have been served.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    # Links on standard output.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_PATIENCE = ("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
"""Seconds that a request may take, where the user has set no others."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Runs of an output folder, and those of them that the other server has whole.

    Of these, `written` were incomplete before, and `deleted` were deleted there by somebody. `refused` is the reason
    why the server does not have one of the rest. It is `uncertain` whether the server makes a second copy late, of a
    request whose answer was lost: the next pass deletes it.
    """

    recorded: int
    total: int
    written: int = 0
    deleted: int = 0
    refused: str | None = None
    uncertain: bool = False


class Copier:
    """Copier of an output folder's record to another server. What it learns of files it keeps from pass to pass.

    `num_runs` is the number of runs at the last pass.

    Args:
        with_host: name this machine in a tag of each new copy.
    """

    def __init__(self, snapshot: Snapshot, destination: Destination, *, with_host: bool = False) -> None:
        os.environ.update(destination.for_process())
        os.environ.update(_SETTINGS)
        os.environ.setdefault(*_PATIENCE)
        self._snapshot = snapshot
        self._destination = destination
        self._client = MlflowClient(tracking_uri=destination.uri, registry_uri=destination.uri)
        self._marks = _marks(with_host=with_host)
        # SQLite has one writer at a time.
        self._num_threads = NUM_THREADS if destination.is_server else 1
        self.num_runs, self._uncertain = 0, False
        self._filler = Filler(self._client, snapshot, destination)

    def copy(self, progress: Progress = lambda done, total: None) -> Tally:
        """Record what the server lacks.

        Args:
            progress: gets the numbers of runs that are recorded, and of all.

        Raises:
            BadInput: the output folder holds no store, or one that cannot be read.
            Outage: the server takes no records now; what was recorded before stays.
        """
        records = self._snapshot.read()
        self.num_runs, self._uncertain = len(records.runs), False
        with readable_faults(self._destination):
            experiments = {
                str(one.experiment_id): patiently(self._destination, partial(self._experiment, one))
                for one in records.experiments
            }
            numbers = [str(one.experiment_id) for one in experiments.values()]
            found = patiently(self._destination, lambda: self._copies(records, numbers))
            self._delete(records, found)
            ids = Ids({}, {number: str(one.experiment_id) for number, one in experiments.items()})
            copies: dict[str, Run | None] = {}
            for generation in records.generations:
                ids, copies = self._create(records.store, generation, found, ids, copies)
        tally = self._fill(records.runs, copies, ids, progress)
        with readable_faults(self._destination):
            for one in records.experiments:
                patiently(self._destination, partial(self._describe, one, experiments[str(one.experiment_id)], ids))
        return tally

    def _experiment(self, original: Experiment) -> Experiment:
        """The experiment of the same name on the server, which decides where its artifacts lie."""
        place = None
        if not self._destination.is_server:
            place = artifacts_beside(Path(urlsplit(self._destination.uri).path[1:]), original.name)
        return obtain_experiment(self._client, original.name, place)

    def _describe(self, original: Experiment, copy: Experiment, ids: Ids) -> None:
        for name, text in original.tags.items():
            text = ids.in_text(text)
            if copy.tags.get(name) != text:
                self._client.set_experiment_tag(copy.experiment_id, name, text)

    def _copies(self, records: Records, experiment_ids: Sequence[str]) -> dict[str, list[Run]]:
        """The copies on the server of the runs of a store, by run: active ones first, then those that are whole."""
        copies: dict[str, list[Run]] = {}
        for copy in search(self._client, experiment_ids, ViewType.ALL, f"tags.`{ORIGIN}` LIKE '{records.store}/%'"):
            copies.setdefault(copy.data.tags[ORIGIN].rpartition("/")[2], []).append(copy)
        for found in copies.values():
            found.sort(
                key=lambda copy: (
                    copy.info.lifecycle_stage != "active",
                    RECORDED not in copy.data.tags,
                    copy.info.run_id,
                )
            )
        return copies

    def _delete(self, records: Records, found: Mapping[str, Sequence[Run]]) -> None:
        """Delete copies of deleted runs, and second copies: a request may be served after its answer was given up."""
        for run_id, copies in found.items():
            kept = 0 if run_id in records.deleted else 1
            for copy in copies[kept:]:
                if copy.info.lifecycle_stage == "active":
                    if not kept:
                        self._client.set_tag(copy.info.run_id, RECORDED, DELETED)
                    self._client.delete_run(copy.info.run_id)

    def _create(
        self,
        store: str,
        runs: Sequence[Run],
        found: Mapping[str, Sequence[Run]],
        ids: Ids,
        copies: Mapping[str, Run | None],
    ) -> tuple[Ids, dict[str, Run | None]]:
        """Add the copies of one generation of runs, and restore those of restored ones.

        None is that of a run whose copy somebody deleted on the server: it stays so.
        """

        def create(run: Run) -> tuple[str, Run]:
            tags = {ORIGIN: f"{store}/{run.info.run_id}", **self._marks}
            if TAG_PARENT in run.data.tags:
                tags[TAG_PARENT] = ids.in_text(run.data.tags[TAG_PARENT])
            experiment_id = ids.experiments[run.info.experiment_id]
            attempts = count()

            def work() -> Run:
                if next(attempts):
                    # The first request may have been served, or be served later: another pass looks for it then.
                    self._uncertain = True
                    served = search(
                        self._client, [experiment_id], ViewType.ACTIVE_ONLY, f"tags.`{ORIGIN}` = '{tags[ORIGIN]}'"
                    )
                    if served:
                        return served[0]
                return self._client.create_run(
                    experiment_id, start_time=run.info.start_time, tags=tags, run_name=run.info.run_name
                )

            return str(run.info.run_id), patiently(self._destination, work)

        known = {str(run.info.run_id): found[run.info.run_id][0] for run in runs if run.info.run_id in found}
        for run_id, copy in known.items():
            if copy.info.lifecycle_stage == "deleted" and copy.data.tags.get(RECORDED) == DELETED:
                self._client.restore_run(copy.info.run_id)
                known[run_id] = self._client.get_run(copy.info.run_id)
        missing = [run for run in runs if run.info.run_id not in known]
        known |= dict(in_parallel(missing, create, num_threads=self._num_threads))
        usable = {run_id: copy if copy.info.lifecycle_stage == "active" else None for run_id, copy in known.items()}
        numbers = {run_id: str(copy.info.run_id) for run_id, copy in known.items()}
        return Ids({**ids.runs, **numbers}, ids.experiments), {**copies, **usable}

    def _fill(self, runs: Sequence[Run], copies: Mapping[str, Run | None], ids: Ids, progress: Progress) -> Tally:
        """Record the content of runs in their copies."""

        def fill(run: Run) -> bool | str:
            """True if the copy was incomplete before, or the reason why it stays so."""
            copy = copies[run.info.run_id]
            if copy is None:
                return False
            try:
                return self._filler.fill(run, copy, ids)
            except Refused as refused:
                return str(refused)
            except OSError as error:  # A file that is being replaced, say.
                return system_message(error)

        recorded = written = 0
        refused: str | None = None
        progress(0, len(runs))
        for result in in_parallel(runs, fill, num_threads=self._num_threads):
            if isinstance(result, str):
                refused = refused or result
                continue
            recorded, written = recorded + 1, written + result
            progress(recorded, len(runs))
        deleted = sum(copy is None for copy in copies.values())
        return Tally(
            recorded=recorded,
            total=len(runs),
            written=written,
            deleted=deleted,
            refused=refused,
            uncertain=self._uncertain,
        )


def _marks(*, with_host: bool) -> dict[str, str]:
    """Tags of a new copy that its run may lack: people who record in one experiment keep apart."""
    return {TAG_USER: recorded_user()} | ({HOST: socket.gethostname()} if with_host else {})
