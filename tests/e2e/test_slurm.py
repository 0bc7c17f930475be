"""A sweep whose fold runs train in the jobs of a real SLURM of one node."""

import json

import pytest

from hemosweep.foldrun.journal import read_journal
from tests.processes import wait_for
from tests.slurm import slurm, why_no_slurm

ARM = "24x24x8"
NO_SLURM = why_no_slurm()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(NO_SLURM is not None, reason=f"SLURM cannot be run here: {NO_SLURM}"),
]


@pytest.fixture(scope="module")
def running():
    with slurm() as running:
        yield running


@pytest.fixture
def begin(start, run, running, phantoms, tmp_path):
    """Starts a sweep of one arm in two folds, as jobs that ask for no GPU; returns its process and its folder."""
    out = tmp_path / "runs"
    # SLURM's programs and its configuration; all else as in the other tests.
    found = {name: running.environment[name] for name in ("PATH", "SLURM_CONF")}
    started = []

    def begin(*options):
        where = ("--data", phantoms, "--profile", "demo", "--out", out, "--folds", 2, "--arms", ARM)
        slurm_options = ("--executor", "slurm", "--max-jobs", 1, "--sbatch=--gres=none")
        started.append(start("sweep", "patchsize", *where, *slurm_options, *options, env=found))
        return started[-1], out

    made = run("cluster-certs", "--out", out)
    assert made.returncode == 0, made.stderr
    yield begin
    for process in started:
        process.kill()
        process.communicate()


def journals(out):
    return {path.parent: read_journal(path) for path in out.glob("fold_runs/*/events.jsonl")}


def folds_at_work(out):
    """Folders of fold runs that have finished an epoch, and are not done."""
    said = {folder: {event["event"] for event in events} for folder, events in journals(out).items()}
    return [folder for folder, names in said.items() if "epoch" in names and not names & {"done", "stopped"}]


def test_a_sweep_whose_job_is_cancelled_in_mid_fold_completes_in_another_job(begin, running):
    sweep, out = begin("--json")
    wait_for(lambda: folds_at_work(out) or sweep.poll() is not None, "the first epoch", 240)
    (fold,) = folds_at_work(out) or pytest.fail(sweep.communicate()[1])
    running.run("scancel", *map(str, running.jobs("RUNNING")))

    stdout, stderr = sweep.communicate(timeout=600)
    assert sweep.returncode == 0, stderr
    assert [arm["arm"] for arm in json.loads(stdout)["arms"]] == [ARM]
    events = journals(out)
    assert len(events) == 2
    for folder, said in events.items():
        assert [event["event"] for event in said].count("done") == 1, f"{folder} was not trained once to the end"
        epochs = [event["epoch"] for event in said if event["event"] == "epoch"]
        assert epochs == sorted(set(epochs)), f"{folder} trained an epoch twice"
    assert [event["event"] for event in events[fold]].count("started") == 2
    assert len(list((out / "slurm").glob("*.log"))) >= 2
    wait_for(lambda: not running.jobs(), "the end of the jobs", 60)


def test_a_partition_that_is_not_there_is_bad_input_in_one_line_with_the_words_of_sbatch(begin, running):
    sweep, _ = begin("--sbatch=--partition=nope")
    stdout, stderr = sweep.communicate(timeout=240)
    assert (sweep.returncode, stdout) == (2, "")
    (line,) = (line for line in stderr.splitlines() if "sbatch" in line)
    assert "invalid partition specified: nope" in line
    assert "Traceback" not in stderr
    assert running.jobs() == []
