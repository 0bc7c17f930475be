"""Outcomes of a sweep, by the command line in this process, with a child that needs no training.

The stand-in predicts every lesion but a few of its slices: real files, real scores, real stores, no network.
"""

import json
import math
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from dataclasses import replace

import nibabel as nib
import numpy as np
import optuna
import pytest
from scipy.stats import chi2

from hemosweep.engine.lock import driver_lock
from hemosweep.foldrun.journal import read_journal
from hemosweep.foldrun.lock import hold
from hemosweep.report.plots.arm_plots import boxplot
from hemosweep.sweeps import base
from hemosweep.tracking import schema
from hemosweep.tracking.database import database_path
from hemosweep.tracking.store import open_store
from tests.e2e.stand_in import MIDDLE, SMALL, Child, stand_in, with_store


@pytest.fixture
def child(monkeypatch):
    child = Child()
    # And no boxplot, over a test's many sweeps.
    stand_in(monkeypatch, child, boxplot=lambda *a, **options: boxplot(*a, **options) if child.draws else a[1].touch())
    return child


@pytest.fixture
def out(migrated_database, tmp_path):
    return with_store(tmp_path / "results of mine", migrated_database)


@pytest.fixture
def sweep(main, phantoms, out, child):
    """Runs the first two arms in two folds; returns exit code, standard output, standard error."""

    def sweep(*options, data=phantoms, folds=2, arms=f"{SMALL},{MIDDLE}"):
        command = ("sweep", "patchsize", "--data", data, "--profile", "demo", "--out", out)
        return main(*command, "--folds", folds, "--arms", arms, *options)

    return sweep


def runs(main, out, *options):
    code, stdout, stderr = main("runs", "--out", out, "--json", *options)
    assert (code, stderr) == (0, "")
    return json.loads(stdout)


def compare(main, out, a, b, *options):
    code, stdout, stderr = main("compare", a, b, "--out", out, *options)
    return code, stdout, stderr.strip()


def arms_in_the_store(out):
    """Tags and metrics of the runs that stand for the arms of the sweep, by arm."""
    client = open_store(out).client
    experiment = client.get_experiment_by_name("hemosweep/patchsize")
    runs = client.search_runs([experiment.experiment_id], f"tags.`{schema.TAG_ROW}` = '{schema.ROW_ARM}'")
    return {run.info.run_name: run.data for run in runs}, experiment.tags[schema.TAG_NOTE]


def test_the_verdict_that_a_sweep_prints_is_on_its_page_and_stays_when_one_arm_is_swept_again(sweep, out, child):
    code, stdout, stderr = sweep()
    assert (code, "not in MLflow yet" in stderr) == (0, False)
    arms, note = arms_in_the_store(out)
    assert arms[MIDDLE].tags[schema.TAG_VERDICT] == f"no evidence of a difference from {SMALL}"
    assert arms[MIDDLE].metrics["diff_vs_baseline"] == 0.054
    assert (arms[SMALL].tags[schema.TAG_VERDICT], arms[SMALL].metrics["dsc"]) == ("baseline", 0.716)
    (printed,) = (line for line in stdout.splitlines() if line.startswith(f"{SMALL} to {MIDDLE}: "))
    assert printed.partition(": ")[2] in note
    assert sweep(arms=SMALL)[0] == 0
    again, note_again = arms_in_the_store(out)
    assert again[MIDDLE].metrics == arms[MIDDLE].metrics
    assert note_again == note


def test_a_finished_sweep_prints_its_tables_its_verdict_and_what_comes_next(sweep, out, child, phantoms, monkeypatch):
    monkeypatch.setenv("MAKELEVEL", "1")
    child.draws = True
    code, stdout, stderr = sweep()
    assert code == 0, stderr
    for text in (SMALL, MIDDLE, "0.759 ±0.183", "0.842 ±0.115", "<0.001"):
        assert text in stdout
    assert "claim p counts trainings too, and Holm adjusts it." in stdout
    (verdict,) = (line for line in stdout.splitlines() if line.startswith(f"{SMALL} to {MIDDLE}: "))
    assert verdict.removeprefix(f"{SMALL} to {MIDDLE}: ").startswith(
        "No evidence of a difference between A and B (mean difference +0.054 DSC over 6 paired cases, p = 0.3464 "
        "counting cases and trainings by 2 folds), nor of equality; "
    )
    assert "1 of 2 declared comparisons so far; Holm's p counts them all." in stdout
    assert f"hemosweep compare patchsize/{SMALL} patchsize/{MIDDLE} --out '{out}'" in stdout
    assert f"hemosweep compare-all patchsize --out '{out}'" in stdout
    assert f"hemosweep report patchsize --out '{out}' --data {shlex.quote(str(phantoms))}" in stdout
    assert "patience 4 of 15, 2 of 5 folds)" in stdout
    assert f"make ui OUT='{out}'" in stdout
    assert "Does a larger patch segment better?" in stderr
    figures = out / "figures" / "patchsize"
    assert f"Boxplot: {figures / 'boxplot.png'}\nCase page: {figures / 'cases.html'}\n" in stdout
    assert (figures / "boxplot.png").read_bytes().startswith(b"\x89PNG")


