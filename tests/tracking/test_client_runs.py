"""The fast reader and MLflow's client give the same records of one output folder."""

import logging
import shutil

import pytest

from hemosweep.errors import BadInput
from hemosweep.runs import find_run
from hemosweep.tracking import folder_runs, schema
from hemosweep.tracking.database import KNOWN_REVISIONS, database_path, read_revision
from hemosweep.tracking.places import correct_places
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.recorder import Recorder
from hemosweep.tracking.references import find_place, find_reference, find_sweep
from hemosweep.tracking.store import open_store
from hemosweep.workflows.runs import list_runs


@pytest.fixture(scope="module")
def known():
    """The folder of `recorded`, once it was made."""
    return []


@pytest.fixture
def recorded(known, request):
    """Two sweeps; finished, running, deleted and edited runs, with folds; and runs that hemosweep did not write. No
    test changes it."""
    if not known:
        names = ("out", "replicate", "cases", "fold_folder")
        known.append(_record(*map(request.getfixturevalue, names)))
    return known[0]


def _record(out, replicate, cases, fold_folder):
    recorder = Recorder(out)
    ids = {name: recorder.begin_replicate(replicate(name)) for name in ("dice", "focal", "gone", "edited", "levelled")}
    folder = fold_folder(0, 3)
    for name in ("dice", "focal"):
        recorder.record_fold(ids[name], fold=0, digest=folder.digest, folder=folder.path)
    recorder.finish_replicate(ids["dice"], cases=cases, figures={}, status="FINISHED")
    recorder.begin_replicate(replicate(sweep="se", seed=3))
    client = open_store(out).client
    client.delete_run(ids["gone"])
    client.delete_tag(ids["edited"], schema.TAG_LEVEL)
    client.set_tag(ids["levelled"], schema.TAG_LEVEL, "top")
    experiment = client.get_experiment_by_name("hemosweep/loss").experiment_id
    client.create_run(experiment, run_name="of a colleague")
    client.create_run(client.create_experiment("other"), tags={schema.TAG_LEVEL: schema.LEVEL_ARM})
    return out


def records(store):
    runs = store.list_runs()
    ids = [run.run_id for run in runs]
    tables = [store.case_rows(run.run_id) for run in runs if run.is_finished]
    partial = sorted(store.list_partial(), key=lambda run: run.run_id) if isinstance(store, MlflowStore) else None
    return runs, store.list_runs("loss"), store.list_folds(), partial, tables, list(map(store.config, ids))


def unknown(monkeypatch):
    monkeypatch.setattr(folder_runs, "KNOWN_REVISIONS", frozenset())


def test_the_fast_reader_and_the_client_give_the_same_records(recorded, monkeypatch, caplog):
    fast = records(MlflowStore(recorded))
    assert len(fast[0]) == 3
    assert len(fast[3]) == 2
    caplog.clear()
    unknown(monkeypatch)
    assert records(MlflowStore(recorded)) == fast
    (told,) = [line for line in caplog.messages if "revision" in line]
    assert told == (
        f"{database_path(recorded)}: its tables (revision {read_revision(database_path(recorded))}) are of an MLflow "
        "that hemosweep's fast reader was not tried with; they are read through MLflow's client, which takes longer"
    )


def test_the_revision_of_the_installed_mlflow_is_one_that_this_test_has_seen(recorded, caplog):
    assert read_revision(database_path(recorded)) in KNOWN_REVISIONS
    with caplog.at_level(logging.WARNING):
        MlflowStore(recorded).list_runs()
    assert not [line for line in caplog.messages if "revision" in line]


def test_reading_through_the_client_changes_nothing_in_a_copy_whose_places_are_those_of_the_original(
    recorded, monkeypatch, tmp_path
):
    copy = shutil.copytree(recorded, tmp_path / "copy")
    unknown(monkeypatch)
    before = database_path(copy).read_bytes()
    runs, *_, tables, _ = records(MlflowStore(copy))
    assert (len(runs), len(tables[0])) == (3, 4)
    assert database_path(copy).read_bytes() == before


def test_a_store_in_a_file_is_read_by_its_address(recorded, tmp_path):
    address = f"mlflow:sqlite:///{database_path(recorded)}"
    store, sweep = find_sweep(tmp_path, f"{address}/hemosweep/loss")
    assert sweep == "loss"
    runs, of_sweep, folds, _, tables, configs = records(store)
    here = records(MlflowStore(recorded))
    assert (list(runs), list(of_sweep), folds, tables, configs) == (*here[:3], *here[4:])
    store, name = find_reference(tmp_path, f"{address}/hemosweep/loss/dice")
    assert find_run(store, name).arm == "dice"
    store, name = find_reference(tmp_path, f"{address}/hemosweep/loss/{runs[1].run_id[:8]}")
    assert find_run(store, name) == runs[1]


def test_the_runs_of_one_arm_or_one_run_of_another_store_are_listed(recorded):
    sweep = f"mlflow:sqlite:///{database_path(recorded)}/hemosweep/loss"
    dice, focal = (run.run_id for run in MlflowStore(recorded).list_runs("loss"))
    for rest, ids in (("", [dice, focal]), ("/dice", [dice]), ("/focal@0", [focal]), (f"/{focal[:8]}", [focal])):
        rows = list_runs(*find_place(f"{sweep}{rest}", None)).as_json()
        assert [row["run_id"] for row in rows] == ids
    with pytest.raises(BadInput, match="has no run 'dise'; nearest: dice"):
        find_place(f"{sweep}/dise", None)


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("/hemosweep/lose/dice", r"has no runs of sweep 'lose'; it has loss, se$"),
        ("/hemosweep/loss/dise", r"/hemosweep/loss has no run 'dise'; nearest: dice"),
        ("/hemosweep/loss", r"names no run; give mlflow:sqlite:.*/hemosweep/loss/RUN$"),
        ("", r"names no run; give mlflow:sqlite:.*/hemosweep/SWEEP/RUN$"),
        ("/hemosweep/loss/of a colleague", r"was not recorded by hemosweep, as it has no tag hemosweep\.level; give"),
    ],
)
def test_an_address_that_names_no_run_of_ours_is_told_in_one_line(recorded, tmp_path, rest, told):
    with pytest.raises(BadInput, match=told) as raised:
        find_reference(tmp_path, f"mlflow:sqlite:///{database_path(recorded)}{rest}")
    assert "\n" not in str(raised.value)


def test_artifacts_on_another_machine_are_told_and_not_taken_for_none(recorded, tmp_path):
    (run,) = [run for run in MlflowStore(recorded).list_runs() if run.is_finished]
    copy = shutil.copytree(recorded, tmp_path / "copy")
    correct_places(database_path(copy), copy / "artifacts")
    (copy / "artifacts").rename(tmp_path / "elsewhere")
    store, _ = find_sweep(tmp_path, f"mlflow:sqlite:///{database_path(copy)}")
    with pytest.raises(BadInput, match=r"which is not on this machine; start the server with --artifacts-destination"):
        store.case_rows(run.run_id)


def test_a_file_of_another_program_is_told_in_one_line(tmp_path):
    (tmp_path / "scores.db").write_bytes(b"no database at all, and long enough to have a header" * 4)
    with pytest.raises(BadInput, match="file is not a database"):
        find_sweep(tmp_path, f"mlflow:sqlite:///{tmp_path}/scores.db")
