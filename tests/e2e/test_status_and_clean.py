"""`hemosweep status` and `hemosweep clean` on folders made by the real writers, with real processes at work in them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from hemosweep.ablation.sweep import Arm
from hemosweep.config import ArmConfig
from hemosweep.digest import digest_json
from hemosweep.engine.plan import Replicate, write_plan
from hemosweep.engine.tracker import ReplicateInfo
from hemosweep.foldrun.journal import Journal
from hemosweep.foldrun.spec import FoldRunSpec
from hemosweep.scores.table import CASE_COLUMNS
from hemosweep.testing.fold_runs import seal_untrained
from hemosweep.tracking.database import database_path
from hemosweep.tracking.recorder import Recorder
from hemosweep.tracking.store import open_store
from tests.present import present_source

WORK = "import sys, time; from pathlib import Path; from hemosweep.foldrun.lock import hold\n"
WORK += "with hold(Path(sys.argv[1])): print('works', flush=True); time.sleep(120)"


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "results of mine"
    folder.mkdir()
    return folder


@pytest.fixture
def works():
    """Starts a process that holds a lock until it is killed, at the latest when the test ends."""
    started = []

    def works(lock):
        command = [sys.executable, "-c", WORK, str(lock)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "works\n"
        return process

    yield works
    for process in started:
        process.kill()
        process.communicate()


def spec(letter, fold=0, source=None):
    return FoldRunSpec(
        digest=letter * 16,
        source=source or present_source(),
        config=ArmConfig(),
        seed=0,
        fold=fold,
        train=(),
        validation=(),
        test=(),
    )


def begin(out, spec, *, done=False):
    """A fold run's folder as its child leaves it in the fourth epoch, or at its end."""
    folder = out / "fold_runs" / spec.digest
    spec.write(folder)
    journal = Journal(folder / "events.jsonl")
    journal.write("started", device="cpu", threads=1, torch="none")
    for epoch in (1, 2, 3):
        journal.write("epoch", epoch=epoch, train_loss=1.0, val_loss=0.5, val_dsc=0.75, seconds=2.0)
    (folder / "checkpoint.pt").write_bytes(b"0" * 2_000_000)
    if done:
        journal.write("stopped", reason="max_epochs", best_epoch=1)
        seal_untrained(folder, [{"case_id": case.case_id, "dsc": 0.5} for case in spec.test], seconds=6.0)
    return folder


def plan(out, arm, *specs):
    whole = Arm(name=arm, params={}, config=specs[0].config)
    write_plan(out, "se", "demo", [Replicate(arm=whole, seed=0, run_name=arm, fold_runs=specs)])


def read_until(stream, text, timeout_s=120.0):
    deadline, read = time.monotonic() + timeout_s, ""
    while text not in read:
        assert time.monotonic() < deadline, read
        line = stream.readline()
        assert line, f"ended after: {read}"
        read += line
    return read


# --- status -----------------------------------------------------------------------------------------------------------


def test_status_tells_what_runs_where_and_how_far_it_is(main, out, works):
    plan(out, "with", spec("a", 0), spec("b", 1), spec("c", 2), spec("d", 3), spec("e", 4))
    begin(out, spec("a", 0), done=True)
    failed = begin(out, spec("b", 1))
    Journal(failed / "events.jsonl").write("failed", kind="out_of_memory", message="no memory for 3 GiB")
    process = works(begin(out, spec("c", 2)) / "lock")
    driver = works(out / "driver.lock")
    code, stdout, stderr = main("status", "--out", out)
    assert (code, stderr) == (0, "")
    first, *table = stdout.splitlines()
    assert first.startswith(f"driver running (process {driver.pid} on ")
    assert first.endswith("): 1 done, 1 running, 1 failed, 2 waiting to go on")
    running, failed, waiting = table[-3:]
    for text in ("se/with fold 2", "running", "3/100", "0.500", "0.750", "2.0", "0:03:1", f"process {process.pid} on "):
        assert text in running
    for text in ("se/with fold 1", "failed", "3/100", "out of memory: no memory for 3 GiB"):
        assert text in failed
    assert waiting.split() == ["se/with", "folds", "3,", "4", "waiting"]
    assert "fold 0" not in stdout
    assert "se/with fold 0" in main("status", "--out", out, "--all")[1]


def test_status_after_a_kill_shows_what_is_to_go_on(main, out, works):
    process = works(begin(out, spec("a")) / "lock")
    process.kill()
    process.wait()
    code, stdout, _ = main("status", "--out", out, "--json")
    status = json.loads(stdout)
    assert (code, status["driver"], status["num"]["stopped"]) == (0, None, 1)
    (fold_run,) = status["fold_runs"]
    assert (fold_run["name"], fold_run["state"]) == ("a" * 16 + " seed 0 fold 0", "stopped")
    assert (fold_run["process"], fold_run["progress"]["epoch"]) == (None, 3)