def test_without_make_the_commands_that_come_next_do_without_it(sweep, out, child, monkeypatch):
    monkeypatch.delenv("MAKELEVEL", raising=False)
    code, stdout, stderr = sweep()
    assert code == 0, stderr
    assert f"hemosweep ui --out '{out}'" in stdout
    assert "make ui" not in stdout


def test_the_commands_that_come_next_can_be_pasted_whatever_the_arms_are_called(main, phantoms, out, child, tmp_path):
    # Few cases: these arms take a symmetric image, which is to be made.
    left_out = shutil.ignore_patterns("derivatives", "sub-005", "sub-006")
    data = shutil.copytree(phantoms, tmp_path / "four", ignore=left_out)
    table = (data / "participants.tsv").read_text().splitlines()
    (data / "participants.tsv").write_text("\n".join(table[:5]) + "\n")
    command = ("sweep", "augmentation", "--data", data, "--profile", "demo", "--out", out, "--folds", 2)
    code, stdout, stderr = main(*command, "--arms", "3000,500->3000")
    assert code == 0, stderr
    (line,) = (line for line in stdout.splitlines() if " compare " in line)
    assert shlex.split(line)[1:] == ["compare", "augmentation/3000", "augmentation/500->3000", "--out", str(out)]


def test_a_failed_fold_is_exit_code_1_and_the_rest_is_there(sweep, main, out, child):
    child.failing = {(MIDDLE, 0, 1)}
    code, stdout, stderr = sweep("--json")
    assert code == 1
    result = json.loads(stdout)
    (failure,) = result["failures"]
    assert failure.startswith(f"{MIDDLE} fold 1: out of memory: no memory for 3 GiB; details in ")
    assert "Traceback" not in stderr
    assert result["comparisons"] == [], "a comparison needs both arms whole"
    assert [(run["arm"], run["status"]) for run in runs(main, out)] == [(SMALL, "FINISHED"), (MIDDLE, "FAILED")]

    code, _, stderr = compare(main, out, f"patchsize/{SMALL}", f"patchsize/{MIDDLE}")
    assert code == 2
    assert "FAILED" in stderr
    assert len(stderr.splitlines()) == 1

    child.failing, child.trained = set(), []
    code, stdout, _ = sweep("--json")
    assert code == 0
    assert child.trained == [(MIDDLE, 0, 1)]
    assert len(json.loads(stdout)["comparisons"]) == 1
    assert [run["status"] for run in runs(main, out)] == ["FINISHED", "FINISHED"]


def test_a_failed_fold_is_named_below_the_tables(sweep, child):
    child.failing = {(SMALL, 0, 0)}
    code, stdout, _ = sweep()
    assert code == 1
    assert f"Missing: {SMALL} fold 0: out of memory" in stdout
    assert "The same command makes up for it." in stdout


def test_an_interrupted_sweep_says_one_line_and_goes_on_where_it_was(sweep, main, out, child):
    child.interrupted = {(SMALL, 0, 1)}
    code, stdout, stderr = sweep()
    assert (code, stdout) == (1, "")
    assert stderr.splitlines()[-1] == "stopped; the same command goes on from here"
    assert "Traceback" not in stderr
    assert [(run["arm"], run["status"]) for run in runs(main, out)] == [(SMALL, "KILLED")]
    child.interrupted, child.trained = set(), []
    assert sweep()[0] == 0
    assert child.trained == [(SMALL, 0, 1), (MIDDLE, 0, 0), (MIDDLE, 0, 1)]
    assert [run["status"] for run in runs(main, out)] == ["FINISHED", "FINISHED"]


def test_every_seed_is_a_run_of_its_own_and_the_comparison_takes_their_mean(sweep, main, out, child):
    child.draws = True
    code, stdout, _ = sweep("--seeds", 2, "--json")
    assert code == 0
    result = json.loads(stdout)
    names = [f"{SMALL}@0", f"{SMALL}@1", f"{MIDDLE}@0", f"{MIDDLE}@1"]
    assert [arm["arm"] for arm in result["arms"]] == names
    listed = runs(main, out, "--cases")
    assert [(run["arm"], run["seed"]) for run in listed] == [(SMALL, 0), (SMALL, 1), (MIDDLE, 0), (MIDDLE, 1)]
    (row,) = result["comparisons"]
    means = {(run["arm"], run["seed"]): run["dsc_mean"] for run in listed}
    assert row["n"] == 6
    assert row["mean_a"] == pytest.approx((means[SMALL, 0] + means[SMALL, 1]) / 2)
    assert row["mean_b"] == pytest.approx((means[MIDDLE, 0] + means[MIDDLE, 1]) / 2)

    code, stdout, _ = compare(main, out, f"patchsize/{SMALL}@0", f"patchsize/{SMALL}@1", "--json")
    assert code == 0
    assert (json.loads(stdout)["a"], json.loads(stdout)["b"]) == (f"patchsize/{SMALL}@0", f"patchsize/{SMALL}@1")
    code, stdout, _ = compare(main, out, f"patchsize/{SMALL}", f"patchsize/{MIDDLE}@0", "--json")
    assert code == 0
    mixed = json.loads(stdout)
    assert (mixed["a"], mixed["b"]) == (f"patchsize/{SMALL}, seeds 0, 1", f"patchsize/{MIDDLE}@0")
    assert (mixed["mean_a"], mixed["mean_b"]) == (pytest.approx(row["mean_a"]), pytest.approx(means[MIDDLE, 0]))
    claim = row["claim"]
    assert (claim["basis"], claim["num_seeds_a"], claim["num_seeds_b"], claim["num_folds"]) == ("seeds", 2, 2, 2)
    assert [row["seeds"][arm]["means"] for arm in ("a", "b")] == [
        [pytest.approx(means[arm, seed]) for seed in (0, 1)] for arm in (SMALL, MIDDLE)
    ]
    family = json.loads(main("compare-all", "patchsize", "--out", out, "--json")[1])
    assert family["num_declared"] == 2, "the larger patch is declared, too"
    (row_of_family,) = family["comparisons"]
    assert row_of_family == row
    assert row["holm_p"] == pytest.approx(min(2 * claim["p"], 1.0))

    child.trained = []
    assert sweep("--seeds", 3, "--arms", SMALL)[0] == 0
    assert child.trained == [(SMALL, 2, 0), (SMALL, 2, 1)], "seeds that are done stay done"


