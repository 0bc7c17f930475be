import json
import logging
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import OrderedDict
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.tracking._tracking_service import utils

from hemosweep.foldrun.seal import replace_sealed
from hemosweep.runs import Cost
from hemosweep.scores.score_files import read_score_file
from hemosweep.scores.table import AVERAGED_COLUMNS, CASE_COLUMNS
from hemosweep.tracking import schema
from hemosweep.tracking.backend import MlflowException
from hemosweep.tracking.database import database_path
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.recorder import Recorder
from hemosweep.tracking.store import ensure_experiment, open_store, search_runs

TABLES = ("runs", "metrics", "params", "tags", "latest_metrics", "experiments", "experiment_tags")


def rows(out):
    with sqlite3.connect(database_path(out)) as database:
        return {table: sorted(database.execute(f"SELECT * FROM {table}"), key=repr) for table in TABLES}


def children(recorder, run_id):
    client = recorder._store.client
    experiment = client.get_run(run_id).info.experiment_id
    return search_runs(recorder._store, [experiment], f"tags.`{schema.TAG_PARENT}` = '{run_id}'")


def steps(recorder, run, metric):
    return [point.step for point in recorder._store.client.get_metric_history(run.info.run_id, metric)]


def replay(recorder, info, folders, cases, figures):
    run_id = recorder.begin_replicate(info)
    for fold, folder in enumerate(folders):
        recorder.record_fold(run_id, fold=fold, digest=folder.digest, folder=folder.path)
    recorder.finish_replicate(run_id, cases=cases, figures=figures, status="FINISHED")
    return run_id


class RecordedFold:
    """The only fold of a run that has begun: `folder` is what its process writes."""

    def __init__(self, recorder, run_id, folder):
        self.recorder, self.run_id, self.folder = recorder, run_id, folder

    def record(self):
        """Its run in the store, once what is in the folder has been recorded."""
        self.recorder.record_fold(self.run_id, fold=0, digest=self.folder.digest, folder=self.folder.path)
        (child,) = children(self.recorder, self.run_id)
        return child


@pytest.fixture
def fold(out, replicate, fold_folder):
    recorder = Recorder(out)
    return RecordedFold(recorder, recorder.begin_replicate(replicate()), fold_folder())


@pytest.fixture
def figures(tmp_path):
    path = tmp_path / "drawn.png"
    path.write_bytes(b"png")
    return {"dsc.png": path}


def test_an_arm_is_a_top_level_run_and_its_folds_are_children(out, replicate, fold_folder, cases, figures):
    recorder = Recorder(out)
    folders = [fold_folder(0, 3), fold_folder(1, 2)]
    run_id = replay(recorder, replicate(), folders, cases, figures)
    run = recorder._store.client.get_run(run_id)
    assert schema.TAG_PARENT not in run.data.tags
    assert (run.info.run_name, run.info.status) == ("dice", "FINISHED")
    folds = sorted(children(recorder, run_id), key=lambda fold: fold.info.run_name)
    assert [(fold.info.run_name, fold.info.status) for fold in folds] == [
        ("dice · fold 0", "FINISHED"),
        ("dice · fold 1", "FINISHED"),
    ]
    assert folds[0].data.metrics["dsc_mean"] == pytest.approx(0.3)
    assert folds[0].data.metrics["best_epoch"] == 1
    assert folds[0].data.metrics["epochs"] == 3
    assert (folds[0].info.start_time, folds[0].info.end_time) == (1_000_000, 1_004_000)
    assert steps(recorder, folds[0], "train_loss") == [1, 2, 3]


def test_aggregates_match_hand_computed_values_and_absent_ones_are_not_logged(
    out, replicate, fold_folder, cases, figures
):
    recorder = Recorder(out)
    run_id = replay(recorder, replicate(), [fold_folder(0, 1), fold_folder(1, 1)], cases, figures)
    metrics = recorder._store.client.get_run(run_id).data.metrics
    assert metrics["dsc_mean"] == pytest.approx(0.5)
    assert metrics["dsc_std"] == pytest.approx(0.13**0.5)
    assert metrics["dsc_no_ivh_mean"] == pytest.approx(0.65)
    assert (metrics["dsc_ivh_mean"], metrics["num_cases"], metrics["num_undefined"]) == (0.2, 4, 1)
    assert metrics["train_seconds"] == 25.0
    assert "dsc_ivh_std" not in metrics


