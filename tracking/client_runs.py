"""Reader of runs through MLflow's public client: those of a server, of an SQLite file, and of an output folder whose
tables hemosweep's own reader was not tried with.

A server may run another version of MLflow; a file must be of the installed one (`check_revision`).
"""

import json
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from hemosweep.ablation.declaration import Declaration, read_declaration
from hemosweep.errors import BadInput
from hemosweep.runs import FACT_PREFIX
from hemosweep.tracking import schema
from hemosweep.tracking.backend import DOES_NOT_EXIST, Experiment, MlflowClient, MlflowException
from hemosweep.tracking.searches import every_experiment, every_run
from hemosweep.tracking.stored import StoredRun
from hemosweep.tracking.whole import LEVELS


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientRuns:
    """The `StoredRuns` that a client finds.

    `usable` gives the context in which the client is called: it turns the client's errors into ours.
    """

    place: str
    client: MlflowClient
    usable: Callable[[], AbstractContextManager[None]]

    def experiment_names(self) -> list[str]:
        """See `StoredRuns`."""
        return [experiment.name for experiment in self._experiments()]

    def declarations(self) -> dict[str, Declaration]:
        """Declarations of the experiments' sweeps, by their names; those of earlier versions have none."""
        found = {}
        for experiment in self._experiments():
            with suppress(KeyError, TypeError, ValueError):
                declaration = read_declaration(json.loads(experiment.tags[schema.TAG_DECLARATION]))
                found[schema.sweep_name(experiment.name)] = declaration
        return found

    def of_level(self, level: str) -> list[StoredRun]:
        """See `StoredRuns`."""
        return self._search(f"tags.`{schema.TAG_LEVEL}` = '{level}'")

    def strays(self) -> list[StoredRun]:
        """See `StoredRuns`."""
        others = " AND ".join(f"tags.`{schema.TAG_LEVEL}` != '{level}'" for level in LEVELS)
        runs = self._search(f"tags.`{schema.TAG_LEVEL}` IS NULL") + self._search(others)
        return [run for run in runs if any(name.startswith(FACT_PREFIX) for name in run.tags)]

    def json_artifact(self, run_id: str, name: str) -> Any:
        """See `StoredRuns`."""
        with self.usable(), tempfile.TemporaryDirectory() as folder:
            try:
                path = Path(self.client.download_artifacts(run_id, name, folder))
                return json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                raise BadInput(f"{self.place}: {name} of run {run_id} is damaged; record the run there again") from None
            except (MlflowException, OSError):
                if self._is_listed(run_id, name):
                    raise
        return None

    def _is_listed(self, run_id: str, name: str) -> bool:
        try:
            files = self.client.list_artifacts(run_id, name.rpartition("/")[0] or None)
            if not files:
                self._check_place(run_id)
        except MlflowException as error:
            if error.error_code == DOES_NOT_EXIST:
                return False
            raise
        return any(file.path == name for file in files)

    def _check_place(self, run_id: str) -> None:
        """
        Raises:
            BadInput: the artifacts of a run lie in a folder of another machine.
        """
        place = urlsplit(self.client.get_run(run_id).info.artifact_uri)
        folder = Path(url2pathname(place.path))
        if place.scheme in ("", "file") and not folder.is_dir():
            raise BadInput(
                f"run {run_id} of {self.place}: its artifacts lie in {folder}, which is not on this machine; start the "
                "server with --artifacts-destination, or give the command on its machine"
            )

    def foreign(self, name: str) -> StoredRun | None:
        """A run of this id or name that hemosweep did not write; None where there is none."""
        for condition in (f"attributes.run_id = '{name}'", f"attributes.run_name = '{name}'"):
            if "'" not in name:
                runs = [run for run in self._search(condition) if schema.TAG_LEVEL not in run.tags]
                if runs:
                    return runs[0]
        return None

    def _experiments(self) -> list[Experiment]:
        with self.usable():
            return every_experiment(self.client, f"name LIKE '{schema.EXPERIMENT_PREFIX}%'")

    def _search(self, filter_string: str) -> list[StoredRun]:
        names = {str(experiment.experiment_id): experiment.name for experiment in self._experiments()}
        with self.usable():
            runs = every_run(self.client, list(names), filter_string)
        return [
            StoredRun(
                run_id=run.info.run_id,
                experiment=names[str(run.info.experiment_id)],
                name=run.info.run_name or "",
                status=run.info.status,
                start_time_ms=run.info.start_time or 0,
                metrics=dict(run.data.metrics),
                tags=dict(run.data.tags),
            )
            for run in runs
        ]