def test_the_noise_of_seeds_is_told_and_stands_beside_a_comparison(sweep, main, phantoms, out, child):
    command = ("sweep", "noise", "--data", phantoms, "--profile", "demo", "--folds", 2, "--out", out)
    code, stdout, stderr = main(*command)
    assert code == 0, stderr
    means = [run["dsc_mean"] for run in runs(main, out)]
    assert len(means) == 3
    listed = ", ".join(f"{mean:.3f}" for mean in means)
    sd = statistics.stdev(means)
    low, high = (sd * math.sqrt(2 / chi2.ppf(p, 2)) for p in (0.975, 0.025))
    spread = f"sd {sd:.3f} (95% CI {low:.3f} to {high:.3f}), range {max(means) - min(means):.3f}"
    assert f"Mean DSC of baseline by seed (A/A): {listed}; {spread}." in stdout
    assert "compar" not in stdout.lower(), "it has one arm"

    child.trained = []
    assert sweep()[0] == 0
    assert child.trained == [(SMALL, 0, 0), (SMALL, 0, 1)], "the noise's first seed is the middle patch size"
    code, stdout, _ = compare(main, out, f"patchsize/{SMALL}", f"patchsize/{MIDDLE}", "--json")
    assert code == 0
    noise = json.loads(stdout)["seeds"]["baseline"]
    assert (noise["num_seeds"], noise["num_cases"]) == (3, 6)
    assert json.loads(stdout)["claim"]["basis"] == "folds", "the seeds of another arm are not those of the claim"
    assert noise["means"] == [pytest.approx(mean) for mean in means]


def test_an_arm_with_a_failed_fold_has_no_mean(sweep, main, out, child):
    child.draws = True
    child.failing = {(SMALL, 0, 0)}
    _, stdout, _ = sweep("--json")
    small, middle = json.loads(stdout)["arms"]
    assert small["dsc"] is None
    assert middle["dsc"] is not None
    assert [run["dsc_mean"] is None for run in runs(main, out)] == [True, False]