def test_an_arm_has_the_cost_of_its_folds_and_one_of_an_earlier_version_what_is_known(
    out, replicate, fold_folder, cases, figures
):
    recorder = Recorder(out)
    folders = [fold_folder(0), fold_folder(1)]
    for place, folder in enumerate(folders):
        folder.start()
        folder.epoch(1)
        folder.cost(windows=(10, 20 + 10 * place), gib=1 + place)
        folder.finish(place, 1)
    replay(recorder, replicate(), folders, cases, figures)
    earlier = [fold_folder(2), fold_folder(3)]
    for folder in earlier:
        folder.start()
        folder.epoch(1)
        folder.finish(0, 1)
    replay(recorder, replicate("older"), earlier, cases, figures)
    costs = {run.arm: run.cost for run in MlflowStore(out).list_runs()}
    # 15 and 20 windows a case of 2 GFLOP each.
    new = Cost(parameters=1000, case_gflop=35.0, epoch_s=1.0, case_s=0.75, process_gib=2.0)
    assert costs == {"dice": new, "older": Cost(epoch_s=1.0)}


def test_every_other_score_has_its_mean_over_the_cases_that_have_it(out, replicate, cases):
    recorder = Recorder(out)
    run_id = recorder.begin_replicate(replicate())
    cases["hd95_mm"] = [4.5, 9.0, 1.5, float("nan")]
    cases["voxel_precision"] = float("nan")
    recorder.finish_replicate(run_id, cases=cases, figures={}, status="FINISHED")
    metrics = recorder._store.client.get_run(run_id).data.metrics
    assert (metrics["hd95_mm_mean"], metrics["num_undefined_hd95_mm"]) == (5.0, 1)
    assert (metrics["nsd_mean"], metrics["volume_difference_ml_mean"]) == (0.75, -1.0)
    assert "num_undefined_nsd" not in metrics
    assert ("voxel_precision_mean" in metrics, metrics["num_undefined_voxel_precision"]) == (False, 4)
    assert {f"{name}_mean" for name in AVERAGED_COLUMNS} - metrics.keys() == {"voxel_precision_mean"}


def test_replaying_everything_twice_leaves_the_same_rows(out, replicate, fold_folder, cases, figures):
    folders = [fold_folder(0, 3), fold_folder(1, 2)]
    first = replay(Recorder(out), replicate(), folders, cases, figures)
    before = rows(out)
    assert replay(Recorder(out), replicate(), folders, cases, figures) == first
    assert rows(out) == before


def test_a_fold_at_work_is_recorded_step_by_step(fold):
    fold.folder.start()
    for number in (1, 2):
        fold.folder.epoch(number)
        fold.record()
        (child,) = children(fold.recorder, fold.run_id)
        assert child.info.status == "RUNNING"
        assert steps(fold.recorder, child, "val_loss") == list(range(1, number + 1))


def test_a_killed_driver_is_taken_over_without_double_epochs(out, replicate, fold_folder, cases):
    folder = fold_folder()
    folder.start()
    folder.epoch(1)
    killed = Recorder(out)
    run_id = killed.begin_replicate(replicate())
    killed.record_fold(run_id, fold=0, digest=folder.digest, folder=folder.path)
    folder.epoch(2)
    folder.finish(0, 2)
    recorder = Recorder(out)
    assert recorder.begin_replicate(replicate()) == run_id
    recorder.record_fold(run_id, fold=0, digest=folder.digest, folder=folder.path)
    (child,) = children(recorder, run_id)
    assert child.info.status == "FINISHED"
    assert steps(recorder, child, "train_loss") == [1, 2]


def test_an_epoch_trained_again_after_a_resume_is_logged_once(fold):
    fold.folder.start()
    fold.folder.epoch(1)
    fold.folder.epoch(2)
    fold.record()
    fold.folder.event("resumed", 1010.0, epoch=1)
    fold.folder.event("epoch", 1011.0, epoch=2, train_loss=0.5, val_loss=1.0, val_dsc=0.5, seconds=1.0)
    child = fold.record()
    assert steps(fold.recorder, child, "train_loss") == [1, 2]


