"""A lab's own sweep in one file: trained, killed and resumed, edited, reported, and used for predictions."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hemosweep.foldrun.journal import read_journal
from tests.dask_cluster import dask_cluster
from tests.fold_runs import seal_again
from tests.processes import trainings, wait_for
from tests.shared import make_once, processors

# It trains a sweep of its own. Among the fast tests, test_one_file_each.py trains with each thing that a lab writes,
# and test_trusted.py keeps out the specs of strangers.
pytestmark = pytest.mark.slow

LAB = Path(__file__).parent / "lab"
WITH_METRIC = """
from dataclasses import replace
import tversky
from boundary import BoundaryIoU
SWEEP = replace(tversky.SWEEP, metrics=(BoundaryIoU(),))
"""
"""A file that imports its neighbours: the sweep of one, and the metric of the other."""
ARM = "tversky_0.3"
TRAIN = """
import sys
from pathlib import Path
from hemosweep.training.child import train_fold
sys.exit(train_fold(Path(sys.argv[1])))
"""


def sweep(file, data, out, *options):
    where = ("--data", data, "--profile", "demo", "--folds", 2, "--only-folds", 0, "--out", out)
    return ("sweep", file, *where, *options)


@pytest.fixture
def lab(tmp_path):
    """A lab's folder with its files, anywhere."""
    return make_lab(tmp_path)


def make_lab(folder):
    """A copy of the lab's files, whose sweep trains for three epochs."""
    lab = shutil.copytree(LAB, folder / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    text = (lab / "tversky.py").read_text()
    chosen = 'loss=LOSSES[params["loss"]]'
    assert text.count(chosen) == 1
    (lab / "tversky.py").write_text(text.replace(chosen, f"{chosen}, max_epochs=3"))
    (lab / "both.py").write_text(WITH_METRIC)
    return lab


@pytest.fixture(scope="module")
def trained(phantoms, run, tmp_path_factory):
    """The folder of results of a lab's sweep, trained in a child, and beside it the lab's folder."""

    def make(folder):
        lab = make_lab(folder)
        done = run(*sweep(lab / "both.py", phantoms, folder / "runs", "--arms", f"dice_ce,{ARM}"))
        assert done.returncode == 0, done.stderr

    return make_once(tmp_path_factory, "lab", make) / "runs"


@pytest.fixture
def out(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "runs")


def spec_of(out, kind="tversky.Tversky"):
    """Folder and spec of the fold run with the lab's loss."""
    found = ((path.parent, json.loads(path.read_text())) for path in out.glob("fold_runs/*/spec.json"))
    return next(one for one in found if one[1]["config"]["training"]["loss"]["type"] == kind)


def scores_of(out):
    folder, _ = spec_of(out)
    return (folder / "scores.json").read_bytes()


def test_a_component_is_recorded_with_its_class_its_fields_and_its_project(trained):
    folder, spec = spec_of(trained)
    assert spec["config"]["training"]["loss"] == {"type": "tversky.Tversky", "alpha": 0.3}
    assert spec["project"] == str(trained.parent / "lab")
    assert (folder / "done.json").is_file()
    assert spec["metrics"] == [{"type": "boundary.BoundaryIoU"}]


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes the way Linux shows them")
def test_a_lab_s_training_that_is_killed_goes_on_to_the_same_bytes(trained, phantoms, start, run, tmp_path):
    out = tmp_path / "runs"
    command = sweep(trained.parent / "lab" / "both.py", phantoms, out, "--arms", ARM)
    driver = start(*command)

    def epochs():
        journals = out.glob("fold_runs/*/events.jsonl")
        return [event for path in journals for event in read_journal(path) if event["event"] == "epoch"]

    wait_for(lambda: len(epochs()) > 1 or driver.poll() is not None, "two epochs")
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    wait_for(lambda: not trainings(out), "the end of its training")
    assert not list(out.glob("fold_runs/*/done.json"))
    again = run(*command)
    assert again.returncode == 0, again.stderr
    assert scores_of(out) == scores_of(trained)


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="starts a cluster")
def test_a_lab_s_sweep_on_a_cluster_gives_the_same_bytes(trained, phantoms, run, tmp_path):
    out = tmp_path / "runs"
    with processors(1), dask_cluster(tmp_path) as cluster:
        where = ("--executor", f"dask:{cluster.scheduler_file}", "--arms", ARM)
        done = run(*sweep(trained.parent / "lab" / "both.py", phantoms, out, *where))
    assert done.returncode == 0, done.stderr
    assert scores_of(out) == scores_of(trained)