def test_a_tracker_that_is_away_costs_no_training_and_is_made_up_for(sweep, main, out, child, monkeypatch):
    def away(*_, **__):
        raise ConnectionError("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr("hemosweep.tracking.recorder.Recorder.begin_replicate", away)
        code, stdout, stderr = sweep("--json")
    assert code == 1
    assert len(child.trained) == 4
    assert stderr.count("tracking failed (the store is away)") == 1
    result = json.loads(stdout)
    assert [arm["run_id"] for arm in result["arms"]] == [None, None]
    assert result["failures"] == [f"{arm}: not recorded in MLflow" for arm in (SMALL, MIDDLE)]
    assert len(result["comparisons"]) == 1
    child.trained = []
    assert sweep()[0] == 0
    assert child.trained == []
    assert [run["status"] for run in runs(main, out)] == ["FINISHED", "FINISHED"]


def test_a_second_sweep_in_the_same_folder_is_refused_while_the_first_one_runs(sweep, out, child):
    with driver_lock(out):
        code, stdout, stderr = sweep()
    assert (code, stdout) == (2, "")
    assert "another sweep runs here" in stderr
    assert len(stderr.splitlines()) == 1, "it was refused after some work"
    assert child.trained == []


def test_the_last_lines_of_a_sweep_are_for_other_programs(sweep, child):
    child.failing = {(MIDDLE, 0, 1)}
    _, stdout, _ = sweep()
    small, middle = (line.split() for line in stdout.splitlines()[-2:])
    assert small[:5] == ["summary", "sweep=patchsize", f"arm={SMALL}", "seed=0", "n=6"]
    assert re.fullmatch(r"dsc_mean=[01]\.\d{3}", small[5])
    assert small[6:] == ["status=done"]
    assert middle == ["summary", "sweep=patchsize", f"arm={MIDDLE}", "seed=0", "n=3", "dsc_mean=nan", "status=failed"]


@pytest.fixture
def other_data(phantoms, tmp_path):
    """The phantoms with one voxel of one mask redrawn."""
    folder = shutil.copytree(phantoms, tmp_path / "redrawn", ignore=shutil.ignore_patterns("derivatives"))
    path = folder / "sub-001" / "ct" / "sub-001_label-lesion_mask.nii.gz"
    image = nib.load(path)
    mask = np.asanyarray(image.dataobj).copy()
    mask[tuple(np.argwhere(mask)[0])] = 0
    nib.save(nib.Nifti1Image(mask, image.affine), path)
    return folder


def test_runs_of_other_data_and_other_folds_are_refused_with_every_reason(sweep, main, out, other_data):
    sweep(arms=SMALL)
    first = runs(main, out)[0]["run_id"]
    sweep(arms=MIDDLE, folds=4, data=other_data)
    second = runs(main, out)[1]["run_id"]
    code, stdout, stderr = compare(main, out, first, second)
    assert (code, stdout) == (3, "")
    assert len(stderr.splitlines()) == 1
    assert "data set content differs" in stderr
    assert "case folds differs" in stderr
    assert "--allow-incomparable" in stderr

    code, stdout, stderr = compare(main, out, first, second, "--allow-incomparable", "--json")
    assert (code, stderr) == (0, "")
    overridden = json.loads(stdout)["incomparable_reasons_overridden"]
    assert [reason.split(" differs")[0] for reason in overridden] == ["data set content", "case folds"]
    assert json.loads(stdout)["n"] == 6

    code, stdout, _ = compare(main, out, first, second, "--allow-incomparable")
    assert code == 0
    assert stdout.count("NOT COMPARABLE, overridden: ") == 2


def test_the_same_arm_in_other_folds_is_another_run_and_only_the_folds_are_the_reason(sweep, main, out):
    sweep(arms=SMALL)
    sweep(arms=SMALL, folds=4)
    first, second = runs(main, out)
    assert first["run_id"] != second["run_id"]
    code, _, stderr = compare(main, out, first["run_id"], second["run_id"])
    assert code == 3
    assert "case folds differs" in stderr
    assert "data set content" not in stderr


def test_comparing_a_run_that_is_not_there_names_the_nearest(sweep, main, out):
    sweep(arms=SMALL)
    code, stdout, stderr = compare(main, out, f"patchsize/{SMALL}", "patchsize/24x24x9")
    assert (code, stdout) == (2, "")
    assert stderr.startswith("error: ")
    assert "'patchsize/24x24x9'" in stderr
    assert f"nearest: patchsize/{SMALL}@0" in stderr
    assert len(stderr.splitlines()) == 1


def test_listing_a_sweep_that_has_no_runs_names_those_that_have(sweep, main, out):
    sweep(arms=SMALL)
    code, stdout, stderr = main("runs", "--out", out, "--sweep", "loss")
    assert (code, stdout) == (2, "")
    assert "no runs of sweep 'loss'; it has patchsize" in stderr


def test_the_list_of_runs_is_a_table_of_one_line_each(sweep, main, out):
    sweep()
    code, stdout, _ = main("runs", "--out", out)
    assert code == 0
    header, first, second = [line for line in stdout.splitlines() if line.strip()]
    assert header.split() == ["run", "sweep", "arm", "seed", "profile", "status", "DSC"]
    for line, arm in ((first, SMALL), (second, MIDDLE)):
        assert line.split()[1:6] == ["patchsize", arm, "0", "demo", "FINISHED"]


def test_arms_that_are_done_are_reused_by_a_sweep_of_more_arms(sweep, child):
    sweep(arms=MIDDLE)
    child.trained = []
    assert sweep()[0] == 0
    assert child.trained == [(SMALL, 0, 0), (SMALL, 0, 1)]


# --- Starting over ----------------------------------------------------------------------------------------------------


def trials(out):
    """The ledger's trials: arm, state, value, and what it has of each fold run."""
    study = optuna.load_study(storage=f"sqlite:///{out / 'optuna.db'}", study_name="patchsize")
    return [(t.user_attrs["arm"], t.state.name, t.value, t.user_attrs.get("fold_runs")) for t in study.get_trials()]


@pytest.fixture
def earlier(sweep, main, out, child):
    """The runs of a sweep that is over; from now on every training misses one more slice."""
    sweep()
    child.trained, child.more_missed = [], 1
    return runs(main, out, "--cases")


def assert_one_round(main, out, earlier):
    """Every arm has one run, finished, and a trial, complete, with values of the later trainings alone."""
    now = runs(main, out, "--cases")
    assert [(run["arm"], run["status"]) for run in now] == [(SMALL, "FINISHED"), (MIDDLE, "FINISHED")]
    for before, after in zip(earlier, now, strict=True):
        assert after["dsc_mean"] < before["dsc_mean"]
        assert [case["dsc"] for case in after["cases"]] != [case["dsc"] for case in before["cases"]]
    complete = {arm: value for arm, state, value, _ in trials(out) if state == "COMPLETE"}
    assert complete == {run["arm"]: pytest.approx(run["dsc_mean"]) for run in now}
    assert "RUNNING" not in [state for _, state, _, _ in trials(out)]


def test_fresh_trains_all_anew_and_the_runs_and_the_ledger_have_the_new_values(sweep, main, out, child, earlier):
    marked = [path / "mark" for path in (out / "fold_runs").iterdir()]
    for path in marked:
        path.touch()
    code, stdout, stderr = sweep("--fresh", "--json")
    assert code == 0, stderr
    (line,) = (line for line in stderr.splitlines() if "taken away" in line)
    assert line == "--fresh: 4 fold runs were taken away; to go on from here later, leave --fresh out"
    assert child.trained == [(arm, 0, fold) for arm in (SMALL, MIDDLE) for fold in (0, 1)]
    assert len(marked) == 4
    assert not any(path.exists() for path in marked)
    assert_one_round(main, out, earlier)
    assert [(arm, state) for arm, state, _, _ in trials(out)] == [(SMALL, "COMPLETE"), (MIDDLE, "COMPLETE")] * 2
    assert json.loads(stdout)["arms"][0]["run_id"] == runs(main, out)[0]["run_id"] != earlier[0]["run_id"]

    child.trained = []
    assert sweep("--json")[1] == stdout
    assert child.trained == []
    assert len(trials(out)) == 4, "what is reused keeps its trial"


def test_a_fresh_sweep_that_is_stopped_goes_on_without_fresh(sweep, main, out, child, earlier):
    child.interrupted = {(SMALL, 0, 1)}
    code, stdout, stderr = sweep("--fresh")
    assert (code, stdout) == (1, "")
    assert stderr.splitlines()[-1] == "stopped; the same command without --fresh goes on from here"
    child.interrupted, child.trained = set(), []
    assert sweep()[0] == 0
    assert child.trained == [(SMALL, 0, 1), (MIDDLE, 0, 0), (MIDDLE, 0, 1)]
    assert_one_round(main, out, earlier)


def test_what_has_only_begun_is_taken_away_too(sweep, out, child):
    child.interrupted = {(SMALL, 0, 0)}
    sweep()
    child.interrupted, child.trained = set(), []
    code, _, stderr = sweep("--fresh")
    assert code == 0
    assert "--fresh: 1 fold runs were taken away" in stderr
    (effort, _) = trials(out)[0][3]
    assert effort["num_attempts"] == 1, "its journal began anew"


def test_a_fold_that_fails_when_it_is_trained_anew_leaves_no_mean_of_the_earlier_round(
    sweep, main, out, child, earlier
):
    child.failing = {(SMALL, 0, 1)}
    code, stdout, _ = sweep("--fresh")
    assert code == 1
    assert f"Missing: {SMALL} fold 1: out of memory" in stdout
    assert "The same command without --fresh makes up for it." in stdout
    assert [(run["status"], run["dsc_mean"] is None) for run in runs(main, out)] == [
        ("FAILED", True),
        ("FINISHED", False),
    ]
    child.failing, child.trained = set(), []
    assert sweep()[0] == 0
    assert child.trained == [(SMALL, 0, 1)]
    assert_one_round(main, out, earlier)


def test_a_store_that_was_away_while_all_was_trained_anew_has_the_new_values_after_the_next_sweep(
    sweep, main, out, child, earlier, monkeypatch
):
    def away(*_, **__):
        raise ConnectionError("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr("hemosweep.tracking.recorder.Recorder.begin_replicate", away)
        assert sweep("--fresh")[0] == 1
    assert len(child.trained) == 4
    assert sweep()[0] == 0
    assert len(child.trained) == 4
    assert_one_round(main, out, earlier)


def test_another_sweep_that_shares_a_fold_run_takes_its_new_result_over(main, phantoms, out, child, sweep):
    def shared(*options):
        command = ("sweep", "sampling", "--data", phantoms, "--profile", "demo", "--out", out, "--folds", 2)
        assert main(*command, "--arms", "brain+lesion+center", *options)[0] == 0
        (run,) = runs(main, out, "--sweep", "sampling")
        return run

    before = shared()
    child.more_missed = 1
    assert sweep("--fresh", arms=MIDDLE)[0] == 0
    num_trained = len(child.trained)
    after = shared()
    assert after["dsc_mean"] < before["dsc_mean"]
    assert after["run_id"] != before["run_id"], "a run of the fold runs that are no more"
    assert len(child.trained) == num_trained
    assert shared() == after


def test_fresh_is_refused_while_a_process_works_on_a_fold_run_and_nothing_is_lost(sweep, out, child, earlier):
    folders = sorted((out / "fold_runs").iterdir())
    with hold(folders[2] / "lock"):
        code, stdout, stderr = sweep("--fresh")
    assert (code, stdout) == (2, "")
    assert stderr.splitlines()[-1].startswith(f"error: {folders[2]}: process {os.getpid()} on ")
    assert "nothing was deleted" in stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    assert sorted((out / "fold_runs").iterdir()) == folders
    assert sweep()[0] == 0
    assert child.trained == []


def test_fresh_waits_for_no_other_driver(sweep, out, child, earlier):
    folders = sorted((out / "fold_runs").iterdir())
    with driver_lock(out):
        code, _, stderr = sweep("--fresh")
    assert code == 2
    assert "another sweep runs here" in stderr
    assert sorted((out / "fold_runs").iterdir()) == folders


def test_the_ledger_says_of_every_fold_its_name_its_attempts_and_its_time_also_after_a_stop(sweep, out, child):
    child.failing, child.interrupted = {(SMALL, 0, 0)}, {(MIDDLE, 0, 1)}
    sweep()
    child.failing, child.interrupted = set(), set()
    sweep()
    failed, small, middle = sorted(trials(out), key=lambda trial: (trial[0], trial[1] != "FAIL"))
    assert [(arm, state) for arm, state, _, _ in (failed, small, middle)] == [
        (SMALL, "FAIL"),
        (SMALL, "COMPLETE"),
        (MIDDLE, "COMPLETE"),
    ]
    attempts = [[fold_run["num_attempts"] for fold_run in efforts] for *_, efforts in (failed, middle, small)]
    assert attempts == [[1, 1], [1, 2], [2, 1]]
    for *_, efforts in (failed, middle, small):
        assert [fold_run["fold"] for fold_run in efforts] == [0, 1]
        for fold_run in efforts:
            events = read_journal(out / "fold_runs" / fold_run["digest"] / "events.jsonl")
            in_all_s = events[-1]["time"] - events[0]["time"]
            assert 0.0 < fold_run["seconds"] <= in_all_s + 1e-3  # Sums of times round otherwise than their ends.


# --- Some of the folds ------------------------------------------------------------------------------------------------


def test_some_folds_alone_are_trained_and_compared_on_their_cases_and_said_to_be_some(sweep, main, out, child):
    child.draws = True
    code, stdout, stderr = sweep("--only-folds", "2, 0", folds=3)
    assert code == 0, stderr
    assert "Boxplot: " in stdout
    assert "ase page" not in stdout, "some folds are for trying, and take no place of the whole sweep's page"
    assert child.trained == [(arm, 0, fold) for arm in (SMALL, MIDDLE) for fold in (0, 2)]
    assert "arms 2, seeds 1, folds 0, 2 of 3 only" in stderr
    assert "of the cases tested in folds 0, 2 of 3 only" in stdout
    assert "each case tested once" not in stdout
    assert "folds 0, 2 of 3 only" in main("runs", "--out", out)[1]
    (first, second) = runs(main, out, "--cases")
    assert {case["fold"] for case in first["cases"]} == {0, 2}
    assert first["subset"] == "folds 0, 2 of 3 only"
    arms, note = arms_in_the_store(out)
    assert all(schema.TAG_VERDICT not in arm.tags for arm in arms.values())
    assert "no evidence of a difference" not in note

    result = json.loads(sweep("--only-folds", "0,2", "--json", folds=3)[1])
    assert result["subset"] == "folds 0, 2 of 3 only"
    (comparison,) = result["comparisons"]
    assert comparison["n"] == len(first["cases"]) == 4
    code, stdout, _ = compare(main, out, first["run_id"], second["run_id"], "--json")
    assert (code, json.loads(stdout)["n"]) == (0, 4)


def test_the_whole_sweep_reuses_the_folds_that_were_tried_and_is_never_compared_with_them(sweep, main, out, child):
    sweep("--only-folds", "1", arms=SMALL, folds=3)
    child.trained = []
    code, _, stderr = sweep(folds=3)
    assert code == 0
    assert child.trained == [(SMALL, 0, 0), (SMALL, 0, 2), (MIDDLE, 0, 0), (MIDDLE, 0, 1), (MIDDLE, 0, 2)]
    assert "arms 2, seeds 1, folds 3" in stderr
    some, *whole = runs(main, out)
    assert [run["subset"] for run in (some, *whole)] == ["folds 1 of 3 only", None, None]
    code, stdout, stderr = compare(main, out, some["run_id"], whole[1]["run_id"])
    assert (code, stdout) == (3, "")
    assert "case folds differs" in stderr
    assert "data set content" not in stderr


def test_cases_with_angiography_are_compared_with_a_sweep_over_all_cases_on_those_that_both_have(
    sweep, main, phantoms, out, child
):
    names = sorted(path.name for path in phantoms.glob("sub-*"))
    (without,) = (name for name in names if not (phantoms / name / "ct" / f"{name}_cta.nii.gz").is_file())
    for only in ((), ("--only-folds", "0")):
        sweep(*only, arms=SMALL)
        command = ("sweep", "angio", "--data", phantoms, "--profile", "demo", "--folds", 2, "--out", out)
        assert main(*command, "--arms", "ncct", *only)[0] == 0
        all_cases, with_cta = runs(main, out, "--cases")[-2:]
        code, stdout, stderr = compare(main, out, all_cases["run_id"], with_cta["run_id"], "--json")
        assert code == 0, stderr
        result = json.loads(stdout)
        both = {case["case_id"] for case in with_cta["cases"]}
        assert without not in both
        assert result["n"] == len(both)
        assert result["excluded"] == sorted({case["case_id"] for case in all_cases["cases"]} - both)
        means = [case["dsc"] for case in all_cases["cases"] if case["case_id"] in both]
        assert result["mean_a"] == pytest.approx(statistics.fmean(means))
        numbers = f"A was tested on {len(all_cases['cases'])} cases and B on {len(both)}"
        assert sum(warning.startswith(numbers) for warning in result["warnings"]) == (
            len(all_cases["cases"]) > len(both)
        )


def test_all_folds_by_number_are_the_whole_sweep(sweep, main, out):
    assert json.loads(sweep("--only-folds", "1,0", "--json")[1])["subset"] is None
    sweep()
    assert len(runs(main, out)) == 2


def test_fresh_takes_away_only_the_folds_asked_for(sweep, child):
    sweep(arms=SMALL)
    child.trained = []
    code, _, stderr = sweep("--only-folds", "1", "--fresh", arms=SMALL)
    assert code == 0
    assert "--fresh: 1 fold runs were taken away" in stderr
    assert child.trained == [(SMALL, 0, 1)]


def test_a_plan_of_some_folds_counts_them_alone(sweep, main, phantoms, out):
    sweep(arms=SMALL, folds=3)
    command = ("plan", "patchsize", "--data", phantoms, "--profile", "demo", "--out", out, "--folds", 3)
    code, stdout, _ = main(*command, "--only-folds", "0,1", "--arms", f"{SMALL},{MIDDLE}", "--seeds", 2, "--json")
    assert code == 0
    forecast = json.loads(stdout)
    assert [(arm["num_fold_runs"], arm["num_done"]) for arm in forecast["arms"]] == [(4, 2), (4, 0)]
    assert forecast["subset"] == "folds 0, 1 of 3 only"
    code, stdout, _ = main(*command, "--only-folds", "0,1", "--arms", SMALL)
    assert "2 fold runs (folds 0, 1 of 3 only), 2 done" in stdout


def test_without_data_the_demo_makes_its_phantoms_among_the_results(main, out, child, monkeypatch):
    small = replace(base.demo(), phantom_cases=4)
    monkeypatch.setitem(base.PROFILES, "demo", lambda: small)
    monkeypatch.setattr("hemosweep.workflows.sweeping.preparation.num_processors", lambda: 1)
    code, _, stderr = main("sweep", "patchsize", "--arms", SMALL, "--folds", 2, "--out", out)
    assert code == 0, stderr
    assert (out / "phantom-demo" / "participants.tsv").is_file()
    assert len(child.trained) == 2
    assert "4 cases of 4 patients" in stderr


def test_a_plan_forecasts_every_arm_and_trains_nothing(main, phantoms, tmp_path):
    nowhere = tmp_path / "nowhere"
    command = ("plan", "patchsize", "--data", phantoms, "--profile", "demo", "--folds", 2, "--seeds", 3)
    code, stdout, _ = main(*command, "--out", nowhere, "--json")
    assert code == 0
    forecast = json.loads(stdout)
    assert (forecast["num_cases"], forecast["num_fold_runs"]) == (6, 3 * 3 * 2)
    assert [arm["arm"] for arm in forecast["arms"]] == [SMALL, MIDDLE, "48x48x24"]
    assert [arm["shared_with"] for arm in forecast["arms"]] == [
        [],
        ["sampling/brain+lesion+center", "symmetric/lesion+center", "noise/baseline"],
        [],
    ]
    assert forecast["num_done"] == 0
    assert forecast["seconds"] == pytest.approx(sum(arm["seconds"] for arm in forecast["arms"]))
    assert [path.name for path in nowhere.iterdir()] == ["calibrations.json"]


PLAN = """
import json, sys
from multiprocessing import forkserver
from hemosweep.cli.app import app
app(sys.argv[1:], standalone_mode=False)
print(json.dumps([forkserver._forkserver._forkserver_pid, "torch" in sys.modules]))
"""


def test_a_plan_starts_no_process_beside_what_it_times_and_needs_no_torch_for_steps_that_are_kept(phantoms, out):
    def plan():
        command = ("plan", "se", "--data", phantoms, "--profile", "demo", "--out", out, "--folds", 2, "--json")
        ended = subprocess.run([sys.executable, "-c", PLAN, *map(str, command)], capture_output=True, check=True)
        forecast, end = json.JSONDecoder().raw_decode(ended.stdout.decode())
        return forecast, *json.loads(ended.stdout.decode()[end:])

    timed, server, with_torch = plan()
    assert (server, with_torch, timed["kept"]) == (None, True, None)
    # What other tests disturbed is not kept for good.
    path = out / "calibrations.json"
    stored = json.loads(path.read_text())
    (machine,) = stored.values()
    for step in machine["steps"].values():
        step["num_busy"] = 0.0
    path.write_text(json.dumps(stored))
    kept, server, with_torch = plan()
    assert (server, with_torch) == (None, False)
    assert str(path) in kept["kept"]
    assert kept["seconds"] == timed["seconds"]


@pytest.fixture
def search(main, phantoms, out, child):
    """Runs a few trials in three folds; returns exit code, standard output, standard error."""

    def search(*options, name="search-patch", trials=4, out=out):
        command = ("sweep", name, "--data", phantoms, "--profile", "demo", "--out", out, "--folds", 3)
        return main(*command, "--trials", trials, *options)

    return search


def test_a_search_starts_at_the_paper_finds_what_is_better_and_tests_it_on_cases_held_out(search, main, out):
    code, stdout, stderr = search("--json", trials=6)
    assert code == 0, stderr
    result = json.loads(stdout)
    first, *others = result["trials"]
    assert first["params"] == {"in_plane": 32, "slices": 16}
    assert len(others) == 5
    best = max(result["trials"], key=lambda trial: trial["dsc"])
    assert (result["best"], best["dsc"] > first["dsc"]) == (best["trial"], True)
    assert result["failures"] == []

    (comparison,) = result["held_out"]["comparisons"]
    assert (comparison["a"], comparison["b"]) == ("start", "best")
    recorded = {run["arm"]: run for run in runs(main, out, "--cases", "--sweep", "search-patch")}
    # A point that the sampler picks once more is the run that it was.
    names = {str(trial["params"]): trial["trial"] for trial in reversed(result["trials"])}
    assert set(recorded) == {"start", "best", *names.values()}
    held_out = {case["case_id"] for case in recorded["best"]["cases"]}
    assert held_out == {case["case_id"] for case in recorded["start"]["cases"]}
    for name in names.values():
        assert not held_out & {case["case_id"] for case in recorded[name]["cases"]}
    code, _, stderr = compare(main, out, "search-patch/trial-000", "search-patch/best")
    assert code == 3, "they were tested on other cases"
    study = optuna.load_study(storage=f"sqlite:///{out / 'optuna.db'}", study_name="search-patch")
    assert [trial.params for trial in study.get_trials()] == [{"arm": "start"}, {"arm": "best"}]
    names = [name for name in optuna.get_all_study_names(study._storage) if name != "search-patch"]
    (searched,) = (optuna.load_study(storage=study._storage, study_name=name) for name in names)
    linked = {trial.user_attrs["mlflow_run_id"] for trial in (*study.get_trials(), *searched.get_trials())}
    assert linked == {run["run_id"] for run in recorded.values()}
    for trial in searched.get_trials():
        assert statistics.fmean(trial.intermediate_values.values()) == pytest.approx(trial.value, abs=0.1)


def test_a_search_says_its_trials_the_best_and_the_verdict(search, out):
    code, stdout, stderr = search()
    assert code == 0, stderr
    assert "4/4 trial-003: in_plane " in stderr
    assert "2 are held out" in stderr
    assert "trial-000 (start)" in stdout
    assert "the held-out cases had no part in it" in stdout
    assert "start to best: " in stdout
    assert (out / "figures" / "search-patch" / "search.png").is_file()


def test_an_interrupted_search_goes_on_to_the_trials_of_an_undisturbed_one(
    search, child, out, tmp_path, migrated_database
):
    other = tmp_path / "other"
    other.mkdir()
    shutil.copyfile(migrated_database, database_path(other))
    undisturbed = json.loads(search("--json", trials=3, out=other)[1])["trials"]
    child.trained, child.interrupted = [], {(MIDDLE, 0, 1)}
    code, stdout, stderr = search()
    assert (code, stdout) == (1, "")
    assert stderr.splitlines()[-1] == "stopped; the same command goes on from here"
    assert "Traceback" not in stderr
    child.trained, child.interrupted = [], set()
    code, stdout, _ = search("--json", trials=3)
    assert code == 0
    assert json.loads(stdout)["trials"] == undisturbed
    assert (MIDDLE, 0, 0) not in child.trained[:1], "the first fold was done before"
    child.trained = []
    assert json.loads(search("--json", trials=3)[1])["trials"] == undisturbed
    assert child.trained == []


def test_a_trial_that_failed_is_named_and_the_others_go_on(search, child):
    child.failing = {(MIDDLE, 0, 0)}
    code, stdout, _ = search("--json")
    assert code == 1
    result = json.loads(stdout)
    assert all(
        trial["dsc"] is not None for trial in result["trials"][1:] if trial["params"] != result["trials"][0]["params"]
    )
    assert result["failures"][0].startswith("trial-000 fold 0: out of memory: no memory for 3 GiB")


@pytest.mark.parametrize(
    ("options", "changed", "message"),
    [
        ((), {"trials": 1}, "--trials 1: give at least 2, the first is where the search starts"),
        ((), {"name": "final"}, "--trials is for a search (search-sampling, "),
        (
            ("--seeds", 2),
            {},
            "search-patch picks its arms itself, with one seed: leave --arms, --seeds and --repeats out",
        ),
        (("--arms", "start"), {}, "search-patch picks its arms itself"),
        (("--fresh",), {}, "search-patch learns from the trials that it has had; to start over, give another --out"),
        (("--only-folds", "0"), {}, "search-patch ranks its arms by all of their folds; leave --only-folds out"),
        ((), {"name": "search-nosuch"}, "unknown sweep 'search-nosuch'"),
    ],
    ids=["no budget", "not a search", "seeds", "arms", "fresh", "some folds", "no such search"],
)
def test_a_search_that_cannot_be_is_refused_in_one_line(search, options, changed, message):
    code, stdout, stderr = search(*options, **changed)
    assert (code, stdout) == (2, "")
    (line,) = stderr.splitlines()
    assert line.startswith(f"error: {message}")


def test_a_plan_of_a_search_counts_its_trials(main, out):
    code, stdout, _ = main("plan", "search-network", "--trials", 7, "--out", out)
    assert code == 0
    assert "7 trials of 3 fold runs: about " in stdout