def test_a_truncated_journal_line_is_ignored(fold):
    fold.folder.start()
    fold.folder.epoch(1)
    with (fold.folder.path / "events.jsonl").open("a") as journal:
        journal.write('{"time": 1002.0, "event": "epo')
    child = fold.record()
    assert (child.info.status, steps(fold.recorder, child, "train_loss")) == ("RUNNING", [1])


@pytest.mark.parametrize("val_dsc", [None, "0.5", [0.5]])
def test_an_epoch_whose_line_is_wrong_is_not_logged_and_the_others_are(fold, val_dsc):
    fold.folder.start()
    fold.folder.epoch(1, val_dsc=val_dsc)
    fold.folder.epoch(2)
    assert steps(fold.recorder, fold.record(), "train_loss") == [2]


def test_a_failed_fold_says_why_and_recovers_when_it_is_run_again(fold):
    fold.folder.start()
    fold.folder.event("failed", 1003.0, kind="OutOfMemoryError", message="no memory")
    child = fold.record()
    assert child.info.status == "FAILED"
    assert child.data.tags[schema.TAG_FAILURE] == "OutOfMemoryError: no memory"
    fold.folder.event("resumed", 1004.0, epoch=0)
    assert fold.record().info.status == "RUNNING"
    fold.folder.finish(0, 9)
    child = fold.record()
    assert child.info.status == "FINISHED"
    assert schema.TAG_FAILURE not in child.data.tags


def test_a_failed_fold_names_no_folder_no_machine_and_no_user(fold, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "ws12.planted.example")
    monkeypatch.setenv("LOGNAME", "jane_planted")
    data = "/srv/St Planted Hospital/planted scans"
    case = {"case_id": "001", "path": f"{data}/derivatives/abc/001.npz"}
    (fold.folder.path / "spec.json").write_text(json.dumps({"train": [case], "project": "/lab of planted/code"}))
    fold.folder.start()
    message = (
        f"{data}/derivatives/abc/001.npz: not for jane_planted on ws12; {data}, {fold.folder.path}, /lab of planted"
    )
    fold.folder.event("failed", 1003.0, kind="data", message=message)
    tags = fold.record().data.tags
    expected = "data: 001.npz: not for [user] on [machine]; [folder], [folder], [folder]"
    assert tags[schema.TAG_FAILURE] == expected
    assert tags[schema.TAG_NOTE] == f"Failed: {expected}"


def test_a_path_in_a_configuration_is_recorded_without_its_folder(out, replicate):
    recorder = Recorder(out)
    config = {"network": {"type": "own.Net", "weights": "/srv/planted/start.pt", "depth": 3}}
    run_id = recorder.begin_replicate(replicate(config=config))
    params = recorder._store.client.get_run(run_id).data.params
    assert params == {"network.type": "own.Net", "network.weights": "start.pt", "network.depth": "3"}
    (written,) = out.glob(f"artifacts/*/{run_id}/artifacts/{schema.ARTIFACT_CONFIG}")
    assert json.loads(written.read_text())["network"]["weights"] == "start.pt"


@pytest.mark.parametrize("call", ["log_batch", "set_terminated"])
def test_an_outage_in_the_midst_of_a_fold_changes_nothing(out, fold, monkeypatch, call):
    def away(*arguments, **keywords):
        raise OSError("the store is away")

    fold.folder.start()
    fold.folder.epoch(1)
    fold.record()
    before = rows(out)
    fold.folder.epoch(2)
    fold.folder.finish(0, 2)
    with monkeypatch.context() as outage:
        outage.setattr(fold.recorder._client, call, away)
        with pytest.raises(MlflowException, match="the store is away"):
            fold.record()
    assert rows(out) == before
    child = fold.record()
    assert child.info.status == "FINISHED"
    assert steps(fold.recorder, child, "train_loss") == [1, 2]


