"""Names that a hospital would not share are in no report, no artifact and no page of MLflow unless asked for.

Folders, the user, the machine and the patients get names with one word in them; then every byte is searched for it.
"""

import csv
import json
import shutil
from pathlib import Path

import pytest

from hemosweep.errors import BadInput
from hemosweep.executors.exit_status import read_end
from hemosweep.foldrun.journal import read_journal
from hemosweep.foldrun.spec import FoldRunSpec
from hemosweep.report.plots.arm_plots import boxplot
from hemosweep.tracking.database import database_path
from hemosweep.training.child import train_fold
from tests.e2e.stand_in import MIDDLE, SMALL, Child, stand_in, with_store
from tests.planted import leaks, leaks_in_database

LAB = Path(__file__).parent / "lab"
LARGE = "48x48x24"
MACHINE, USER = "ws12.planted-hospital.example", "jane_planted"


@pytest.fixture
def hospital(tmp_path):
    """A folder as none would share it."""
    folder = tmp_path / "St. Planted Hospital" / "planted study of Jane"
    folder.mkdir(parents=True)
    (folder / "home").mkdir()
    return folder


@pytest.fixture
def data(phantoms, hospital):
    """The phantoms with ids of patients that tell something."""
    folder = shutil.copytree(phantoms, hospital / "planted scans")
    with (folder / "participants.tsv").open(newline="") as file:
        header, *rows = csv.reader(file, delimiter="\t")
    place = header.index("patient_id")
    for number, row in enumerate(rows):
        row[place] = f"PLANTED^JANE {number}"
    with (folder / "participants.tsv").open("w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([header, *rows])
    return folder


@pytest.fixture
def out(migrated_database, hospital):
    return with_store(hospital / "planted results", migrated_database)


class FailingChild(Child):
    """The stand-in, of which one fold run fails as a real one does, with everything in its message."""

    def train(self, folder):
        spec = FoldRunSpec.read(folder)
        name = "x".join(str(2 * size) for size in spec.config.sampling.patch_HWD), spec.seed, spec.fold
        if name not in self.failing:
            return super().train(folder)
        return read_end(folder, train_fold(folder), 0)


@pytest.fixture
def child(monkeypatch, hospital):
    child = FailingChild()

    def fail(spec, folder, journal, scoring, should_pause):
        raise BadInput(f"{spec.test[0].path}: not for {USER} on {MACHINE}; see {folder}, {hospital} and {hospital}/x")

    monkeypatch.setattr("hemosweep.training.child.run_fold", fail)
    child.draws = True
    stand_in(monkeypatch, child, boxplot=boxplot)  # Overlays take seconds; the real study draws them.
    monkeypatch.setattr("socket.gethostname", lambda: MACHINE)
    for name in ("USER", "LOGNAME"):
        monkeypatch.setenv(name, USER)
    monkeypatch.setenv("HOME", str(hospital / "home"))
    return child


def all_leaks(out, *folders):
    found = [leak for folder in (out / "artifacts", *folders) for leak in leaks(folder)]
    return found + leaks_in_database(database_path(out))


def test_a_sweep_and_its_report_name_no_folder_no_machine_no_user_and_no_patient(main, data, out, child, hospital):
    child.failing.add((LARGE, 0, 1))
    options = ("--profile", "demo", "--folds", 2, "--arms", f"{SMALL},{MIDDLE},{LARGE}")
    code, stdout, stderr = main("sweep", "patchsize", "--data", data, "--out", out, *options)
    assert code == 1, stderr
    (failed,) = (path for path in out.glob("fold_runs/*") if not (path / "done.json").exists())
    (failure,) = [event for event in read_journal(failed / "events.jsonl") if event["event"] == "failed"]
    assert failure["message"].endswith(": not for [user] on [machine]; see [folder], [folder] and [folder]")
    code, stdout, stderr = main("report", "patchsize", "--out", out, "--to", hospital / "report", "--json")
    assert code == 0, stderr
    assert all_leaks(out, hospital / "report") == []
    assert len(json.loads(stdout)["figures"]) > 2
    assert leaks(failed, [b"planted"]), "the folders of a run keep what they need"


def test_a_report_names_them_where_it_is_asked_to(main, recorded, hospital, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: MACHINE)
    monkeypatch.setenv("LOGNAME", USER)
    out = shutil.copytree(recorded.out, hospital / "results")
    code, _, stderr = main("report", "se", "--out", out, "--with-paths")
    assert code == 0, stderr
    page = (out / "report" / "index.html").read_text().replace("<wbr>", "")
    assert [word for word in (str(out), MACHINE, USER) if word not in page] == []
    assert {name for name, _ in leaks(out / "report")} == {"index.html", "report.md", "report.tex"}
    assert all_leaks(out)
    code, _, stderr = main("report", "se", "--out", out)
    assert code == 0, stderr
    assert all_leaks(out, out / "report") == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nothing_that_a_real_study_hands_on_names_them(run, data, out, hospital):
    """A lab's own sweep, trained in children; its report, and predictions with their headers."""
    lab = shutil.copytree(LAB, hospital / "planted lab", ignore=shutil.ignore_patterns("__pycache__"))
    env = {"USER": USER, "LOGNAME": USER, "HOME": str(hospital / "home")}
    where = ("--data", data, "--out", out)
    options = ("--profile", "demo", "--folds", 2, "--only-folds", 0, "--arms", "dice_ce,tversky_0.3")
    trained = run("sweep", lab / "tversky.py", *where, *options, env=env, cwd=hospital, timeout_s=900)
    assert trained.returncode == 0, trained.stderr
    reported = run("report", *where, "--to", hospital / "report", env=env, cwd=hospital, timeout_s=500)
    assert reported.returncode == 0, reported.stderr
    scan = data / "sub-001" / "ct" / "sub-001_ct.nii.gz"
    shutil.copyfile(scan, hospital / "scan.nii.gz")
    to = hospital / "predicted"
    arm = ("--run", "tversky/tversky_0.3", "--out", out)
    predicted = run("predict", hospital / "scan.nii.gz", *arm, "--to", to, env=env, cwd=hospital, timeout_s=500)
    assert predicted.returncode == 0, predicted.stderr
    described = run("data", "describe", data, "--png", to / "cohort.svg", env=env, cwd=hospital, timeout_s=500)
    assert described.returncode == 0, described.stderr
    masks = [path for path in out.glob("fold_runs/*/predictions") for path in path.iterdir()]
    assert masks
    kept = hospital / "kept"
    kept.mkdir()
    for number, path in enumerate(masks):
        shutil.copyfile(path, kept / f"{number}-{path.name}")
    assert all_leaks(out, hospital / "report", to, kept) == []
