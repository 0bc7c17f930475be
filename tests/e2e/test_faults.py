"""A sweep beside a disk that is full or read-only, of files that are damaged, and of a clock that is set back.

Whatever happens is told in one line that says what, where and the way out; nothing half-written counts as whole; and
once the fault is mended, the same command ends with the scores of an undisturbed run.

The fast ones run in this process with the stand-in for a training; the slow ones are the command as installed.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import optuna
import pytest

import hemosweep.sqlite
from hemosweep.files import write_text
from hemosweep.foldrun.journal import last_process, read_journal, seconds_at_work
from hemosweep.report.plots.arm_plots import boxplot
from hemosweep.sqlite import database_url
from hemosweep.tracking.database import database_path
from hemosweep.tracking.store import open_store, search_runs
from tests.e2e.stand_in import SMALL, Child, stand_in, with_store
from tests.fold_runs import without_ids_and_times
from tests.processes import trainings, wait_for

# --- Disks ------------------------------------------------------------------------------------------------------------


def mount(*arguments):
    """True if that worked."""
    try:
        return subprocess.run(["mount", *map(str, arguments)], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


class Disk:
    """A small file system of its own, that can be filled up, freed, and made read-only while files in it are open."""

    def __init__(self, folder):
        self.folder = folder
        self.ballast = folder / "ballast"

    def fill(self, *, leave_bytes=0):
        """Take all space but so much."""
        state = os.statvfs(self.folder)
        with self.ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, state.f_bavail * state.f_frsize - leave_bytes)

    def free(self):
        self.ballast.unlink()

    def make_read_only(self):
        """As a file system does after an error of its disk: what is open stays open, and nothing else can be."""
        assert mount("--bind", self.folder, self.folder)
        assert mount("-o", "remount,bind,ro", self.folder)

    def make_writable(self):
        subprocess.run(["umount", self.folder], check=True)


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=32m", "tmpfs", folder):
        pytest.skip("needs the right to mount a tmpfs")
    yield Disk(folder)
    while os.path.ismount(folder):
        # What a process that was killed a moment ago has open does not keep it.
        subprocess.run(["umount", "--lazy", folder], check=True)


# --- A sweep without a training ---------------------------------------------------------------------------------------


class Disturbed(Child):
    """The stand-in for a training, after each of which something may happen."""

    def __init__(self):
        super().__init__()
        self.after = {}

    def train(self, folder):
        ended = super().train(folder)
        self.after.pop(len(self.trained), lambda: None)()
        return ended


@pytest.fixture
def child(monkeypatch):
    child = Disturbed()
    stand_in(monkeypatch, child)
    return child


@pytest.fixture
def out(migrated_database, tmp_path):
    return with_store(tmp_path / "results of mine", migrated_database)


@pytest.fixture
def out_on_disk(migrated_database, disk):
    return with_store(disk.folder / "runs", migrated_database)


@pytest.fixture
def sweep(main, phantoms, child):
    """Runs the first arm in two folds, without training: exit code, standard output, standard error."""

    def sweep(out, name="patchsize", arms=SMALL):
        command = ("sweep", name, "--data", phantoms, "--profile", "demo", "--folds", 2, "--out", out)
        return main(*command, "--arms", arms, "--json")

    return sweep


def said(stderr):
    """Lines beside the sweep's heading and those of its folds."""
    assert "Traceback" not in stderr
    return [line for line in stderr.splitlines() if line.startswith(("error", "warning"))]


def only_line(stderr):
    (line,) = said(stderr)
    return line


def scores(out):
    return {path.parent.name: path.read_bytes() for path in sorted(out.glob("fold_runs/*/scores.json"))}


def temporaries(out):
    return [path for path in out.rglob(".tmp-*")]


def trials(out):
    with contextlib.suppress(KeyError):
        study = optuna.load_study(storage=f"sqlite:///{out / 'optuna.db'}", study_name="patchsize")
        return [(trial.state.name, trial.value) for trial in study.get_trials()]
    return []


def mlflow_runs(out):
    store = open_store(out)
    return search_runs(store, [experiment.experiment_id for experiment in store.client.search_experiments()], "")