def test_a_process_that_dies_while_it_writes_a_fold_leaves_nothing_of_it(out, replicate, fold_folder):
    run_id = Recorder(out).begin_replicate(replicate())
    folder = fold_folder(num_epochs=2)
    dying = f"""
import os
from pathlib import Path
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.recorder import Recorder
recorder = Recorder(Path({str(out)!r}))
import sqlalchemy.orm
sqlalchemy.orm.Session.commit = lambda session: os._exit(9)
recorder.record_fold({run_id!r}, fold=0, digest={folder.digest!r}, folder=Path({str(folder.path)!r}))
"""
    assert subprocess.run([sys.executable, "-c", dying], check=False).returncode == 9
    recorder = Recorder(out)
    assert children(recorder, run_id) == []
    recorder.record_fold(run_id, fold=0, digest=folder.digest, folder=folder.path)
    (child,) = children(recorder, run_id)
    assert child.info.status == "FINISHED"


def test_what_is_recorded_into_a_copy_stays_in_the_copy(out, replicate, cases, tmp_path, monkeypatch):
    def content(folder):
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    copy, picture = tmp_path / "copy", tmp_path / "picture.png"
    picture.write_bytes(b"drawn")
    Recorder(out).begin_replicate(replicate())
    # As in another process: MLflow remembers where the artifacts of a run are.
    monkeypatch.setattr(utils, "_artifact_repos_cache", OrderedDict())
    shutil.copytree(out, copy)
    before = content(out)
    later = Recorder(copy)
    run_id, other = (later.begin_replicate(replicate(arm)) for arm in ("dice", "other"))
    later.finish_replicate(run_id, cases=cases, figures={"picture.png": picture}, status="FINISHED")
    assert content(out) == before
    for number in (run_id, other):
        artifacts = copy / "artifacts" / "loss" / number / "artifacts"
        assert later._client.get_run(number).info.artifact_uri == artifacts.as_uri()
        assert (artifacts / schema.ARTIFACT_CONFIG).is_file()
    listed = later._client.list_artifacts(run_id, schema.ARTIFACT_FIGURES)
    assert [own.path for own in listed] == [f"{schema.ARTIFACT_FIGURES}/picture.png"]
    assert len(search_runs(later._store, [later._client.get_run(run_id).info.experiment_id], "")) == 2


def test_a_fold_that_is_recorded_for_good_is_not_looked_for_again(fold, monkeypatch):
    # To search among thousands of runs takes longer than to record a fold, and each is handed over twice.
    fold.folder.start()
    fold.folder.finish(0, 1)
    fold.record()
    monkeypatch.setattr(fold.recorder, "_client", None)
    fold.record()


def test_no_run_ends_before_it_began_on_a_clock_that_was_set_back(fold):
    fold.folder.event("started", 9000.0, device="cpu", torch="2.9", threads=2)
    fold.folder.epoch(1)
    fold.folder.event("failed", 1002.0, kind="system", message="no space")
    child = fold.record()
    assert (child.info.status, child.info.start_time, child.info.end_time) == ("FAILED", 9_000_000, 9_000_000)
    fold.folder.finish(0, 1)
    child = fold.record()
    assert (child.info.status, child.info.start_time, child.info.end_time) == ("FINISHED", 9_000_000, 9_000_000)


@pytest.mark.parametrize("end", ["finish", "interrupt"])
def test_an_arm_that_ends_before_it_began_by_the_clock_took_no_time(
    out, replicate, fold_folder, cases, monkeypatch, end
):
    recorder, folder = Recorder(out), fold_folder()
    run_id = recorder.begin_replicate(replicate())
    folder.start()
    recorder.record_fold(run_id, fold=0, digest=folder.digest, folder=folder.path)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 3600.0)
    if end == "finish":
        recorder.finish_replicate(run_id, cases=cases, figures={}, status="FAILED")
    else:
        recorder.interrupt()
    run = recorder._store.client.get_run(run_id)
    assert run.info.status == {"finish": "FAILED", "interrupt": "KILLED"}[end]
    assert run.info.end_time == run.info.start_time


