"""MLflow's tables, read without MLflow, say what MLflow's own client says."""

import math
import sqlite3
import subprocess
import sys

import pytest

from hemosweep.errors import BadInput
from hemosweep.tracking import schema
from hemosweep.tracking.database import database_path, experiment_names, tagged_runs
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.recorder import Recorder
from hemosweep.tracking.store import open_store, search_runs, sweep_experiments

ARMS = (schema.TAG_LEVEL, schema.LEVEL_ARM)


@pytest.fixture
def store(out, replicate, cases, fold_folder):
    """Finished, running and deleted runs in two sweeps, with folds; a deleted sweep; experiments of somebody else."""
    recorder = Recorder(out)
    finished, running, deleted = (
        recorder.begin_replicate(replicate(arm, run_name=f"{arm}@0 é"))
        for arm in ("500->3000", "lesion|hyperdense/symmetric", "100%_of")
    )
    folder = fold_folder(0, 3)
    for run_id in (finished, running):
        recorder.record_fold(run_id, fold=0, digest=folder.digest, folder=folder.path)
    recorder.finish_replicate(finished, cases=cases, figures={}, status="FINISHED")
    recorder.begin_replicate(replicate(sweep="se", seed=3))
    gone = recorder.begin_replicate(replicate(sweep="gone"))
    store = open_store(out)
    store.client.delete_run(deleted)
    store.client.delete_experiment(store.client.get_run(gone).info.experiment_id)
    for number, name in enumerate(["hemosweeping/x", "Hemosweep/y"]):
        identifier = store.client.create_experiment(name)
        tags = {schema.TAG_LEVEL: schema.LEVEL_ARM, schema.TAG_SWEEP: str(number)}
        store.client.create_run(identifier, tags=tags)
    for step, value in enumerate([1.5, math.nan]):
        store.client.log_metric(running, "hd95_mm_mean", value, step=step)
        store.client.log_metric(running, "dsc_mean", 0.1 * (step + 1), step=step)
    return store


def as_mlflow_says(store, tag, value):
    identifiers = [str(experiment.experiment_id) for experiment in sweep_experiments(store)]
    found = search_runs(store, identifiers, f"tags.`{tag}` = '{value}'")
    return {
        run.info.run_id: (run.info.run_name, run.info.status, run.info.start_time, run.data.metrics, run.data.tags)
        for run in found
    }


def without_nan(metrics):
    return {name: "NaN" if math.isnan(value) else value for name, value in metrics.items()}


def test_arms_and_folds_are_read_as_mlflows_client_reads_them(out, store):
    arms = as_mlflow_says(store, *ARMS)
    assert len(arms) == 3
    for tag, value in (ARMS, *((schema.TAG_PARENT, run_id) for run_id in arms)):
        read = {run.run_id: run for run in tagged_runs(out, schema.EXPERIMENT_PREFIX, tag, value)}
        said = as_mlflow_says(store, tag, value)
        assert read.keys() == said.keys()
        for run_id, (name, status, start_time_ms, metrics, tags) in said.items():
            run = read[run_id]
            assert (run.name, run.status, run.start_time_ms, run.tags) == (name, status, start_time_ms, tags)
            assert without_nan(run.metrics) == without_nan(metrics)
    assert any(math.isnan(run[3].get("hd95_mm_mean", 0.0)) for run in arms.values())


def test_experiments_are_those_that_mlflows_client_lists(out, store):
    names = experiment_names(out, schema.EXPERIMENT_PREFIX)
    assert sorted(names) == ["hemosweep/loss", "hemosweep/se"]
    assert sorted(names) == sorted(experiment.name for experiment in sweep_experiments(store))


def test_what_a_killed_driver_left_half_written_is_taken_back(out, store):
    def read():
        return [(run.run_id, run.status, run.tags) for run in tagged_runs(out, schema.EXPERIMENT_PREFIX, *ARMS)]

    before = read()
    script = f"""
import os, sqlite3
database = sqlite3.connect({str(database_path(out))!r}, isolation_level=None)
database.execute("PRAGMA cache_size = 1")
database.execute("BEGIN IMMEDIATE")
database.execute("UPDATE runs SET status = 'FAILED'")
database.executemany("INSERT INTO tags VALUES (?, ?, ?)",
                     [(f"tag {{n}}", "x" * 4000, {before[0][0]!r}) for n in range(200)])
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    assert database_path(out).with_name("mlflow.db-journal").is_file()
    assert read() == before


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no database at all, and long enough to have a header" * 4, r"file is not a database; move it away, [^\n]*"),
        (b"", r"not a store that this hemosweep can read \(no such table: [^\n]*\); [^\n]* or move it away"),
    ],
)
def test_a_file_that_is_no_store_is_told_in_one_line(tmp_path, content, told):
    database_path(tmp_path).write_bytes(content)
    with pytest.raises(BadInput, match=rf"mlflow.db: {told}$"):
        MlflowStore(tmp_path).list_runs()


def test_a_table_that_mlflow_has_changed_is_told_and_not_guessed(out, store):
    with sqlite3.connect(database_path(out)) as database:
        database.execute("ALTER TABLE tags RENAME COLUMN value TO text")
    database.close()
    with pytest.raises(BadInput, match=r"no such column: tags\.value"):
        MlflowStore(out).list_runs()


def test_reading_imports_neither_mlflow_nor_pandas(out, store):
    code = f"""
import sys
from pathlib import Path
from hemosweep.tracking.reader import MlflowStore
store = MlflowStore(Path({str(out)!r}))
(run,) = [run for run in store.list_runs() if run.is_finished]
assert len(store.case_rows(run.run_id)) == 4
assert [fold.digest for fold in store.list_folds()[run.run_id]] == ["digest-0"]
print([name for name in ("mlflow", "pandas", "sqlalchemy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
