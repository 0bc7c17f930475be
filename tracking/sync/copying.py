"""One pass that makes another MLflow server's record that of an output folder, through MLflow's public client.

The server itself says what it has: each copy names the run that it is of, and what of it is recorded. So a pass may
end anywhere, even between a request and its answer, and the next one does the rest.
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from hemosweep.errors import BadInput
from hemosweep.files import system_message
from hemosweep.tracking.backend import DOES_NOT_EXIST, Experiment, MlflowClient, MlflowException, Run
from hemosweep.tracking.experiments import artifacts_beside, obtain_experiment
from hemosweep.tracking.schema import TAG_USER
from hemosweep.tracking.sync.client import client_environment, open_client
from hemosweep.tracking.sync.content import HOST, Ids
from hemosweep.tracking.sync.copies import Copies
from hemosweep.tracking.sync.destination import Destination
from hemosweep.tracking.sync.faults import Refused, patiently, readable_faults
from hemosweep.tracking.sync.filling import Filler
from hemosweep.tracking.sync.listings import Listings
from hemosweep.tracking.sync.parallel import in_parallel
from hemosweep.tracking.sync.refusals import Refusals
from hemosweep.tracking.sync.snapshot import Records, Snapshot
from hemosweep.tracking.user import recorded_user

NUM_THREADS = 4

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Runs of an output folder, and those of them that the other server has whole.

    Of these, `written` were incomplete before, and `deleted` were deleted there by somebody. `refused` is the reason
    why the server does not have one of the rest, or a page of them. It is `uncertain` whether the server makes a second
    copy late, of a request whose answer was lost: the next pass deletes it.
    """

    recorded: int
    total: int
    written: int = 0
    deleted: int = 0
    refused: str | None = None
    uncertain: bool = False