def test_the_value_that_was_entered_last_is_shown_on_a_clock_that_was_set_back(
    out, replicate, fold_folder, cases, monkeypatch
):
    recorder = Recorder(out)
    first, second = fold_folder(0, 2), fold_folder(1, 2)
    run_id = recorder.begin_replicate(replicate())
    recorder.record_fold(run_id, fold=0, digest=first.digest, folder=first.path)
    recorder.finish_replicate(run_id, cases=cases[cases["fold"] == 0], figures={}, status="FAILED")
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 3600.0)
    recorder.record_fold(run_id, fold=1, digest=second.digest, folder=second.path)
    recorder.finish_replicate(run_id, cases=cases, figures={}, status="FINISHED")
    metrics = recorder._store.client.get_run(run_id).data.metrics
    assert metrics[schema.METRIC_TRAIN_SECONDS] == 25.0


def test_a_fold_that_ran_out_of_memory_and_went_on_says_with_how_many_patches(fold):
    fold.folder.start()
    fold.folder.event("batch_halved", 1000.5, micro_batch=32, epoch=1)
    fold.folder.epoch(1)
    child = fold.record()
    assert (child.info.status, child.data.tags[schema.TAG_MICRO_BATCH]) == ("RUNNING", "32")
    # Killed before its checkpoint, it began again, and this time memory sufficed.
    fold.folder.start()
    fold.folder.epoch(1)
    fold.folder.finish(0, 1)
    child = fold.record()
    assert child.info.status == "FINISHED"
    assert schema.TAG_MICRO_BATCH not in child.data.tags


def test_a_paused_fold_is_killed_until_it_goes_on(fold):
    fold.folder.start()
    fold.folder.epoch(1)
    fold.folder.event("paused", 1003.0)
    child = fold.record()
    assert (child.info.status, child.info.end_time) == ("KILLED", 1003000)
    fold.folder.start()
    fold.folder.event("resumed", 1005.0, epoch=1)
    assert fold.record().info.status == "RUNNING"
    fold.folder.epoch(2)
    fold.folder.finish(0, 2)
    child = fold.record()
    assert (child.info.status, steps(fold.recorder, child, "train_loss")) == ("FINISHED", [1, 2])


def test_a_fold_that_was_begun_anew_is_recorded_like_any_other(fold):
    fold.folder.start()
    fold.folder.epoch(1)
    fold.record()
    fold.folder.start()
    fold.folder.event("checkpoint_unreadable", 1004.0, reason="damaged", kept_as="unreadable-checkpoint.pt")
    for number in (1, 2):
        fold.folder.epoch(number)
    fold.folder.finish(0, 2)
    child = fold.record()
    assert (child.info.status, steps(fold.recorder, child, "train_loss")) == ("FINISHED", [1, 2])


def test_finishing_leaves_no_run_running(fold, cases):
    fold.folder.start()
    fold.record()
    fold.recorder.finish_replicate(fold.run_id, cases=cases, figures={}, status="FAILED")
    assert {run.info.status for run in children(fold.recorder, fold.run_id)} == {"FAILED"}
    assert fold.recorder._store.client.get_run(fold.run_id).info.status == "FAILED"


def test_an_interrupted_replicate_is_killed_and_taken_up_again(out, replicate, fold_folder):
    recorder = Recorder(out)
    run_id = recorder.begin_replicate(replicate())
    folder = fold_folder()
    folder.start()
    recorder.record_fold(run_id, fold=0, digest=folder.digest, folder=folder.path)
    recorder.interrupt()
    client = recorder._store.client
    assert [client.get_run(run_id).info.status, children(recorder, run_id)[0].info.status] == ["KILLED", "KILLED"]
    again = Recorder(out)
    assert again.begin_replicate(replicate()) == run_id
    again.record_fold(run_id, fold=0, digest=folder.digest, folder=folder.path)
    assert [client.get_run(run_id).info.status, children(again, run_id)[0].info.status] == ["RUNNING", "RUNNING"]


def test_partial_results_of_a_failed_replicate_are_replaced_by_the_whole(out, replicate, fold_folder, cases):
    recorder = Recorder(out)
    run_id = recorder.begin_replicate(replicate())
    recorder.finish_replicate(run_id, cases=cases.iloc[:2], figures={}, status="FAILED")
    recorder.begin_replicate(replicate())
    recorder.finish_replicate(run_id, cases=cases, figures={}, status="FINISHED")
    run = recorder._store.client.get_run(run_id)
    assert (run.info.status, run.data.metrics["num_cases"]) == ("FINISHED", 4)
    path = recorder._store.client.download_artifacts(run_id, "cases.json")
    with open(path) as table:
        assert len(json.load(table)["data"]) == 4