def planned(main, file, data, out):
    command = ("plan", *sweep(file, data, out)[1:], "--arms", f"dice_ce,{ARM}", "--json")
    code, printed, said = main(*command)
    assert code == 0, said
    return {arm["arm"]: arm["num_done"] for arm in json.loads(printed)["arms"]}


def test_an_edit_of_the_loss_makes_another_arm_and_a_comment_does_not(main, out, phantoms, lab):
    file = lab / "tversky.py"
    assert planned(main, file, phantoms, out) == {"dice_ce": 1, ARM: 1}, "the folder is no part of a name"
    text = file.read_text()
    file.write_text(text + "\n# A remark.\n")
    assert planned(main, file, phantoms, out) == {"dice_ce": 1, ARM: 1}
    file.write_text(text.replace("(hit + 1)", "(hit + 2)"))
    assert planned(main, file, phantoms, out) == {"dice_ce": 1, ARM: 0}


def test_its_report_and_comparisons_need_no_file_and_have_no_columns_of_the_paper(main, out):
    code, printed, said = main("compare-all", "tversky", "--out", out, "--json")
    assert code == 0, said
    assert [(row["a"], row["b"]) for row in json.loads(printed)["comparisons"]] == [("dice_ce", ARM)]
    code, _, said = main("report", "--out", out)
    assert code == 0, said
    text = (out / "report" / "report.md").read_text()
    assert "Does a Tversky loss segment better" in text
    assert "paper |" not in text


def test_predict_finds_the_project_where_it_is_or_where_it_went(main, out, phantoms, lab, tmp_path):
    scan = phantoms / "sub-001" / "ct" / "sub-001_ct.nii.gz"
    command = ("predict", scan, "--run", f"tversky/{ARM}", "--out", out, "--to", tmp_path / "to")
    assert main(*command)[0] == 0
    folder, spec = spec_of(out)
    # A later hemosweep is a reason for a warning, as it is for a network of hemosweep's own.
    spec["source"] = "of earlier code"
    (folder / "spec.json").write_text(json.dumps(spec))
    seal_again(folder)
    shutil.rmtree(tmp_path / "to")
    code, _, said = main(*command)
    assert code == 0, said
    assert "the code changed after run" in said
    spec["project"] = str(tmp_path / "gone")
    (folder / "spec.json").write_text(json.dumps(spec))
    seal_again(folder)
    code, _, said = main(*command)
    assert code == 2
    gone = f"{tmp_path / 'gone'}: the project of this run is not there; say with --project where it went"
    assert said.strip() == f"error: {gone}"
    assert main(*command, "--project", lab)[0] == 0
    (lab / "tversky.py").write_text((lab / "tversky.py").read_text().replace("(hit + 1)", "(hit + 2)"))
    code, _, said = main(*command, "--project", lab)
    assert code == 2
    assert "the code of tversky.Tversky is not the one that this fold run was trained with" in said


@pytest.mark.parametrize("where", ["in the output folder", "with other code", "of no project"])
def test_a_stranger_s_spec_imports_nothing(out, where, tmp_path):
    folder, spec = spec_of(out)
    mark = tmp_path / "imported"
    stranger = (out if where == "in the output folder" else tmp_path) / "stranger"
    stranger.mkdir()
    (stranger / "tversky.py").write_text(f"open({str(mark)!r}, 'w')\n")
    spec["project"] = None if where == "of no project" else str(stranger)
    (folder / "spec.json").write_text(json.dumps(spec))
    (folder / "done.json").unlink()
    child = subprocess.run(
        [sys.executable, "-c", TRAIN, folder],
        capture_output=True,
        cwd=stranger,
        check=False,
    )
    assert child.returncode == 1
    (failure,) = [event for event in read_journal(folder / "events.jsonl") if event["event"] == "failed"]
    assert failure["kind"] == "data"
    assert not mark.exists()


def test_a_metric_of_a_lab_is_scored_compared_and_mended_without_training(main, out, lab):
    compare = ("compare", "tversky/dice_ce", f"tversky/{ARM}", "--metric", "boundary_iou", "--out", out, "--json")
    code, printed, said = main(*compare)
    assert code == 0, said
    before = json.loads(printed)
    assert before["metric"]["name"] == "boundary_iou"
    file = lab / "boundary.py"
    file.write_text(file.read_text().replace("/ union if union", "/ (2 * union) if union"))
    code, printed, said = main("score", lab / "both.py", "--out", out, "--json")
    assert code == 0, said
    assert json.loads(printed)["num_fold_runs"] == 2
    after = json.loads(main(*compare)[1])
    assert after["mean_a"] == pytest.approx(before["mean_a"] / 2)