@pytest.fixture(scope="module")
def known():
    """The result of the undisturbed sweep, once it has run."""
    return {}


@pytest.fixture
def undisturbed(known, sweep, child, migrated_database, tmp_path):
    """Results of the sweep where nothing happens."""
    if not known:
        out = with_store(tmp_path / "undisturbed", migrated_database)
        code, stdout, stderr = sweep(out)
        assert code == 0, stderr
        known.update(out=out, result=without_ids_and_times(stdout), scores=scores(out), trials=trials(out))
        assert len(known["scores"]) == 2
        child.trained.clear()
    return known


@pytest.fixture
def ends_well(sweep, child, undisturbed):
    """Runs a disturbed sweep once more, and sees that it ends as the undisturbed one; the folds that it had to train.

    Trials are counted apart: the ledger keeps those that failed.
    """

    def ends_well(out):
        child.trained, child.after = [], {}
        code, stdout, stderr = sweep(out)
        assert code == 0, stderr
        assert "error" not in stderr
        assert without_ids_and_times(stdout) == undisturbed["result"]
        assert scores(out) == undisturbed["scores"]
        assert trials(out)[-1:] == undisturbed["trials"]
        assert "RUNNING" not in {state for state, _ in trials(out)}
        assert {run.info.status for run in mlflow_runs(out)} == {"FINISHED"}
        assert temporaries(out) == []
        return [fold for _, _, fold in child.trained]

    return ends_well


# --- A full disk ------------------------------------------------------------------------------------------------------


def test_a_disk_that_is_full_when_a_sweep_begins(sweep, disk, child, ends_well, migrated_database):
    out = disk.folder / "runs"
    # Nothing fits, then no ledger.
    for num_bytes, name, why in (
        (0, "folds", "No space left on device"),
        (40_000, "optuna.db", "database or disk is full"),
    ):
        disk.fill(leave_bytes=num_bytes)
        code, stdout, stderr = sweep(out)
        assert (code, stdout, child.trained) == (2, "", [])
        line = only_line(stderr)
        assert line.startswith(f"error: {out / name}")
        assert f": {why}; free some space there" in line
        assert temporaries(out) == []
        assert not database_path(out).exists(), "half a store"
        disk.free()
    shutil.copyfile(migrated_database, database_path(out))
    assert ends_well(out) == [0, 1]


def test_a_disk_that_is_full_when_the_next_fold_begins(sweep, disk, out_on_disk, child, ends_well):
    child.after[1] = disk.fill
    code, stdout, stderr = sweep(out_on_disk)
    assert (code, stdout) == (2, "")
    *warnings, error = said(stderr)
    assert error.startswith(f"error: {out_on_disk}/fold_runs/")
    assert error.endswith("spec.json: No space left on device; free some space there and start the same command again")
    assert all("tracking failed" in line and "database or disk is full" in line for line in warnings)
    disk.free()
    assert ends_well(out_on_disk) == [1]


def test_a_disk_that_is_full_when_an_arm_ends(sweep, disk, out_on_disk, child, ends_well):
    child.after[2] = disk.fill
    code, stdout, stderr = sweep(out_on_disk)
    assert (code, stdout) == (2, "")
    assert said(stderr)[-1] == f"error: {out_on_disk}/optuna.db: database or disk is full; free some space there"
    disk.free()
    assert ends_well(out_on_disk) == []


def test_a_store_on_a_full_disk_costs_no_training_and_is_made_up_for(
    sweep, disk, out, child, ends_well, undisturbed, migrated_database
):
    database_path(out).unlink()
    database_path(out).symlink_to(shutil.copyfile(migrated_database, disk.folder / "mlflow.db"))
    disk.fill()
    code, stdout, stderr = sweep(out)
    assert (code, len(child.trained)) == (1, 2)
    (line,) = said(stderr)
    assert f"{database_path(out)}: database or disk is full; free some space there" in line
    assert line.startswith("warning: tracking failed (")
    assert line.endswith("; training goes on, and is recorded later")
    assert without_ids_and_times(stdout) == undisturbed["result"] | {"failures": [f"{SMALL}: not recorded in MLflow"]}
    disk.free()
    assert ends_well(out) == []


