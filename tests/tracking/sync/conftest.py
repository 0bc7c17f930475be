import math
import shutil
import sqlite3
from contextlib import closing
from uuid import uuid4

import pytest
from mlflow.entities import Dataset, DatasetInput, InputTag

from hemosweep.tracking import schema
from hemosweep.tracking.backend import MlflowClient
from hemosweep.tracking.recorder import Recorder
from hemosweep.tracking.sync import faults
from hemosweep.tracking.sync.content import ORIGIN
from tests.mlflow_servers import content


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    """No server and no credentials of the user's."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


class Record:
    """An output folder with an arm of two folds, whose record has one of everything that MLflow keeps."""

    def __init__(self, out, name, arm, client):
        self.out, self.name, self.arm, self.client = out, name, arm, client
        (experiment,) = client.search_experiments(filter_string=f"name = '{name}'")
        self.experiment_id = experiment.experiment_id

    def folds(self):
        runs = self.client.search_runs([self.experiment_id], f"tags.`{schema.TAG_PARENT}` = '{self.arm}'")
        return sorted(runs, key=lambda run: run.info.run_name)

    def content(self):
        return content(self.client, self.name)

    def at(self, client):
        """The same of a server."""
        return content(client, self.name)

    def copies(self, client, run_id):
        """The copies of one of its runs."""
        (experiment,) = client.search_experiments(filter_string=f"name = '{self.name}'")
        return client.search_runs([experiment.experiment_id], f"tags.`{ORIGIN}` LIKE '%/{run_id}'")


@pytest.fixture
def record(out, replicate, fold_folder, cases, tmp_path):
    recorder = Recorder(out)
    sweep = f"loss-{uuid4().hex[:8]}"  # Tests share servers.
    arm = recorder.begin_replicate(replicate(sweep=sweep))
    for fold, folder in enumerate([fold_folder(0, 3), fold_folder(1, 2)]):
        recorder.record_fold(arm, fold=fold, digest=folder.digest, folder=folder.path)
    figure = tmp_path / "drawn.png"
    figure.write_bytes(b"png")
    recorder.finish_replicate(arm, cases=cases, figures={"dsc.png": figure}, status="FINISHED")
    client = recorder._store.client
    one = Record(out, schema.experiment_name(sweep), arm, client)
    # What others may record one day, whatever its names are.
    scans = Dataset(name="scans", digest="0123abcd", source_type="code", source="{}", schema="{}", profile="{}")
    client.log_inputs(arm, [DatasetInput(scans, [InputTag("mlflow.data.context", "training")])])
    client.set_tag(arm, "hemosweep.best_fold", one.folds()[0].info.run_id)
    client.set_tag(arm, schema.TAG_NOTE, f"[here](#/experiments/{one.experiment_id}/runs/{arm})")
    client.log_metric(arm, "strange", math.nan, timestamp=5, step=1)
    client.log_metric(arm, "strange", math.inf, timestamp=6, step=2)
    return one


@pytest.fixture
def other(migrated_database, tmp_path):
    """Address of an empty database of another record, and its client."""
    path = tmp_path / "other" / "other.db"
    path.parent.mkdir()
    shutil.copyfile(migrated_database, path)
    uri = f"sqlite:///{path}"
    return uri, MlflowClient(uri)


@pytest.fixture
def refuse_tag(other, monkeypatch):
    """Lets the other record fail, as a server that goes down, when it gets a tag of this name; or none any more."""
    monkeypatch.setattr(faults.time, "sleep", lambda seconds: None)

    def refuse_tag(name):
        with closing(sqlite3.connect(other[0].removeprefix("sqlite:///"))) as database, database:
            database.execute("DROP TRIGGER IF EXISTS down")
            if name is not None:
                fails = f"BEFORE INSERT ON tags WHEN NEW.key = '{name}' BEGIN SELECT RAISE(ABORT, 'it is down'); END"
                database.execute(f"CREATE TRIGGER down {fails}")

    return refuse_tag
