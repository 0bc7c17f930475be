"""Names of finished arms, as the shell completes them."""

import sqlite3
from contextlib import closing

import pytest

from hemosweep.runs import find_run
from hemosweep.tracking.database import database_path
from hemosweep.tracking.names import finished_arms
from hemosweep.tracking.reader import MlflowStore
from tests.recorded import record


@pytest.fixture(scope="module")
def out(tmp_path_factory, migrated_database):
    out = tmp_path_factory.mktemp("named") / "runs?#%20"
    out.mkdir()
    database_path(out).write_bytes(migrated_database.read_bytes())
    record(out)
    return out


def test_every_finished_arm_has_its_runs_and_a_name_means_one_of_them(out):
    found = finished_arms(out)
    assert found["loss", "focal"] == ["loss/focal@0", "loss/focal@1", "loss/focal@2"]
    assert found["patchsize", "retried"] == ["patchsize/retried@0"]
    store = MlflowStore(out)
    finished = {(run.sweep, run.arm) for run in store.list_runs() if run.is_finished}
    assert set(found) == finished
    for names in found.values():
        for name in names:
            assert find_run(store, name).full_name == name


def test_a_folder_without_a_store_has_none_and_stays_empty(tmp_path):
    assert finished_arms(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_another_program_holds_is_not_waited_for(out):
    with closing(sqlite3.connect(database_path(out))) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.Error):
            finished_arms(out)