def test_pictures_that_do_not_fit_cost_no_result(main, phantoms, disk, out, child, undisturbed, monkeypatch):
    monkeypatch.setattr("hemosweep.workflows.sweeping.notes.boxplot", boxplot)
    (out / "figures").symlink_to(disk.folder)
    disk.fill()
    command = ("sweep", "patchsize", "--data", phantoms, "--profile", "demo", "--folds", 2, "--out", out)
    code, stdout, stderr = main(*command, "--arms", SMALL)
    assert code == 0, stderr
    assert SMALL in stdout
    assert "No boxplot: " in stdout
    assert "No space left on device; free some space there and start the same command again." in stdout
    assert scores(out) == undisturbed["scores"]
    assert temporaries(disk.folder) == []


# --- A disk that is read-only -----------------------------------------------------------------------------------------


def test_a_folder_that_is_read_only_is_refused_before_any_work(sweep, disk, out_on_disk, child):
    disk.make_read_only()
    for folder in (out_on_disk, disk.folder / "another"):
        code, stdout, stderr = sweep(folder)
        assert (code, stdout, child.trained) == (2, "", [])
        assert only_line(stderr).startswith(f"error: --out {folder}: cannot write in {disk.folder}")
        assert "give another folder" in stderr


def test_a_disk_that_becomes_read_only_between_two_folds(sweep, main, disk, out_on_disk, child, ends_well):
    child.after[1] = disk.make_read_only
    code, stdout, stderr = sweep(out_on_disk)
    assert (code, stdout) == (2, "")
    error = said(stderr)[-1]
    assert error.startswith(f"error: {out_on_disk}/fold_runs/")
    assert error.endswith(": Read-only file system; make it writable and start the same command again")
    code, stdout, stderr = main("status", "--out", out_on_disk)
    assert (code, stderr) == (0, ""), "what can only be read can be looked at"
    assert "no driver running: 1 done" in stdout
    disk.make_writable()
    assert ends_well(out_on_disk) == [1]


# --- Two drivers ------------------------------------------------------------------------------------------------------

# A driver that has its output folder, as any command that trains does.
DRIVER = """
import sys, time
from pathlib import Path
from hemosweep.engine.lock import driver_lock
with driver_lock(Path(sys.argv[1])):
    print("here", flush=True)
    time.sleep(600)
"""


def test_another_driver_in_the_folder_is_named_by_its_process_and_host_even_if_it_hangs(sweep, main, out, child):
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, out], stdout=subprocess.PIPE, text=True)
    try:
        assert driver.stdout.readline() == "here\n"
        driver.send_signal(signal.SIGSTOP)
        name = f"process {driver.pid} on {socket.gethostname()}"
        for study, arms in (("patchsize", SMALL), ("loss", "")):
            code, stdout, stderr = sweep(out, study, arms)
            assert (code, stdout, child.trained) == (2, "", [])
            assert only_line(stderr).startswith(f"error: {out}: another sweep runs here ({name}); wait for it, ")
        assert f"driver running ({name})" in main("status", "--out", out)[1]
        assert name in main("clean", "--out", out, "--yes")[2]
    finally:
        driver.kill()
        driver.communicate()
    assert sweep(out)[0] == 0, "the lock died with it"


# --- Damaged files ----------------------------------------------------------------------------------------------------


def cut_in_half(path):
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path):
    path.write_bytes(b"\xa5" * path.stat().st_size)


@pytest.fixture
def finished(undisturbed, out):
    """The folder of a sweep that is done, but for its record in MLflow, which knows the folder that it was made in."""
    for name in ("fold_runs", "sweeps"):
        shutil.copytree(undisturbed["out"] / name, out / name)
    shutil.copyfile(undisturbed["out"] / "optuna.db", out / "optuna.db")
    return out


