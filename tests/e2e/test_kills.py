"""A sweep that is killed at random moments, again and again, ends as one that nobody disturbed."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import optuna
import pytest

from hemosweep.foldrun.journal import read_journal
from hemosweep.tracking.store import open_store, search_runs
from tests.fold_runs import without_ids_and_times
from tests.processes import trainings, wait_for

NUM_KILLS = 20
TIMES = {"time", "at_work_s", "seconds"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds processes the way Linux shows them"),
]


def kill(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def trials(out):
    study = optuna.load_study(storage=f"sqlite:///{out / 'optuna.db'}", study_name="patchsize")
    return [(trial.number, trial.state.name, trial.params, trial.value) for trial in study.get_trials()]


def epochs(folder):
    """Last event of each epoch in the journal, without the times."""
    said = {e["epoch"]: e for e in read_journal(folder / "events.jsonl") if e["event"] == "epoch"}
    return {number: {k: v for k, v in event.items() if k not in TIMES} for number, event in said.items()}


def run_states(out):
    store = open_store(out)
    experiments = [experiment.experiment_id for experiment in store.client.search_experiments()]
    return sorted(run.info.status for run in search_runs(store, experiments, ""))


def test_a_sweep_killed_at_20_random_moments_ends_with_the_bytes_of_an_undisturbed_one(study, start, run, tmp_path):
    out = tmp_path / "runs"
    chance = random.Random(5)
    command = study.command("--json", out=out)
    victims = []
    for _ in range(NUM_KILLS):
        driver = start(*command)
        if (
            chance.random() < 0.8
        ):  # The driver takes seconds to start: a few of the moments lie there, most in training.
            wait_for(lambda driver=driver: trainings(out) or driver.poll() is not None, "the first fold run")
        time.sleep(chance.uniform(0.0, 6.0))
        victim = chance.choice(["child", "driver", "both"])
        children = trainings(out)
        if victim != "driver":
            for child in children:
                kill(child)
        if victim == "child" and children:
            time.sleep(chance.uniform(0.0, 3.0))  # The driver tries again, and is killed over that.
        driver.kill()
        driver.communicate()
        victims.append(victim if children else "driver")
        wait_for(lambda: not trainings(out), "the death of the driver's child")
    assert {"child", "driver", "both"} == set(victims), victims

    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert "nan" not in done.stdout.lower()
    assert without_ids_and_times(done.stdout) == without_ids_and_times(study.stdout)
    verified = run("verify", out)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    folders = sorted((study.out / "fold_runs").iterdir())
    assert [folder.name for folder in folders] == sorted(path.name for path in (out / "fold_runs").iterdir())
    for folder in folders:
        other = out / "fold_runs" / folder.name
        assert (other / "scores.json").read_bytes() == (folder / "scores.json").read_bytes()
        predictions = sorted(path.name for path in (folder / "predictions").iterdir())
        assert sorted(path.name for path in (other / "predictions").iterdir()) == predictions
        assert epochs(other) == epochs(folder)
        finished = [event["event"] for event in read_journal(other / "events.jsonl")].count("done")
        assert finished == 1, "trained twice to the end"
    assert trials(out) == trials(study.out)
    assert set(run_states(out)) == {"FINISHED"}
    assert len(run_states(out)) == len(run_states(study.out))


def servers(driver):
    """Process ids of the servers that a driver's trainings are forked from."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == driver.pid and b"forkserver" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def test_a_sweep_whose_fork_server_is_killed_goes_on_to_the_bytes_of_an_undisturbed_one(study, start, tmp_path):
    # As the system does when memory is short: before the first training, in the middle of one, and in a later one.
    out = tmp_path / "runs"
    driver = start(*study.command("--json", out=out, arms=study.arms[:1]))

    def killed(ready, what):
        wait_for(lambda: driver.poll() is not None or (ready() and servers(driver)), what, timeout_s=600.0)
        assert driver.poll() is None, driver.communicate()[1]
        for pid in servers(driver):
            kill(pid)

    def num_epochs():
        return sum(len(epochs(path.parent)) for path in out.glob("fold_runs/*/events.jsonl"))

    def num_done():
        return len(list(out.glob("fold_runs/*/done.json")))

    killed(lambda: not trainings(out), "a server without a training")
    killed(lambda: trainings(out) and num_epochs() >= 2, "a training")
    killed(
        lambda: trainings(out) and num_done() == 1 and not any(map(is_at_its_end, out.glob("fold_runs/*"))), "one more"
    )
    _, stderr = driver.communicate(timeout=600)
    assert driver.returncode == 0, stderr
    assert "Aborted" not in stderr
    assert "; trying again (" in stderr
    mine = {path.parent.name: path.read_bytes() for path in out.glob("fold_runs/*/scores.json")}
    assert len(mine) == 2
    assert mine == {name: (study.out / "fold_runs" / name / "scores.json").read_bytes() for name in mine}
    assert set(run_states(out)) == {"FINISHED"}


def is_at_its_end(folder):
    """True for a fold run that tests its cases, and may be done before a server is killed."""
    events = [event["event"] for event in read_journal(folder / "events.jsonl")]
    return "stopped" in events and not (folder / "done.json").exists()
