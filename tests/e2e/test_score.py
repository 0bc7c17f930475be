"""`hemosweep score`: a metric that is new or mended scores kept predictions, and nothing is trained."""

import json
import os
import signal
import time

import pandas as pd
import pytest

from hemosweep.foldrun.journal import read_journal
from hemosweep.foldrun.seal import replace_sealed
from hemosweep.runs import find_run
from hemosweep.scores.recorded import recorded_digest
from hemosweep.tracking.database import tagged_runs
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.schema import EXPERIMENT_PREFIX, LEVEL_ARM, TAG_LEVEL

pytestmark = pytest.mark.slow  # It trains a study of its own.

RUN = "patchsize/24x24x8"
METRIC = """
import time
from dataclasses import dataclass

@dataclass(frozen=True)
class MissedVolume:
    name = "missed_ml"
    label = "missed volume"
    unit = "mL"
    higher_is_better = False
    lowest = 0.0
    highest = None
    averaged = True

    def score(self, masks):
        time.sleep({sleep_s})
        missed = (masks.reference_DHW & ~masks.prediction_DHW).sum()
        return {factor} * float(missed) * masks.voxel_ml

MISSED = MissedVolume()
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("score")


@pytest.fixture(scope="module")
def sweep(phantoms, place):
    where = ("--data", phantoms, "--profile", "demo", "--out", place / "runs")
    return ("sweep", "patchsize", *where, "--arms", "24x24x8", "--folds", 2, "--only-folds", 0)


@pytest.fixture(scope="module")
def out(run, sweep, place):
    """The results of one fold of one arm."""
    trained = run(*sweep)
    assert trained.returncode == 0, trained.stderr
    return place / "runs"


@pytest.fixture
def install(place):
    """Installs a package with a metric, or replaces it; returns the environment that finds it."""

    def install(factor=1.0, sleep_s=0.0):
        folder = place / "lab"
        (folder / "lab_metrics-1.dist-info").mkdir(parents=True, exist_ok=True)
        (folder / "lab_metrics.py").write_text(METRIC.format(factor=factor, sleep_s=sleep_s))
        (folder / "lab_metrics-1.dist-info" / "METADATA").write_text("Name: lab-metrics\nVersion: 1\n")
        (folder / "lab_metrics-1.dist-info" / "entry_points.txt").write_text(
            "[hemosweep.metrics]\nmissed = lab_metrics:MISSED\n"
        )
        paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}

    return install


def fold_run(out):
    (folder,) = out.glob("fold_runs/*")
    return folder


def scores(out):
    return json.loads((fold_run(out) / "scores.json").read_text())


def epochs(out):
    return [event["epoch"] for event in read_journal(fold_run(out) / "events.jsonl") if event["event"] == "epoch"]


def recorded(out):
    run = find_run(MlflowStore(out), RUN)
    return run, pd.DataFrame(MlflowStore(out).case_rows(run.run_id)).set_index("case_id")


def mean(out, name):
    (run,) = tagged_runs(out, EXPERIMENT_PREFIX, TAG_LEVEL, LEVEL_ARM)
    return run.metrics[name]


def test_what_is_scored_by_the_metrics_as_they_are_is_left_alone(run, out):
    before = (fold_run(out) / "scores.json").stat().st_mtime_ns
    again = run("score", "patchsize", "--out", out)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == "every score is of its metric as it is now; nothing to score\n"
    assert (fold_run(out) / "scores.json").stat().st_mtime_ns == before
    assert recorded_digest(recorded(out)[0].tags, "dsc") == scores(out)["metrics"]["dsc"]["digest"]


def test_a_new_metric_and_a_mended_one_need_no_training(run, out, install, sweep):
    trained, before = epochs(out), scores(out)
    told = run("score", "--all", "--out", out, "--json", env=install())
    assert (told.returncode, told.stderr.strip()) == (0, "")
    values = json.loads(told.stdout)
    assert (values["num_cases"], values["num_fold_runs"], values["num_runs"]) == (3, 1, 1)
    new = scores(out)
    kept = [{name: value for name, value in row.items() if name != "missed_ml"} for row in new["rows"]]
    assert kept == before["rows"]
    assert {name: metric for name, metric in new["metrics"].items() if name != "missed_ml"} == before["metrics"]
    record, table = recorded(out)
    assert table["missed_ml"].tolist() == [row["missed_ml"] for row in new["rows"]]
    assert recorded_digest(record.tags, "missed_ml") == new["metrics"]["missed_ml"]["digest"]
    assert mean(out, "missed_ml_mean") == pytest.approx(table["missed_ml"].mean())

    # The package is not needed to compare: what the metric is was recorded with its scores.
    compared = run("compare", RUN, RUN, "--metric", "missed_ml", "--out", out)
    assert compared.returncode == 0, compared.stderr
    assert "missed volume" in compared.stdout

    mended = run("score", "patchsize", "--out", out, env=install(factor=2.0))
    assert mended.stdout.startswith("scored 3 cases of 1 fold run in ")
    twice = scores(out)
    assert [row["missed_ml"] for row in twice["rows"]] == [2 * row["missed_ml"] for row in new["rows"]]
    assert recorded_digest(recorded(out)[0].tags, "missed_ml") == twice["metrics"]["missed_ml"]["digest"]
    assert recorded_digest(recorded(out)[0].tags, "missed_ml") != recorded_digest(record.tags, "missed_ml")
    assert recorded_digest(recorded(out)[0].tags, "dsc") == recorded_digest(record.tags, "dsc")

    swept = run(*sweep, env=install(factor=3.0))
    assert swept.returncode == 0, swept.stderr
    assert "metrics have changed: scored 3 cases of 1 fold run in " in swept.stderr
    assert recorded(out)[1]["missed_ml"].tolist() == [3 * row["missed_ml"] for row in new["rows"]]
    assert epochs(out) == trained


def test_a_mended_dsc_reaches_the_runs_table_means_and_folds(run, out):
    changed, whole = scores(out), scores(out)
    changed["metrics"]["dsc"]["digest"] = "older"
    for row in changed["rows"]:
        row["dsc"] /= 2
    replace_sealed(fold_run(out), "scores.json", json.dumps(changed).encode())
    told = run("score", "patchsize", "--out", out)
    assert told.returncode == 0, told.stderr
    assert scores(out) == whole
    assert recorded(out)[1]["dsc"].tolist() == [row["dsc"] for row in whole["rows"]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_kill_loses_nothing_and_the_same_command_goes_on(run, start, out, install, number):
    before = (fold_run(out) / "scores.json").read_bytes()
    killed = start("score", "--all", "--out", out, env=install(factor=5.0 + number, sleep_s=3.0))
    lock = fold_run(out) / "lock"
    deadline = time.monotonic() + 60
    while f"process {killed.pid} " not in lock.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.send_signal(number)
    _, stderr = killed.communicate(timeout=60)
    assert killed.returncode == (1 if number == signal.SIGINT else -number)
    assert (number == signal.SIGKILL) or "the same command goes on from here" in stderr
    assert (fold_run(out) / "scores.json").read_bytes() == before
    again = run("score", "--all", "--out", out, env=install(factor=5.0 + number, sleep_s=0.0))
    assert again.stdout.startswith("scored 3 cases of 1 fold run in ")


def test_a_prediction_that_is_missing_is_named_and_the_scores_stay_as_they_were(run, out, install):
    before = (fold_run(out) / "scores.json").read_bytes()
    prediction = min((fold_run(out) / "predictions").iterdir())
    aside = prediction.rename(prediction.with_name("aside"))
    told = run("score", "--all", "--out", out, env=install(factor=11.0))
    aside.rename(prediction)
    assert told.returncode == 1
    (line,) = told.stderr.strip().splitlines()
    missing = (
        f"{fold_run(out)}: predictions/{prediction.name} is missing; restore it from a copy, or delete this folder"
    )
    assert line.startswith(f"error: patchsize/24x24x8@0 fold 0, {missing} and run its sweep again")
    assert (fold_run(out) / "scores.json").read_bytes() == before


def test_a_name_that_no_sweep_has_is_refused(run, out):
    told = run("score", "patchsizes", "--out", out)
    assert told.returncode == 2
    assert "has no runs of sweep 'patchsizes'; it has patchsize" in told.stderr
    assert run("score", "--out", out).returncode == 2
