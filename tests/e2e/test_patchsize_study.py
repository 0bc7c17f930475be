"""A study as a user types it: phantoms, two arms of the patch-size ablation in two folds, and what can be asked of it.

The training is real and small: six cases, demo profile. It is done once for all tests of this file (`study`).
"""

import csv
import json
import math
import os
import signal
import sqlite3
from pathlib import Path

import nibabel as nib
import numpy as np
import optuna
import pytest
from scipy import stats

from hemosweep.foldrun.journal import read_journal
from hemosweep.tracking import schema
from hemosweep.tracking.store import open_store, search_runs
from tests.processes import trainings, wait_for

# The first test waits for the training, which takes minutes on a busy machine.
SMALL, MIDDLE = "24x24x8", "32x32x16"
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def asked(study, start):
    """JSON of `runs` and `compare` about it."""
    asking = {
        "runs": start("runs", "--sweep", "patchsize", "--out", study.out, "--cases", "--json"),
        "compare": start("compare", *(f"patchsize/{arm}" for arm in study.arms), "--out", study.out, "--json"),
    }
    answers = {}
    for name, process in asking.items():
        stdout, stderr = process.communicate(timeout=120)
        assert (process.returncode, stderr) == (0, ""), stderr
        answers[name] = json.loads(stdout)
    return answers


@pytest.fixture(scope="module")
def store(study):
    return open_store(study.out)


def logged_scores(store, run_id):
    """The case table in the store, read without any code of ours: case id to DSC."""
    table = json.loads(Path(store.client.download_artifacts(run_id, "cases.json")).read_text())
    assert table["columns"][:2] == ["case_id", "dsc"]
    return {row[0]: row[1] for row in table["data"]}


def test_the_sweep_prints_json_alone_on_standard_output_and_its_progress_on_standard_error(study):
    result = json.loads(study.stdout)
    assert [arm["arm"] for arm in result["arms"]] == list(study.arms)
    assert result["failures"] == []
    assert [(row["a"], row["b"], row["n"]) for row in result["comparisons"]] == [(*study.arms, 6)]
    for arm in study.arms:
        for fold in (0, 1):
            assert f"{arm} fold {fold}: DSC " in study.stderr
    assert "6 cases of 6 patients, 3 with IVH" in study.stderr


def test_runs_lists_the_arms(asked, study):
    runs = asked["runs"]
    assert [run["arm"] for run in runs] == list(study.arms)
    assert [(run["sweep"], run["seed"], run["status"]) for run in runs] == [("patchsize", 0, "FINISHED")] * 2
    printed = json.loads(study.stdout)["arms"]
    assert [run["run_id"] for run in runs] == [arm["run_id"] for arm in printed]
    assert [run["dsc_mean"] for run in runs] == [arm["dsc"][0] for arm in printed]


def test_runs_with_cases_lists_every_case_once(asked, study):
    for run in asked["runs"]:
        assert [case["case_id"] for case in run["cases"]] == [f"sub-00{number}" for number in range(1, 7)]
        assert all(case.keys() >= {"case_id", "fold", "ivh", "dsc"} for case in run["cases"])
        assert sorted(case["fold"] for case in run["cases"]) == [0, 0, 0, 1, 1, 1]
        assert math.fsum(case["dsc"] for case in run["cases"]) / 6 == pytest.approx(run["dsc_mean"])
    with (study.data / "participants.tsv").open(newline="") as file:
        ivh = [row["ivh"] for row in csv.DictReader(file, delimiter="\t")]
    assert [case["ivh"] for case in asked["runs"][0]["cases"]] == ivh