def test_a_damaged_ledger_is_named_with_the_way_out_which_leads_there(sweep, main, finished, child, ends_well):
    path = finished / "optuna.db"
    cut_in_half(path)
    code, stdout, stderr = sweep(finished)
    assert (code, stdout, child.trained) == (2, "", [])
    line = only_line(stderr)
    assert line.startswith(f"error: {path}: ")
    assert line.endswith("; move it away, and the same command makes it anew from the fold runs that are done")
    assert main("status", "--out", finished)[0] == 0
    path.rename(finished / "damaged-optuna.db")
    assert ends_well(finished) == []


def of_a_newer_mlflow(path):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'ffff00001111'")


def without_its_journal(path):
    """As after an advice that did not name the journal."""
    path.unlink()
    path.with_name(f"{path.name}-journal").write_bytes(b"left")


@pytest.mark.parametrize(
    ("damage", "why", "way_out"),
    [
        (overwrite, "file is not a database", "move it away, and the same command makes it anew"),
        (of_a_newer_mlflow, "was written by a newer MLflow than", "or give another --out"),
        (without_its_journal, "was moved away without its mlflow.db-journal", "move that to the same place"),
    ],
    ids=["damaged", "newer", "without its journal"],
)
def test_a_store_that_cannot_be_opened_costs_no_training_and_is_made_up_for(
    sweep, main, out, child, ends_well, undisturbed, migrated_database, damage, why, way_out
):
    path = database_path(out)
    damage(path)
    code, stdout, stderr = sweep(out)
    assert (code, len(child.trained)) == (1, 2)
    line = only_line(stderr)
    assert line.startswith(f"warning: tracking failed ({path}: {why}")
    assert way_out in line
    assert line.endswith("; training goes on, and is recorded later")
    assert without_ids_and_times(stdout) == undisturbed["result"] | {"failures": [f"{SMALL}: not recorded in MLflow"]}
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    shutil.copyfile(migrated_database, path)
    assert ends_well(out) == []


def test_the_next_commands_wait_for_a_store_that_cannot_be_opened(main, phantoms, out, child):
    overwrite(database_path(out))
    command = ("sweep", "patchsize", "--data", phantoms, "--profile", "demo", "--folds", 2, "--out", out)
    code, stdout, _ = main(*command, "--arms", SMALL)
    assert code == 1
    assert f"Missing: {SMALL}: not recorded in MLflow. The same command makes up for it." in stdout
    assert f"Next, once {SMALL} is recorded:" in stdout
    code, stdout, stderr = main("runs", "--out", out)
    assert (code, only_line(stderr).startswith(f"error: {database_path(out)}: file is not a database; ")) == (2, True)


def test_a_store_that_is_read_only_costs_no_training_and_is_made_up_for(
    sweep, disk, out, child, ends_well, undisturbed, migrated_database
):
    path = database_path(out)
    path.unlink()
    path.symlink_to(shutil.copyfile(migrated_database, disk.folder / "mlflow.db"))
    disk.make_read_only()
    code, stdout, stderr = sweep(out)
    assert (code, len(child.trained)) == (1, 2)
    assert only_line(stderr).startswith(f"warning: tracking failed ({path}: attempt to write a readonly database; ")
    assert without_ids_and_times(stdout) == undisturbed["result"] | {"failures": [f"{SMALL}: not recorded in MLflow"]}
    # In this one process MLflow would go on with the file that it has open: it knows it by its path.
    path.unlink()
    shutil.copyfile(disk.folder / "mlflow.db", path)
    assert ends_well(out.rename(out.with_name("writable"))) == []


def test_a_store_that_is_damaged_further_in_costs_no_training(sweep, main, finished, child):
    assert sweep(finished)[0] == 0
    # In this one process MLflow would go on with the file that it has open: it knows it by its path.
    out = finished.rename(finished.with_name("damaged"))
    path = database_path(out)
    with closing(sqlite3.connect(path)) as database:
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'runs'").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    with path.open("rb+") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)
    shutil.rmtree(next(out.glob("fold_runs/*")))
    code, _, stderr = sweep(out)
    assert (code, len(child.trained)) == (1, 1)
    assert only_line(stderr).startswith(f"warning: tracking failed ({path}: ")
    code, stdout, stderr = main("runs", "--out", out)
    assert (code, stdout) == (2, "")
    assert only_line(stderr).startswith(f"error: {path}: ")


