"""A run that is written whole has the very rows that MLflow's own calls would have left."""

import sqlite3

import pytest

from hemosweep.tracking import store as store_module
from hemosweep.tracking.backend import Metric, RunTag
from hemosweep.tracking.database import database_path
from hemosweep.tracking.new_run import NewRun, write_run
from hemosweep.tracking.store import TRIED_VERSIONS, ensure_experiment, open_store, transaction

TAGS = {"hemosweep.fold": "0", "note": "one \N{GREEK SMALL LETTER MU}m"}
METRICS = [
    *(Metric("train_loss", 1.0 / epoch, 1000 + epoch, epoch) for epoch in (1, 2, 3)),
    Metric("val_dsc", 0.75, 1001, 1),
    Metric("dsc_mean", 0.5, 5000, 0),
    Metric("dsc_mean", 0.25, 6000, 0),  # the later one is shown
    Metric("clock", 0.5, 9000, 1),  # the later step is shown
    Metric("clock", 0.25, 8000, 2),
]
ENDS = {"RUNNING": None, "FINISHED": 7000}


@pytest.fixture
def store(out):
    return open_store(out)


def by_its_client(store, experiment, status):
    client = store.client
    run = client.create_run(experiment.experiment_id, start_time=1000, tags=TAGS, run_name="fold 0")
    client.log_batch(run.info.run_id, metrics=METRICS, tags=[RunTag("more", "1")])
    if ENDS[status] is not None:
        client.set_terminated(run.info.run_id, status, end_time=ENDS[status])
    return run.info.run_id


def new_run(status):
    return NewRun(
        name="fold 0",
        tags=TAGS | {"more": "1"},
        metrics=METRICS,
        status=status,
        started=1000,
        ended=ENDS[status],
    )


def at_once(store, experiment, status):
    with transaction(store) as session:
        return write_run(store.client, session, experiment, new_run(status))


def rows_of(store, run_id):
    """Every row of the database that has to do with a run, its id left out."""
    found = {}
    with sqlite3.connect(store.database) as database:
        database.row_factory = sqlite3.Row
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            found[table] = sorted(
                repr({name: str(row[name]).replace(run_id, "ID") for name in row.keys()})  # noqa: SIM118
                for row in database.execute(f"SELECT * FROM {table}")
                if run_id in tuple(row)
            )
    return {table: rows for table, rows in found.items() if rows}


@pytest.mark.parametrize("status", ENDS)
def test_it_has_the_rows_of_mlflows_own_calls(store, status):
    experiment = ensure_experiment(store, "loss")
    expected = rows_of(store, by_its_client(store, experiment, status))
    assert set(expected) == {"runs", "tags", "metrics", "latest_metrics"}
    assert rows_of(store, at_once(store, experiment, status)) == expected


@pytest.mark.parametrize("status", ENDS)
def test_through_the_client_it_has_the_same_rows(store, status):
    experiment = ensure_experiment(store, "loss")
    run_id = write_run(store.client, None, experiment, new_run(status))
    assert rows_of(store, run_id) == rows_of(store, at_once(store, experiment, status))


def test_the_session_is_shared_with_tried_versions_of_mlflow_alone(store, monkeypatch):
    assert store_module.MLFLOW_VERSION.startswith(TRIED_VERSIONS)
    with transaction(store) as session:
        assert session is not None
    monkeypatch.setattr(store_module, "MLFLOW_VERSION", "3.999.0")
    maker = store.client._tracking_client.store.ManagedSessionMaker
    with transaction(store) as session:
        assert session is None
        assert store.client._tracking_client.store.ManagedSessionMaker is maker


def test_mlflow_reads_it_as_its_own(store):
    experiment = ensure_experiment(store, "loss")
    run_id = at_once(store, experiment, "FINISHED")
    run = store.client.get_run(run_id)
    assert run.data.metrics == {"train_loss": 1 / 3, "val_dsc": 0.75, "dsc_mean": 0.25, "clock": 0.25}
    assert [point.step for point in store.client.get_metric_history(run_id, "train_loss")] == [1, 2, 3]
    store.client.log_text(run_id, "text", "note.txt")
    assert (store.artifacts / "loss" / run_id / "artifacts" / "note.txt").read_text() == "text"


def test_what_fails_within_a_transaction_leaves_nothing_of_it_and_the_store_in_order(store):
    experiment = ensure_experiment(store, "loss")
    with pytest.raises(Exception, match="in the midst"), transaction(store) as session:  # noqa: PT012
        write_run(store.client, session, experiment, new_run("RUNNING"))
        store.client.create_run(experiment.experiment_id)
        raise OSError("in the midst")
    with sqlite3.connect(database_path(store.database.parent)) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    store.client.create_run(experiment.experiment_id)
    with sqlite3.connect(store.database) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (1,)