class Copier:
    """Copier of an output folder's record to another server. What it learns of files it keeps from pass to pass.

    `num_runs` is the number of runs at the last pass, `written` are the ids of those that were incomplete at the server
    and were made whole, in any pass: also in one that failed later.

    Args:
        with_host: name this machine in a tag of each new copy.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        destination: Destination,
        *,
        with_host: bool = False,
        listings: Listings | None = None,
    ) -> None:
        self._snapshot, self._destination = snapshot, destination
        self._listings = Listings() if listings is None else listings
        self._marks = _marks(with_host=with_host)
        # SQLite has one writer at a time.
        self._num_threads = NUM_THREADS if destination.is_server else 1
        self._opened: MlflowClient | None = None
        self.num_runs = 0
        self.written: set[str] = set()

    def copy(self, progress: Progress = lambda done, total: None) -> Tally:
        """Record what the server lacks.

        Args:
            progress: gets the numbers of runs that are recorded, and of all.

        Raises:
            BadInput: the output folder holds no store, or one that cannot be read; or the server shows that store.
            Outage: the server takes no records now; what was recorded before stays.
        """
        all_sent = False
        with client_environment(self._destination):
            try:
                tally = self._copy(progress)
                all_sent = tally.refused is None
            finally:
                self._listings.keep(all_sent=all_sent)
        return tally

    def _copy(self, progress: Progress) -> Tally:
        records, refusals = self._snapshot.read(), Refusals(self._destination)
        self.num_runs = len(records.runs)
        client = self._client()
        self._check_is_another(client, records, refusals)
        copies = Copies(
            client=client,
            destination=self._destination,
            records=records,
            refusals=refusals,
            marks=self._marks,
            num_threads=self._num_threads,
        )
        experiments = {}
        for one in records.experiments:
            experiment = refusals.taken(partial(self._experiment, client, one, copies))
            if experiment is not None:
                experiments[str(one.experiment_id)] = experiment
        copies.delete()
        numbers = {number: str(one.experiment_id) for number, one in experiments.items()}
        for generation in records.generations:
            copies.create([run for run in generation if run.info.experiment_id in numbers], numbers)
        ids = Ids(copies.ids, numbers)
        recorded, written = self._fill(client, records.runs, copies.by_run, ids, refusals, progress)
        for one in records.experiments:
            if str(one.experiment_id) in experiments:
                describe = partial(_describe, client, one, experiments[str(one.experiment_id)], ids)
                refusals.taken(partial(patiently, self._destination, describe))
        return Tally(
            recorded=recorded,
            total=len(records.runs),
            written=written,
            deleted=sum(copy is None for copy in copies.by_run.values()),
            refused=refusals.first,
            uncertain=copies.uncertain,
        )

    def _client(self) -> MlflowClient:
        if self._opened is None:
            with readable_faults(self._destination):
                self._opened = open_client(self._destination)
        return self._opened

    def _check_is_another(self, client: MlflowClient, records: Records, refusals: Refusals) -> None:
        """Raises:
        BadInput: the server has a run of the output folder by its own id.
        """

        def has_it(run: Run) -> bool:
            try:
                client.get_run(run.info.run_id)
            except MlflowException as error:
                if error.error_code != DOES_NOT_EXIST:
                    raise
                return False
            return True

        for run in records.runs[:1]:
            if refusals.taken(partial(patiently, self._destination, partial(has_it, run))):
                raise BadInput(
                    f"{self._destination.uri}: shows this very record, its runs have the same ids there; give another "
                    "server"
                )

    def _experiment(self, client: MlflowClient, original: Experiment, copies: Copies) -> Experiment:
        """The experiment of the same name there, which decides where its artifacts lie. Its copies are found."""
        database = self._destination.database
        place = None if database is None else artifacts_beside(database, original.name)
        experiment = patiently(self._destination, partial(obtain_experiment, client, original.name, place))
        copies.find(str(experiment.experiment_id))
        return experiment

    def _fill(
        self,
        client: MlflowClient,
        runs: Sequence[Run],
        copies: Mapping[str, Run | None],
        ids: Ids,
        refusals: Refusals,
        progress: Progress,
    ) -> tuple[int, int]:
        """Record the content of runs in their copies. Return the numbers of those that are recorded, and of those of
        them that were not before.

        Those that are whole come first, since the server is not asked about them: they count if it goes down then.
        """
        filler = Filler(client, self._snapshot, self._destination, self._listings)

        def is_whole(run: Run) -> tuple[Run, bool]:
            copy = copies[str(run.info.run_id)]
            try:
                return run, copy is None or filler.is_whole(run, copy, ids)
            except OSError:  # A file that is being replaced, say. It is read again.
                return run, False

        def fill(run: Run) -> str | None:
            """The id of a run that is recorded now."""
            copy = copies[str(run.info.run_id)]
            assert copy is not None
            try:
                filler.fill(run, copy, ids)
            except Refused as refused:
                refusals.add(str(refused))
                return None
            except OSError as error:
                refusals.add(system_message(error))
                return None
            return str(run.info.run_id)

        there = [run for run in runs if str(run.info.run_id) in copies]
        looked_at = list(in_parallel(there, is_whole, num_threads=self._num_threads))
        lacking = [run for run, whole in looked_at if not whole]
        recorded, written = len(looked_at) - len(lacking), 0
        progress(recorded, len(runs))
        for run_id in in_parallel(lacking, fill, num_threads=self._num_threads):
            if run_id is not None:
                self.written.add(run_id)
                recorded, written = recorded + 1, written + 1
                progress(recorded, len(runs))
        return recorded, written


def _describe(client: MlflowClient, original: Experiment, copy: Experiment, ids: Ids) -> None:
    """Give a copied experiment the tags of the original: its description, its views."""
    for name, text in original.tags.items():
        text = ids.in_text(text)
        if copy.tags.get(name) != text:
            client.set_experiment_tag(copy.experiment_id, name, text)


def _marks(*, with_host: bool) -> dict[str, str]:
    """Tags of a new copy that its run may lack: people who record in one experiment keep apart."""
    return {TAG_USER: recorded_user()} | ({HOST: socket.gethostname()} if with_host else {})