def test_a_database_that_another_program_holds_is_named_soon_and_only_a_ledger_stops_a_sweep(
    sweep, finished, monkeypatch, ends_well
):
    monkeypatch.setattr(hemosweep.sqlite, "DATABASE_PATIENCE_S", 0.1)
    for name, code, start in (("mlflow.db", 1, "warning: tracking failed ("), ("optuna.db", 2, "error: ")):
        with closing(sqlite3.connect(finished / name, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            ended = sweep(finished)
        assert ended[0] == code
        why = f"{finished / name}: database is locked; another program holds it: end that"
        assert only_line(ended[2]).startswith(f"{start}{why}")
    assert ends_well(finished) == []


def test_a_folder_of_any_name_has_all_of_a_sweep_in_it_and_nothing_beside_it(
    sweep, main, child, migrated_database, tmp_path
):
    out = with_store(tmp_path / "outer" / "my out?x=1 {name} %20#é", migrated_database)
    code, _, stderr = sweep(out)
    assert (code, said(stderr)) == (0, [])
    assert list(out.parent.iterdir()) == [out]
    code, stdout, stderr = main("runs", "--out", out, "--json", "--cases")
    assert (code, stderr) == (0, "")
    (run,) = json.loads(stdout)
    assert (run["status"], len(run["cases"])) == ("FINISHED", 6)
    study = optuna.load_study(storage=database_url(out / "optuna.db"), study_name="patchsize")
    assert [trial.state.name for trial in study.get_trials()] == ["COMPLETE"]


@pytest.mark.slow
def test_a_store_whose_making_was_killed_is_made_anew(out):
    code = f"from pathlib import Path; from tracking.store import open_store; open_store(Path({str(out)!r}))"
    database_path(out).unlink()
    for half_made in (1, 100_000, 500_000):
        process = subprocess.Popen([sys.executable, "-c", code])
        wait_for(lambda n=half_made: any(p.stat().st_size >= n for p in out.glob(".tmp-*.db")), "the migrations")
        process.kill()
        process.wait()
        assert not database_path(out).exists()
    assert mlflow_runs(out) == []
    assert temporaries(out) == []


def test_a_fold_run_whose_seal_a_power_cut_left_half_written_is_not_done(main, finished, ends_well):
    first, second = sorted(finished.glob("fold_runs/*"))
    (first / "done.json").write_bytes(b"")
    (second / "done.json").write_bytes(b"\0" * 600)
    (second / "spec.json").write_bytes(b'{"digest": "0123", "so')
    code, stdout, stderr = main("status", "--out", finished)
    assert (code, stderr) == (0, "")
    assert "no driver running: 0 done, 0 running, 0 failed, 2 waiting to go on" in stdout
    assert main("clean", "--out", finished)[0] == 0
    assert ends_well(finished) == [0, 1]


def test_a_damaged_plan_is_written_anew_and_until_then_nothing_is_deleted(main, finished, ends_well):
    plan = finished / "sweeps" / "patchsize.json"
    before = plan.read_bytes()
    plan.write_bytes(b"")
    assert main("status", "--out", finished)[0] == 0
    code, stdout, stderr = main("clean", "--out", finished, "--yes")
    assert (code, stdout) == (2, "")
    assert only_line(stderr).startswith(f"error: {plan}: damaged")
    assert "start its sweep again" in stderr
    assert ends_well(finished) == []
    assert plan.read_bytes() == before


def test_a_last_event_that_is_not_whole_costs_none_of_the_others(sweep, main, out, child, ends_well):
    child.interrupted = {(SMALL, 0, 1)}
    assert sweep(out)[0] == 1
    (journal,) = (path for path in out.glob("fold_runs/*/events.jsonl") if not path.with_name("done.json").exists())
    before = read_journal(journal)
    with journal.open("ab") as file:
        file.write(b'{"time": 12.5, "event": "epo' + b"\0" * 100)
    assert read_journal(journal) == before
    code, stdout, stderr = main("status", "--out", out)
    assert (code, stderr) == (0, "")
    assert "1 waiting to go on" in stdout
    child.interrupted = set()
    assert ends_well(out) == [1]
    events = [event["event"] for event in read_journal(journal)]
    assert events == ["started", "epoch", "started", "epoch", "stopped"]
    (fold,) = (run for run in mlflow_runs(out) if run.data.tags.get("hemosweep.fold_run") == journal.parent.name)
    assert fold.data.metrics["val_loss"] == 1.0


# --- A clock that is set back -----------------------------------------------------------------------------------------


def negative_times(out, stdout):
    """Every time that is below zero, wherever a user may look."""
    found = [arm["seconds"] for arm in json.loads(stdout)["arms"]]
    for path in out.glob("fold_runs/*/done.json"):
        found.append(json.loads(path.read_text())["seconds"])
    for path in out.glob("fold_runs/*/events.jsonl"):
        events = read_journal(path)
        found += [seconds_at_work(events), *(event.get("seconds", 0.0) for event in events)]
    for run in mlflow_runs(out):
        found += [value for name, value in run.data.metrics.items() if "seconds" in name]
        found.append(run.info.end_time - run.info.start_time)
    study = optuna.load_study(storage=f"sqlite:///{out / 'optuna.db'}", study_name="patchsize")
    for trial in study.get_trials():
        found += [effort["seconds"] for effort in trial.user_attrs["fold_runs"]]
    assert len(found) > 10
    return [seconds for seconds in found if seconds < 0.0]


def test_a_clock_that_is_set_back_gives_no_time_below_zero(sweep, main, out, child, ends_well, monkeypatch):
    now, shifts_s = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: now() + sum(shifts_s))
    child.interrupted = {(SMALL, 0, 1)}
    child.after[1] = lambda: shifts_s.append(-7200.0)
    assert sweep(out)[0] == 1
    shifts_s.append(-86400.0)
    child.interrupted = set()
    code, stdout, _ = sweep(out)
    assert code == 0
    assert negative_times(out, stdout) == []
    assert main("status", "--out", out, "--all")[0] == 0
    shifts_s.append(-86400.0)
    assert ends_well(out) == []


# --- With real trainings, by the command as installed -----------------------------------------------------------------


@dataclass
class RealSweep:
    """The first arm of the real study once more, in a folder of its own, where things happen to it."""

    study: Any
    out: Path
    start: Callable[..., subprocess.Popen]
    num_starts: int = 0

    def begin(self, **options):
        self.num_starts = self.starts()
        return self.start(*self.study.command("--json", arms=[SMALL], out=self.out), **options)

    def end(self, process):
        """Exit code, standard output, standard error."""
        stdout, stderr = process.communicate(timeout=280)
        return process.returncode, stdout, stderr

    def journal(self):
        """The one of the first fold, which is trained first, once it is there."""
        journals = self.out.glob("fold_runs/*/events.jsonl")
        first = (path for path in journals if json.loads(path.with_name("spec.json").read_text())["fold"] == 0)
        return next(first, self.out / "none")

    def starts(self):
        return sum(event["event"] == "started" for event in read_journal(self.journal()))

    def wait_for_epochs(self, number=2):
        """Until the process that was begun last has finished so many."""

        def trained():
            events = read_journal(self.journal())
            return (
                self.starts() > self.num_starts
                and sum(event["event"] == "epoch" for event in last_process(events)) >= number
            )

        wait_for(trained, f"{number} epochs")

    def kill(self, process):
        """The driver, and with it the training."""
        process.kill()
        process.communicate()
        wait_for(lambda: not trainings(self.out), "the death of the driver's child")

    def assert_ends_well(self, **options):
        """The same command ends with the bytes of the undisturbed study; returns what it said."""
        code, stdout, stderr = self.end(self.begin(**options))
        assert code == 0, stderr
        (arm,) = json.loads(stdout)["arms"]
        (whole,) = (arm for arm in json.loads(self.study.stdout)["arms"] if arm["arm"] == SMALL)
        assert arm["dsc"] == whole["dsc"]
        ours, theirs = scores(self.out), scores(self.study.out)
        assert len(ours) == 2
        assert ours == {digest: theirs[digest] for digest in ours}
        for digest in ours:
            predictions = [sorted((out / "fold_runs" / digest / "predictions").iterdir()) for out in self.outs]
            assert [path.name for path in predictions[0]] == [path.name for path in predictions[1]]
            for mine, other in zip(*predictions, strict=True):
                assert np.array_equal(nib.load(mine).dataobj, nib.load(other).dataobj)
        assert {run.info.status for run in mlflow_runs(self.out)} == {"FINISHED"}
        assert "RUNNING" not in {state for state, _ in trials(self.out)}
        assert temporaries(self.out) == []
        return stdout, stderr

    @property
    def outs(self):
        return self.out, self.study.out


@pytest.fixture
def real(study, out, start):
    return RealSweep(study, out, start)


@pytest.fixture
def real_on_disk(study, out_on_disk, start):
    return RealSweep(study, out_on_disk, start)


@pytest.mark.slow
def test_a_training_whose_checkpoint_does_not_fit_is_named_and_goes_on_once_there_is_space(real_on_disk, disk):
    disk.fill(leave_bytes=400_000)
    code, stdout, stderr = real_on_disk.end(real_on_disk.begin())
    assert code == 1, stderr
    why = "system: checkpoint.pt: No space left on device; free some space there; details in "
    assert [failure.partition(": ")[2].startswith(why) for failure in json.loads(stdout)["failures"]] == [True, True]
    assert "trying again (3 of 3)" in stderr
    assert "Traceback" not in stderr
    assert list(real_on_disk.out.glob("fold_runs/*/checkpoint.pt")) == []
    assert scores(real_on_disk.out) == {}
    assert temporaries(real_on_disk.out) == []
    disk.free()
    real_on_disk.assert_ends_well()


@pytest.mark.slow
def test_a_disk_that_fills_up_during_training_costs_no_epoch_that_was_saved(real_on_disk, disk, run):
    process = real_on_disk.begin()
    real_on_disk.wait_for_epochs()
    disk.fill()
    code, stdout, stderr = real_on_disk.end(process)
    assert (code, stdout) == (2, ""), stderr
    assert "fold 0: system: checkpoint.pt: No space left on device; free some space there; details in " in stderr
    assert said(stderr)[-1].endswith(
        ": No space left on device; free some space there and start the same command again"
    )
    status = run("status", "--out", real_on_disk.out)
    assert (status.returncode, status.stderr) == (0, "")
    assert "0 done, 0 running" in status.stdout
    assert temporaries(real_on_disk.out) == []
    disk.free()
    real_on_disk.assert_ends_well()
    events = [event["event"] for event in read_journal(real_on_disk.journal())]
    assert "resumed" in events
    assert events.count("done") == 1


@pytest.mark.slow
def test_a_disk_that_becomes_read_only_during_training_costs_no_epoch_that_was_saved(real_on_disk, disk):
    process = real_on_disk.begin()
    real_on_disk.wait_for_epochs()
    disk.make_read_only()
    code, stdout, stderr = real_on_disk.end(process)
    assert (code, stdout) == (2, ""), stderr
    assert "Read-only file system; make it writable and start the same command again" in said(stderr)[-1]
    disk.make_writable()
    real_on_disk.assert_ends_well()
    assert "resumed" in [event["event"] for event in read_journal(real_on_disk.journal())]


# Sets the time of day of a Python process and of those that it starts, by so many seconds as a file says at the time.
CLOCK = """
import os, time
now = time.time
def shifted():
    with open(os.environ["SHIFT_S"]) as file:
        return now() + float(file.read() or 0)
time.time = shifted
time.time_ns = lambda: int(1e9 * shifted())
"""


@pytest.mark.slow
def test_a_clock_that_is_set_back_during_training_and_between_two_starts(real, tmp_path):
    shift_s = tmp_path / "shift_s"
    shift_s.write_text("0")
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(CLOCK)
    path = os.pathsep.join(filter(None, [str(tmp_path / "clock"), os.environ.get("PYTHONPATH")]))
    environment = {"PYTHONPATH": path, "SHIFT_S": str(shift_s)}
    process = real.begin(env=environment)
    real.wait_for_epochs(2)
    write_text(shift_s, "-7200")
    real.wait_for_epochs(4)
    real.kill(process)
    first = real.journal()
    times = [event["time"] for event in read_journal(first)]
    assert min(times) < times[0] - 7000.0, "the clock was not set back"
    write_text(shift_s, "-90000")
    stdout, _ = real.assert_ends_well(env=environment)
    assert read_journal(first)[-1]["time"] < times[0] - 86400.0
    assert negative_times(real.out, stdout) == []
    assert 0.0 < json.loads(stdout)["arms"][0]["seconds"] < 1000.0


def of_another(study):
    """Puts another fold run's state, its best weights, in the place of a checkpoint."""

    def put(path):
        others = (folder for folder in study.out.glob("fold_runs/*") if folder.name != path.parent.name)
        shutil.copyfile(next(others) / "weights.pt", path)

    return put


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_told_kept_aside_and_training_begins_anew(real, run):
    damages = (cut_in_half, flip_a_bit, lambda path: path.write_bytes(b""), of_another(real.study))
    for number, damage in enumerate(damages):
        process = real.begin()
        real.wait_for_epochs()
        wait_for((real.journal().with_name("checkpoint.pt")).exists, "a checkpoint")
        real.kill(process)
        damage(real.journal().with_name("checkpoint.pt"))
        with real.journal().open("ab") as file:  # As after a power cut.
            file.write(b'{"time": 12.5, "event": "epo' + b"\0" * 300)
        status = run("status", "--out", real.out)
        assert (status.returncode, status.stderr) == (0, "")
        assert "stopped" in status.stdout
        told = [e["reason"] for e in read_journal(real.journal()) if e["event"] == "checkpoint_unreadable"]
        assert len(told) == number
    _, stderr = real.assert_ends_well()
    (warning,) = said(stderr)
    assert warning == (
        f"warning: {SMALL} fold 0: checkpoint.pt was not written by this fold run; it is kept as "
        "unreadable-checkpoint.pt, and training began anew"
    )
    told = [e["reason"] for e in read_journal(real.journal()) if e["event"] == "checkpoint_unreadable"]
    assert len(told) == len(damages)
    assert all("checkpoint.pt is damaged" in reason for reason in told[:3])
    assert real.journal().with_name("unreadable-checkpoint.pt").exists()


@pytest.mark.slow
def test_a_finished_fold_run_that_was_damaged_is_not_trained_again(real, run):
    shutil.copytree(real.study.out / "fold_runs", real.out / "fold_runs")
    first, second = (real.out / "fold_runs" / name for name in sorted(first_arm(real.study)))
    (first / "done.json").write_bytes(b"")
    (second / "done.json").write_bytes(b"\0" * 100)
    (second / "scores.json").write_bytes(b"\0" * 100)
    before = [read_journal(folder / "events.jsonl") for folder in (first, second)]
    status = run("status", "--out", real.out)
    assert "no driver running: 2 done" in status.stdout
    code, _, stderr = real.end(real.begin())
    assert code == 0, stderr
    assert sorted(said(stderr)) == [
        f"warning: {SMALL} fold {fold}: it was done before, but its seal was damaged; it went on from the end of its "
        "training"
        for fold in (0, 1)
    ]
    assert scores(real.out) == scores(real.study.out)
    for folder, earlier in zip((first, second), before, strict=True):
        events = [event["event"] for event in read_journal(folder / "events.jsonl")[len(earlier) :]]
        assert events[:2] == ["started", "result_damaged"]
        assert "epoch" not in events
        assert ("tested" in events) == (folder == second), "what was tested stays so, where that can be read"


def first_arm(study):
    plan = json.loads((study.out / "sweeps" / "patchsize.json").read_text())
    (arm,) = (replicate for replicate in plan["replicates"] if replicate["arm"] == SMALL)
    return [fold_run["digest"] for fold_run in arm["fold_runs"]]