def test_status_of_nothing_is_one_line(main, out):
    assert main("status", "--out", out) == (0, f"{out}: no fold runs yet\n", "")
    code, stdout, stderr = main("status", "--out", out / "nowhere")
    assert (code, stdout) == (2, "")
    assert stderr == f"error: {out / 'nowhere'}: no such folder; give the --out of a sweep\n"
    assert list(out.iterdir()) == []


def test_status_of_a_data_set_asks_for_the_folder_of_its_sweep(main, tmp_path):
    (tmp_path / "participants.tsv").write_text("participant_id\nsub-001\n")
    said = f"{tmp_path}: a data set; give the --out of its sweep\n"
    assert main("status", "--out", tmp_path) == (0, said, "")


def test_status_watches_until_ctrl_c(start, out):
    folder = begin(out, spec("a"))
    process = start("status", "--out", out, "--watch")
    try:
        assert "3/100" in read_until(process.stdout, "stopped")
        Journal(folder / "events.jsonl").write("epoch", epoch=4, train_loss=1, val_loss=1, val_dsc=0, seconds=2.0)
        read_until(process.stdout, "4/100")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")


def test_status_cannot_be_watched_as_json(main, out):
    code, _, stderr = main("status", "--out", out, "--watch", "--json")
    assert code == 2
    assert "leave --json or --watch out" in stderr


# --- clean ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, migrated_database):
    """An output folder with a finished run, an interrupted one of older code, and what neither of them has."""
    out = tmp_path_factory.mktemp("recorded") / "runs"
    out.mkdir()
    shutil.copyfile(migrated_database, database_path(out))
    recorder = Recorder(out)
    for arm, fold_runs in (("with", [spec("a", 0), spec("b", 1)]), ("without", [spec("c", source="changed")])):
        info = ReplicateInfo(
            sweep="se",
            arm=arm,
            seed=0,
            digest=arm,
            run_name=arm,
            config={},
            tags={},
            environment={},
        )
        run_id = recorder.begin_replicate(info)
        for fold_run in fold_runs:
            folder = begin(out, fold_run, done=arm == "with")
            (folder / "lock").write_text("process 4711 on a-host-of-the-ward\n")
            recorder.record_fold(run_id, fold=fold_run.fold, digest=fold_run.digest, folder=folder)
        if arm == "with":
            cases = pd.DataFrame(columns=CASE_COLUMNS).astype({"dsc": float})
            recorder.finish_replicate(run_id, cases=cases, figures={}, status="FINISHED")
    recorder.interrupt()
    plan(out, "with", spec("a", 0), spec("b", 1))
    begin(out, spec("d"))
    return out


@pytest.fixture
def runs(recorded, out):
    shutil.copytree(recorded, out, dirs_exist_ok=True)
    return out


def fold_runs(out):
    return "".join(sorted(path.name[0] for path in (out / "fold_runs").iterdir()))


def test_clean_lists_first_then_deletes_and_keeps_what_runs_have(main, runs):
    code, stdout, stderr = main("clean", "--out", runs)
    assert (code, stderr) == (0, "")
    assert fold_runs(runs) == "abcd", "nothing is deleted without --yes"
    assert f"{'c' * 16}, of older source code" in stdout
    assert "fold runs that nothing needs: 2, 4.0 MB" in stdout
    assert "fold runs of recorded or planned runs: 2 stay, 4.0 MB (--force takes them, too)" in stdout
    assert stdout.endswith(f"this deletes it:\n  hemosweep clean --out '{runs}' --yes\n")
    code, stdout, stderr = main("clean", "--out", runs, "--yes")
    assert (code, stderr) == (0, "")
    assert stdout.endswith("Deleted: 4.0 MB are free again.\n")
    assert fold_runs(runs) == "ab"
    code, stdout, _ = main("clean", "--out", runs, "--yes")
    assert (code, stdout.splitlines()[0]) == (0, f"{runs}: nothing to delete")


def test_clean_with_force_takes_the_fold_runs_of_runs_after_listing_them(main, runs):
    code, stdout, _ = main("clean", "--out", runs, "--force", "--json")
    listed = json.loads(stdout)
    assert (code, listed["deleted"]) == (0, False)
    assert [item["kind"] for item in listed["items"]] == ["fold_run", "fold_run", "needed_fold_run", "needed_fold_run"]
    assert fold_runs(runs) == "abcd"
    code, stdout, _ = main("clean", "--out", runs, "--force", "--yes")
    assert code == 0
    assert stdout.index("se/with fold 0") < stdout.index("Deleted: ")
    assert fold_runs(runs) == ""
    code, stdout, _ = main("runs", "--out", runs, "--json")
    assert (code, len(json.loads(stdout))) == (0, 2), "what MLflow has recorded stays"


