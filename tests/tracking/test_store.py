"""The store of an output folder: of any name, moved, of another MLflow, or with a journal that was left behind."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from hemosweep.errors import BadInput
from hemosweep.tracking.backend import MLFLOW_VERSION
from hemosweep.tracking.database import database_path
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.recorder import Recorder
from hemosweep.tracking.store import open_store

ODD = "my out?x=1 %20#é"


def test_a_folder_of_any_name_has_its_runs_and_artifacts_in_it_and_nothing_beside_it(out, replicate, cases, tmp_path):
    place = out.rename(tmp_path / ODD)
    (tmp_path / "picture.png").write_bytes(b"drawn")
    before = set(tmp_path.iterdir())
    recorder = Recorder(place)
    run_id = recorder.begin_replicate(replicate())
    recorder.finish_replicate(run_id, cases=cases, figures={"dsc.png": tmp_path / "picture.png"}, status="FINISHED")
    artifacts = place / "artifacts" / "loss" / run_id / "artifacts"
    assert (artifacts / "figures" / "dsc.png").read_bytes() == b"drawn"
    (run,) = MlflowStore(place).list_runs()
    assert (run.run_id, run.dsc_mean) == (run_id, pytest.approx(0.5))
    assert len(MlflowStore(place).case_rows(run_id)) == 4
    client = open_store(place).client
    assert [file.path for file in client.list_artifacts(run_id, "figures")] == ["figures/dsc.png"]
    assert set(tmp_path.iterdir()) == before


def test_the_first_opening_of_a_copy_puts_every_place_right_and_leaves_the_original_alone(out, replicate, tmp_path):
    run_id = Recorder(out).begin_replicate(replicate())
    client = open_store(out).client
    other = client.create_experiment("of the lab", artifact_location=(out / "artifacts" / "7").as_uri())
    elsewhere = client.create_experiment("elsewhere", artifact_location=(tmp_path / "7").as_uri())
    before = database_path(out).read_bytes()
    copy = shutil.copytree(out, tmp_path / "copy")
    client = open_store(copy).client
    artifacts = copy / "artifacts"
    assert client.get_run(run_id).info.artifact_uri == (artifacts / "loss" / run_id / "artifacts").as_uri()
    assert client.get_experiment(other).artifact_location == (artifacts / "7").as_uri()
    assert client.get_experiment(elsewhere).artifact_location == (tmp_path / "7").as_uri()
    assert database_path(out).read_bytes() == before


def set_revision(out, revision):
    with closing(sqlite3.connect(database_path(out))) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        # A newer MLflow may have other tables: the installed one would make its own beside them.
        database.execute("ALTER TABLE inputs RENAME TO inputs_now")


def test_a_store_of_a_newer_mlflow_is_named_as_such_and_left_alone(out):
    set_revision(out, "ffff00001111")
    before = database_path(out).read_bytes()
    with pytest.raises(BadInput) as raised:
        open_store(out)
    assert str(raised.value) == (
        f"{database_path(out)}: was written by a newer MLflow than {MLFLOW_VERSION}, which does not know its revision "
        "ffff00001111; install the version that wrote it or a later one, or give another --out"
    )
    assert database_path(out).read_bytes() == before


def test_a_store_of_an_older_mlflow_is_named_with_the_command_that_brings_it_up_to_date(out):
    set_revision(out, "451aebb31d03")  # the first one that MLflow knows
    with pytest.raises(
        BadInput, match=r"was written by an older MLflow than .*`python -m mlflow db upgrade .*mlflow\.db"
    ):
        open_store(out)


def test_a_journal_that_was_left_behind_stops_a_new_store(tmp_path):
    journal = tmp_path / "mlflow.db-journal"
    journal.write_bytes(b"left")
    with pytest.raises(BadInput, match=r"mlflow\.db: was moved away without its mlflow\.db-journal"):
        open_store(tmp_path)
    assert list(tmp_path.iterdir()) == [journal]


def test_a_database_of_another_program_is_left_alone(tmp_path):
    with closing(sqlite3.connect(database_path(tmp_path))) as database, database:
        database.execute("CREATE TABLE patients (x)")
    before = database_path(tmp_path).read_bytes()
    with pytest.raises(BadInput, match=r"not a store this MLflow can use \(no such table: experiments\); move it away"):
        open_store(tmp_path)
    assert database_path(tmp_path).read_bytes() == before