def test_compare_is_scipys_paired_t_test_on_the_logged_case_tables(asked, store):
    a, b = (logged_scores(store, run["run_id"]) for run in asked["runs"])
    assert sorted(a) == sorted(b)
    pairs = [(a[case_id], b[case_id]) for case_id in sorted(a)]
    expected = stats.ttest_rel([after for _, after in pairs], [before for before, _ in pairs])
    interval = expected.confidence_interval(0.95)
    result = asked["compare"]
    assert result["n"] == 6
    assert (result["t"], result["df"], result["p"]) == (
        pytest.approx(expected.statistic),
        expected.df,
        pytest.approx(expected.pvalue),
    )
    assert result["mean_diff"] == pytest.approx(math.fsum(after - before for before, after in pairs) / 6)
    assert result["ci95"] == [pytest.approx(interval.low), pytest.approx(interval.high)]
    assert (result["run_id_a"], result["run_id_b"]) == tuple(run["run_id"] for run in asked["runs"])


def test_the_scores_are_those_of_predictions_on_the_scanners_grid(study, asked):
    dsc = {}
    for prediction_path in study.out.glob("fold_runs/*/predictions/*.nii.gz"):
        case_id = prediction_path.name.removesuffix(".nii.gz")
        prediction = np.asanyarray(nib.load(prediction_path).dataobj) > 0
        mask = nib.load(study.data / case_id / "ct" / f"{case_id}_label-lesion_mask.nii.gz")
        reference = np.asanyarray(mask.dataobj) > 0
        score = 2 * np.sum(prediction & reference) / (np.sum(prediction) + np.sum(reference))
        dsc.setdefault(case_id, []).append(float(score))
    listed = {case["case_id"]: [] for case in asked["runs"][0]["cases"]}
    for run in asked["runs"]:
        for case in run["cases"]:
            listed[case["case_id"]].append(case["dsc"])
    assert {name: sorted(values) for name, values in dsc.items()} == {
        name: pytest.approx(sorted(values)) for name, values in listed.items()
    }


def test_the_store_has_the_arms_on_top_their_folds_below_and_nothing_at_work(study, store, asked):
    (experiment,) = store.client.search_experiments(filter_string="name LIKE 'hemosweep/%'")
    assert experiment.name == "hemosweep/patchsize"
    runs = search_runs(store, [experiment.experiment_id], "")
    assert {run.info.status for run in runs} == {"FINISHED"}
    top = {run.info.run_id: run for run in runs if schema.TAG_PARENT not in run.data.tags}
    assert [top[run["run_id"]].info.run_name for run in asked["runs"]] == list(study.arms)
    # Beside the arms only the run that has the case page, and the report.
    others = [run for run in top.values() if run.data.tags[schema.TAG_LEVEL] != schema.LEVEL_ARM]
    assert [run.info.run_name for run in others] == [schema.REPORT_NAME]
    assert len(top) == 3
    for run_id in (run["run_id"] for run in asked["runs"]):
        folds = [run for run in runs if run.data.tags.get(schema.TAG_PARENT) == run_id]
        arm = top[run_id].info.run_name
        assert sorted(fold.info.run_name for fold in folds) == [f"{arm} · fold 0", f"{arm} · fold 1"]
        assert all(fold.data.metrics["epochs"] >= 1 for fold in folds)


def test_the_ledger_has_one_complete_trial_an_arm(study, asked):
    storage = f"sqlite:///{study.out / 'optuna.db'}"
    trials = optuna.load_study(storage=storage, study_name="patchsize").get_trials()
    assert [(trial.params["patch_size"], trial.state.name) for trial in trials] == [
        (arm, "COMPLETE") for arm in study.arms
    ]
    assert [trial.value for trial in trials] == [run["dsc_mean"] for run in asked["runs"]]


def test_every_arm_has_its_figures_in_the_store(store, asked):
    # A declared comparison is drawn when its second arm ends, and the forest plot of all lies with the baseline.
    pair = {SMALL: ("forest",), MIDDLE: (f"{SMALL}-vs-{MIDDLE}",)}
    for run in asked["runs"]:
        paths = [artifact.path for artifact in store.client.list_artifacts(run["run_id"], "figures")]
        names = ("best", "boxplot", "centres", "median", "network", "training", "windows", "worst", *pair[run["arm"]])
        assert sorted(paths) == sorted(f"figures/{name}.png" for name in names)