@pytest.mark.parametrize("lock", ["driver.lock", f"fold_runs/{'a' * 16}/lock"])
def test_clean_deletes_nothing_while_somebody_works_there(main, runs, works, lock):
    process = works(runs / lock)
    assert main("clean", "--out", runs)[0] == 0
    code, stdout, stderr = main("clean", "--out", runs, "--yes", "--force")
    assert (code, stdout) == (2, "")
    assert stderr.count("\n") == 1
    assert f"process {process.pid} on " in stderr
    assert "nothing was deleted" in stderr
    assert fold_runs(runs) == "abcd"


def test_clean_of_nothing_is_one_line_and_leaves_nothing(main, out):
    for options in ((), ("--yes",), ("--yes", "--force")):
        assert main("clean", "--out", out, *options) == (0, f"{out}: nothing to delete\n", "")
    assert list(out.iterdir()) == []
    code, _, stderr = main("clean", "--out", out / "nowhere", "--yes")
    assert (code, stderr) == (2, f"error: {out / 'nowhere'}: no such folder\n")


def test_a_store_that_cannot_be_read_is_no_reason_to_delete(main, runs):
    (runs / "mlflow.db").write_bytes(b"not a database")
    code, _, stderr = main("clean", "--out", runs, "--yes")
    assert code == 2
    assert "mlflow.db" in stderr
    assert fold_runs(runs) == "abcd"


def edit_run(out, name, tag, value=None):
    """Edit a tag of the run of that name, or delete it."""
    client = open_store(out).client
    (run,) = client.search_runs([client.get_experiment_by_name("hemosweep/se").experiment_id], f"run_name = '{name}'")
    if value is None:
        client.delete_tag(run.info.run_id, tag)
    else:
        client.set_tag(run.info.run_id, tag, value)


@pytest.mark.parametrize(
    ("name", "tag", "value"),
    [
        ("with", "hemosweep.seed", "abc"),
        ("with", "hemosweep.level", None),
        ("with · fold 1", "hemosweep.level", None),
        ("with · fold 1", "hemosweep.fold", "first"),
        ("with · fold 1", "mlflow.parentRunId", None),
    ],
)
def test_clean_keeps_the_fold_runs_of_a_run_that_is_not_whole(main, runs, name, tag, value):
    (runs / "sweeps" / "se.json").unlink()  # Nothing else needs them then.
    edit_run(runs, name, tag, value)
    code, stdout, stderr = main("clean", "--out", runs, "--yes", "--json")
    (warning,) = stderr.splitlines()
    assert (code, json.loads(stdout)["deleted"]) == (0, True)
    assert "is not whole" in warning
    assert fold_runs(runs) == "ab"


def test_clean_keeps_every_fold_run_where_that_of_a_run_is_not_known(main, runs):
    (runs / "sweeps" / "se.json").unlink()
    edit_run(runs, "with · fold 1", "hemosweep.fold_run")
    code, stdout, _ = main("clean", "--out", runs, "--yes")
    assert code == 0
    assert "which fold runs it has is not clear, so none is deleted; mend its tags, or delete it" in stdout
    assert fold_runs(runs) == "abcd"
    assert main("clean", "--out", runs, "--yes", "--force")[0] == 0
    assert fold_runs(runs) == ""


def test_clean_keeps_every_fold_run_where_a_digest_was_edited(main, runs):
    (runs / "sweeps" / "se.json").unlink()
    edit_run(runs, "with", "hemosweep.replicate", digest_json(["a" * 16, "b" * 16]))
    edit_run(runs, "with · fold 1", "hemosweep.fold_run", "e" * 16)
    code, stdout, _ = main("clean", "--out", runs, "--yes")
    assert code == 0
    assert "run se/with@0 (" in stdout
    assert "is not whole: its folds' digests do not make up its own; which fold runs it has is not clear" in stdout
    assert fold_runs(runs) == "abcd"
    edit_run(runs, "with · fold 1", "hemosweep.fold_run", "b" * 16)
    assert main("clean", "--out", runs, "--yes")[0] == 0
    assert fold_runs(runs) == "ab"


def test_host_names_never_reach_the_tracker(recorded):
    stored = [path for path in recorded.rglob("*") if path.is_file() and path.name != "lock"]
    assert recorded / "mlflow.db" in stored
    assert [path for path in stored if b"a-host-of-the-ward" in path.read_bytes()] == []


# --- A real sweep -----------------------------------------------------------------------------------------------------


def test_a_finished_sweep_has_its_plan_its_status_and_nothing_to_clean(study, main):
    status = json.loads(main("status", "--out", study.out, "--all", "--json")[1])
    assert (status["driver"], status["num"]["done"], len(status["fold_runs"])) == (None, 4, 4)
    names = [f"patchsize/{arm} fold {fold}" for arm in study.arms for fold in (0, 1)]
    assert [fold_run["name"] for fold_run in status["fold_runs"]] == names
    listed = json.loads(main("clean", "--out", study.out, "--data", study.data, "--json")[1])
    assert listed["items"] == []
    assert listed["needed_mb"] > 0.0