def test_the_case_table_is_mlflows_with_case_id_and_dsc_first(out, replicate, cases):
    recorder = Recorder(out)
    run_id = recorder.begin_replicate(replicate())
    shuffled = cases[["ivh", "hd95_mm", *cases.columns.drop(["ivh", "hd95_mm"])[::-1]]]
    recorder.finish_replicate(run_id, cases=shuffled, figures={}, status="FINISHED")
    client = recorder._store.client
    with open(client.download_artifacts(run_id, "cases.json")) as table:
        content = json.load(table)
    assert content["columns"] == list(CASE_COLUMNS)
    assert content["data"][0][:2] == ["001", 0.2]
    assert content["data"][3][:2] == ["004", None]
    previous = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(recorder._store.uri)
    try:
        experiment = client.get_run(run_id).info.experiment_id
        loaded = client.load_table(experiment, "cases.json", run_ids=[run_id])
    finally:
        mlflow.set_tracking_uri(previous)
    assert list(loaded.columns) == list(CASE_COLUMNS)
    csv = pd.read_csv(client.download_artifacts(run_id, "cases.csv"), dtype={"case_id": str}, keep_default_na=False)
    assert csv["case_id"].tolist() == ["001", "002", "003", "004"]


def test_an_id_that_a_spreadsheet_would_compute_is_quoted_in_the_csv_and_read_back_as_it_is(
    out, replicate, cases, tmp_path
):
    ids = ["=1+2", "+x", "-x", "@x"]
    recorder = Recorder(out)
    run_id = recorder.begin_replicate(replicate())
    recorder.finish_replicate(run_id, cases=cases.assign(case_id=ids), figures={}, status="FINISHED")
    path = Path(recorder._store.client.download_artifacts(run_id, "cases.csv"))
    assert [line.partition(",")[0] for line in path.read_text().splitlines()[1:]] == [f"'{name}" for name in ids]
    assert set(read_score_file(path, "dsc", None).scores) == set(ids)


def test_configuration_environment_and_files_are_recorded(out, replicate, cases, figures, tmp_path):
    report = tmp_path / "whatever.html"
    report.write_text("<p>")
    recorder = Recorder(out)
    long = "x" * (schema.MAX_PARAM_LENGTH + 1)
    run_id = recorder.begin_replicate(replicate(config={"loss": {"name": "dice", "note": long}, "seeds": [1, 2]}))
    recorder.finish_replicate(
        run_id, cases=cases, figures=figures, artifacts={"report/index.html": report}, status="FINISHED"
    )
    client = recorder._store.client
    run = client.get_run(run_id)
    assert (run.data.params["loss.name"], run.data.params["seeds"]) == ("dice", "[1, 2]")
    assert run.data.params["loss.note"].endswith("(whole value in config.json)")
    assert (run.data.tags["hemosweep.dataset"], run.data.tags["env.python"]) == ("abc", "3.11")
    assert run.data.tags["mlflow.source.git.commit"] == "0123abc"
    with open(client.download_artifacts(run_id, "config.json")) as config:
        assert json.load(config)["loss"]["note"] == long
    assert [item.path for item in client.list_artifacts(run_id, "figures")] == ["figures/dsc.png"]
    assert [item.path for item in client.list_artifacts(run_id, "report")] == ["report/index.html"]


# --- Fold runs that were trained anew ---------------------------------------------------------------------------------


def begin(recorder, info, *folders):
    return recorder.begin_replicate(info, {folder.digest: folder.path for folder in folders})


def deleted(recorder, run_id):
    return recorder._store.client.get_run(run_id).info.lifecycle_stage == "deleted"


def train_anew(folder, time=5000.0):
    """As a sweep does that starts over; returns when the first epoch is over."""
    shutil.rmtree(folder.path, ignore_errors=True)
    folder.path.mkdir()
    folder.event("started", time, device="cpu", torch="2.9", threads=2)
    folder.event("epoch", time + 1, epoch=1, train_loss=9.0, val_loss=9.0, val_dsc=0.1, seconds=1.0)


