"""A sweep on a real Dask cluster through the command line, and the same sweep on this machine."""

import os
import signal
import sys

import pytest

from hemosweep.foldrun.journal import read_journal
from tests.dask_cluster import dask_cluster
from tests.fold_runs import without_ids_and_times
from tests.processes import trainings, wait_for
from tests.shared import processors

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes the way Linux shows them"),
]


@pytest.fixture
def cluster(tmp_path):
    # With as many threads as the study has: sums in another order are other sums.
    with processors(1), dask_cluster(tmp_path) as cluster:
        yield cluster


def test_a_sweep_on_a_cluster_that_loses_a_worker_ends_with_the_scores_of_one_on_this_machine(
    study, start, cluster, tmp_path
):
    out = tmp_path / "runs"
    command = study.command("--executor", f"dask:{cluster.scheduler_file}", "--json", out=out)
    driver = start(*command)

    def epochs():
        journals = out.glob("fold_runs/*/events.jsonl")
        return [event for path in journals for event in read_journal(path) if event["event"] == "epoch"]

    wait_for(lambda: len(epochs()) > 2 or driver.poll() is not None, "three epochs", timeout_s=600.0)
    assert trainings(out)
    os.kill(cluster.workers[0].pid, signal.SIGKILL)
    stdout, stderr = driver.communicate(timeout=900)
    assert driver.returncode == 0, stderr
    assert without_ids_and_times(stdout) == without_ids_and_times(study.stdout)
    for folder in (study.out / "fold_runs").iterdir():
        other = out / "fold_runs" / folder.name
        assert (other / "scores.json").read_bytes() == (folder / "scores.json").read_bytes()
        assert [event["event"] for event in read_journal(other / "events.jsonl")].count("done") == 1
    assert trainings(out) == []


def test_the_time_limit_stops_a_sweep_at_the_end_of_an_epoch_and_the_same_command_completes_it(study, run, tmp_path):
    out = tmp_path / "runs"
    command = study.command("--json", out=out, arms=study.arms[:1])
    stopped = run(*command, "--time-limit", "6s")
    assert stopped.returncode == 1
    assert stopped.stdout == ""
    assert stopped.stderr.splitlines()[-1] == "stopped at the time limit; the same command goes on from here"
    assert "Traceback" not in stopped.stderr
    last = [read_journal(path)[-1]["event"] for path in out.glob("fold_runs/*/events.jsonl")]
    assert last.count("paused") <= 1
    assert set(last) <= {"paused", "done"}
    done = run(*command)
    assert done.returncode == 0, done.stderr
    for folder in (out / "fold_runs").iterdir():
        other = study.out / "fold_runs" / folder.name
        assert (folder / "scores.json").read_bytes() == (other / "scores.json").read_bytes()