def test_no_patient_is_named_anywhere_among_the_results(study):
    with (study.data / "participants.tsv").open(newline="") as file:
        patients = [row["patient_id"] for row in csv.DictReader(file, delimiter="\t")]
    assert len(patients) == 6
    files = [path for path in study.out.rglob("*") if path.is_file()]
    assert {"mlflow.db", "optuna.db", "spec.json", "cases.json", "events.jsonl"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        assert not any(patient.encode() in content for patient in patients), path
        assert not any(patient in str(path) for patient in patients)


def journals(out):
    return {path.parent.name: path.read_bytes() for path in sorted(out.glob("fold_runs/*/events.jsonl"))}


def rows(out):
    with sqlite3.connect(out / "mlflow.db") as database:
        return sorted(database.execute("SELECT run_uuid, name, status, end_time FROM runs"))


def test_the_same_command_again_trains_nothing_and_keeps_the_runs(study, main, monkeypatch):
    # The pictures of the arms are those of the first time, and take longer than all the rest.
    monkeypatch.setattr(
        "hemosweep.workflows.sweeping.ablation.SweepFigures", lambda *_, **__: lambda replicate, cases: {}
    )
    before = journals(study.out), rows(study.out)
    assert len(before[0]) == 4
    code, table, progress = main(*study.command())
    assert code == 0, progress
    assert (journals(study.out), rows(study.out)) == before
    assert progress.count("done before") == 4
    for arm in json.loads(study.stdout)["arms"]:
        mean, sd = arm["dsc"]
        assert f"{mean:.3f} ±{sd:.3f}" in table
    assert f"compare patchsize/{study.arms[0]} patchsize/{study.arms[1]} --out {study.out}" in table


def wait_while(process, condition):
    """Until the condition holds; the process must not end before."""

    def holds():
        assert process.poll() is None, process.communicate()
        return condition()

    wait_for(holds, "the sweep", timeout_s=150.0)


def num_epochs(out):
    events = [event for path in out.glob("fold_runs/*/events.jsonl") for event in read_journal(path)]
    return sum(event["event"] == "epoch" for event in events)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds processes the way Linux shows them")
def test_a_sweep_that_is_stopped_by_ctrl_c_and_then_killed_goes_on_to_the_same_scores(study, start, run, tmp_path):
    out = tmp_path / "runs"
    again = study.command(arms=study.arms[:1], out=out)

    stopped = start(*again)
    wait_while(stopped, lambda: num_epochs(out) >= 2)
    assert len(trainings(out)) == 1
    os.killpg(stopped.pid, signal.SIGINT)
    stdout, stderr = stopped.communicate(timeout=30)
    assert (stopped.returncode, stdout) == (1, "")
    assert stderr.splitlines()[-1] == "stopped; the same command goes on from here"
    assert "Traceback" not in stderr
    assert trainings(out) == []
    assert {status for _, _, status, _ in rows(out)} == {"KILLED"}

    epochs = num_epochs(out)
    killed = start(*again)
    wait_while(killed, lambda: num_epochs(out) >= epochs + 2)
    killed.kill()
    killed.communicate()
    wait_for(lambda: trainings(out) == [], "the death of the driver's child", timeout_s=10.0)

    done = run(*again, "--json")
    assert done.returncode == 0, done.stderr
    assert {status for _, _, status, _ in rows(out)} == {"FINISHED"}
    undisturbed = study.out / "fold_runs"
    folders = sorted((out / "fold_runs").iterdir())
    assert len(folders) == 2
    for folder in folders:
        assert json.loads((folder / "scores.json").read_text()) == json.loads(
            (undisturbed / folder.name / "scores.json").read_text()
        )
    resumed = [event["event"] for folder in folders for event in read_journal(folder / "events.jsonl")]
    assert resumed.count("resumed") == 2
    (trial,) = optuna.load_study(storage=f"sqlite:///{out / 'optuna.db'}", study_name="patchsize").get_trials()
    assert trial.state.name == "COMPLETE"