def test_a_finished_run_whose_fold_runs_were_trained_anew_gives_way_to_a_new_run(out, replicate, fold_folder, cases):
    folders = [fold_folder(0, 3), fold_folder(1, 2)]
    recorder = Recorder(out)
    old = replay(recorder, replicate(), folders, cases, {})
    old_children = [child.info.run_id for child in children(recorder, old)]
    shutil.rmtree(folders[0].path)
    shutil.rmtree(folders[1].path)
    new = begin(Recorder(out), replicate(environment={"python": "3.12"}), *folders)
    assert new != old
    assert all(deleted(recorder, run_id) for run_id in (old, *old_children))
    run = recorder._store.client.get_run(new)
    assert (run.info.status, run.data.metrics, run.data.tags["env.python"]) == ("RUNNING", {}, "3.12")

    for folder, fold in zip(folders, (0, 1), strict=True):
        train_anew(folder)
        folder.finish(fold, 1)
    later = Recorder(out)
    assert begin(later, replicate(), *folders) == new
    for fold, folder in enumerate(folders):
        later.record_fold(new, fold=fold, digest=folder.digest, folder=folder.path)
    later.finish_replicate(new, cases=cases, figures={}, status="FINISHED")
    losses = [
        [point.value for point in later._store.client.get_metric_history(child.info.run_id, "train_loss")]
        for child in children(later, new)
    ]
    assert losses == [[9.0], [9.0]]
    assert begin(Recorder(out), replicate(), *folders) == new, "and stays"


def test_one_fold_that_was_trained_anew_by_another_sweep_is_enough(out, replicate, fold_folder, cases):
    folders = [fold_folder(0, 3), fold_folder(1, 2)]
    old = replay(Recorder(out), replicate(), folders, cases, {})
    train_anew(folders[1])
    folders[1].finish(1, 1)
    assert begin(Recorder(out), replicate(), *folders) != old


def test_a_failed_run_gives_way_too_when_its_fold_runs_were_taken_away(out, replicate, fold_folder, cases):
    whole, broken = fold_folder(0, 3), fold_folder(1)
    broken.start()
    broken.event("failed", kind="data", message="lost")
    recorder = Recorder(out)
    old = recorder.begin_replicate(replicate())
    for fold, folder in enumerate((whole, broken)):
        recorder.record_fold(old, fold=fold, digest=folder.digest, folder=folder.path)
    recorder.finish_replicate(old, cases=cases, figures={}, status="FAILED")
    assert begin(Recorder(out), replicate(), whole, broken) == old, "only the broken fold is trained again"
    shutil.rmtree(whole.path)
    assert begin(Recorder(out), replicate(), whole, broken) != old


def test_a_run_that_was_cut_short_goes_on_whatever_has_not_been_recorded_of_it(out, replicate, fold_folder):
    folders = [fold_folder(0, 3), fold_folder(1)]
    recorder = Recorder(out)
    run_id = begin(recorder, replicate(), *folders)
    recorder.record_fold(run_id, fold=0, digest=folders[0].digest, folder=folders[0].path)
    folders[1].start()
    assert begin(recorder, replicate(), *folders) == run_id
    assert begin(Recorder(out), replicate(), *folders) == run_id


def test_a_fold_that_has_not_begun_has_no_run_yet(out, replicate, fold_folder, cases):
    folder = fold_folder()
    recorder = Recorder(out)
    run_id = begin(recorder, replicate(), folder)
    recorder.record_fold(run_id, fold=0, digest=folder.digest, folder=folder.path)
    assert children(recorder, run_id) == []
    folder.start()
    recorder.record_fold(run_id, fold=0, digest=folder.digest, folder=folder.path)
    (child,) = children(recorder, run_id)
    assert child.info.start_time == 1_000_000


def test_a_deleted_run_is_recorded_anew(out, replicate):
    recorder = Recorder(out)
    run_id = recorder.begin_replicate(replicate())
    recorder._store.client.delete_run(run_id)
    assert Recorder(out).begin_replicate(replicate()) != run_id


