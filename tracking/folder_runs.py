"""Reader of the runs of an output folder: fast from the tables that it knows, else through MLflow's client."""

import json
import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hemosweep.errors import BadInput
from hemosweep.runs import FACT_PREFIX
from hemosweep.tracking import schema
from hemosweep.tracking.database import (
    KNOWN_REVISIONS,
    database_path,
    experiment_names,
    read_revision,
    require_store,
    stray_runs,
    tagged_runs,
)
from hemosweep.tracking.stored import StoredRun, StoredRuns
from hemosweep.tracking.whole import LEVELS

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FolderRuns:
    """The `StoredRuns` of an output folder."""

    out: Path

    @property
    def place(self) -> str:
        return str(self.out)

    def experiment_names(self) -> list[str]:
        """See `StoredRuns`."""
        other = self._by_client()
        return experiment_names(self.out, schema.EXPERIMENT_PREFIX) if other is None else other.experiment_names()

    def of_level(self, level: str) -> list[StoredRun]:
        """See `StoredRuns`."""
        other = self._by_client()
        if other is not None:
            return other.of_level(level)
        return tagged_runs(self.out, schema.EXPERIMENT_PREFIX, schema.TAG_LEVEL, level)

    def strays(self) -> list[StoredRun]:
        """See `StoredRuns`."""
        other = self._by_client()
        if other is not None:
            return other.strays()
        return stray_runs(self.out, schema.EXPERIMENT_PREFIX, schema.TAG_LEVEL, LEVELS, FACT_PREFIX)

    def json_artifact(self, run_id: str, name: str) -> Any:
        """See `StoredRuns`. MLflow keeps absolute places of artifacts; this also finds those of a folder that was
        moved."""
        require_store(self.out)
        path = next((self.out / schema.ARTIFACTS_FOLDER).glob(f"*/{run_id}/artifacts/{name}"), None)
        try:
            return None if path is None else json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise BadInput(f"{path}: damaged; delete its run (hemosweep ui), and start its sweep again") from None

    def _by_client(self) -> StoredRuns | None:
        """The reader through MLflow's client; None where the tables are those that the tests have seen, and where there
        are none."""
        require_store(self.out)
        path = database_path(self.out)
        revision = read_revision(path)
        if revision is None or revision in KNOWN_REVISIONS:
            return None
        from hemosweep.tracking.client_runs import ClientRuns
        from hemosweep.tracking.store import reading_client

        client, usable = reading_client(self.out)
        _warn(path, revision)
        return ClientRuns(place=self.place, client=client, usable=usable)


@cache
def _warn(database: Path, revision: str) -> None:
    """Warn of a store that is read slowly, once a process: a command asks it many times."""
    _log.warning(
        "%s: its tables (revision %s) are of an MLflow that hemosweep's fast reader was not tried with; they are read "
        "through MLflow's client, which takes longer",
        database,
        revision,
    )