def test_an_experiment_is_made_once_and_a_deleted_one_comes_back(out):
    store = open_store(out)
    experiment = ensure_experiment(store, "loss").experiment_id
    assert ensure_experiment(open_store(out), "loss").experiment_id == experiment
    store.client.delete_experiment(experiment)
    assert ensure_experiment(store, "loss").experiment_id == experiment
    assert store.client.get_experiment(experiment).lifecycle_stage == "active"


def test_losing_the_race_for_an_experiment_is_no_error(out, monkeypatch):
    store, other = open_store(out), open_store(out)
    first_look = store.client.get_experiment_by_name
    answers = iter([None])

    def too_early(name):
        ensure_experiment(other, "loss")
        monkeypatch.setattr(store.client, "get_experiment_by_name", first_look)
        return next(answers)

    monkeypatch.setattr(store.client, "get_experiment_by_name", too_early)
    assert ensure_experiment(store, "loss").experiment_id == ensure_experiment(other, "loss").experiment_id


def test_mlflow_is_silent_and_its_telemetry_off():
    from mlflow.telemetry.client import get_telemetry_client
    from mlflow.telemetry.utils import is_telemetry_disabled

    assert is_telemetry_disabled()
    assert get_telemetry_client() is None
    assert not logging.getLogger("mlflow.store.db.utils").isEnabledFor(logging.INFO)
    assert not logging.getLogger("alembic.runtime.migration").isEnabledFor(logging.INFO)


def test_scores_that_were_made_anew_replace_table_means_and_digests_and_no_epoch(
    out, replicate, fold_folder, cases, figures
):
    recorder = Recorder(out)
    folders = [fold_folder(fold, num_epochs=2) for fold in (0, 1)]
    run_id = replay(recorder, replicate(), folders, cases, figures)
    before = rows(out)
    anew = (folders[0].path / "scores.json").read_text().replace('"dsc": 0.2', '"dsc": 0.6')
    replace_sealed(folders[0].path, "scores.json", anew.encode())
    described = {"mine": {"label": "mine"}, "size": {"label": "size", "averaged": False}}
    tags = {"metric_digests": '{"dsc":"d"}', "metric_descriptions": json.dumps(described)}
    table = cases.assign(dsc=cases["dsc"].replace(0.2, 0.6), mine=[1.0, 2.0, 3.0, None], size=1.0)
    anew = Recorder(out)
    anew.record_scores(run_id, cases=table, folders={folder.digest: folder.path for folder in folders}, tags=tags)
    run = anew._store.client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["dsc_mean"] == pytest.approx((0.6 + 0.4 + 0.9) / 3)
    assert (run.data.metrics["mine_mean"], run.data.metrics["num_undefined_mine"]) == (2.0, 1.0)
    assert "size_mean" not in run.data.metrics
    assert run.data.tags["hemosweep.metric_digests"] == '{"dsc":"d"}'
    means = {child.data.tags[schema.TAG_FOLD]: child.data.metrics["dsc_mean"] for child in children(anew, run_id)}
    assert means == {"0": pytest.approx(0.5), "1": pytest.approx(0.9)}
    after = rows(out)
    assert len(after["runs"]) == len(before["runs"])
    assert [row for row in after["metrics"] if "epoch_seconds" in row] == [
        row for row in before["metrics"] if "epoch_seconds" in row
    ]
    anew.record_scores(run_id, cases=table, folders={folder.digest: folder.path for folder in folders}, tags=tags)
    assert rows(out) == after


def test_what_a_killed_process_left_of_a_copied_file_goes_when_its_run_ends(out, replicate, cases, figures):
    recorder = Recorder(out)
    run_id = recorder.begin_replicate(replicate())
    folder = out / "artifacts" / "loss" / run_id
    left = [folder / "artifacts" / name for name in (".artifact.uploading.a1b2", "figures/.artifact.uploading.c3d4")]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half of")
    recorder.finish_replicate(run_id, cases=cases, figures=figures, status="FINISHED")
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [
        "cases.csv", "cases.json", "config.json", "dsc.png", "environment.json"
    ]  # fmt: skip
