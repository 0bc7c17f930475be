"""Workers that are SLURM jobs: the job's text, and what becomes of them in a real SLURM of one node."""

import os
import shlex
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from hemosweep.errors import BadInput, HemosweepError
from hemosweep.executors.slurm import check_lines, slurm_cluster
from hemosweep.executors.slurm_script import job_script
from tests.processes import wait_for
from tests.slurm import slurm, why_no_slurm

NO_SLURM = why_no_slurm()
needs_slurm = pytest.mark.skipif(NO_SLURM is not None, reason=f"SLURM cannot be run here: {NO_SLURM}")


def directives(script):
    return [line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH ")]


def worker(script):
    return shlex.split(script.splitlines()[-1])


def test_a_job_asks_for_one_gpu_and_invents_no_limits():
    script = job_script("tcp://10.0.0.1:1234", "hemosweep-0", logs=Path("/out/slurm"))
    assert script.startswith("#!/bin/sh\n")
    assert directives(script) == [
        "--job-name=hemosweep",
        "--ntasks=1",
        "--no-requeue",
        "--gres=gpu:1",
        '--output="/out/slurm/%j.log"',
    ]


def test_the_users_lines_come_after_ours_as_they_are_so_that_they_win():
    lines = ("--gres=none", "-p gpu --time=24:00:00", '--comment="a b"')
    assert directives(job_script("tcp://10.0.0.1:1", "w", logs=Path("/out"), sbatch=lines))[-3:] == list(lines)


def test_a_job_is_one_worker_with_one_thread_and_one_gpu_and_without_a_limit_of_memory():
    command = worker(job_script("tcp://10.0.0.1:1234", "hemosweep-0", logs=Path("/out")))
    assert command[:5] == ["exec", sys.executable, "-m", "distributed.cli.dask_worker", "tcp://10.0.0.1:1234"]
    assert set(command[5:]) == {
        "--name=hemosweep-0",
        "--nthreads=1",
        "--no-nanny",
        "--memory-limit=0",
        "--resources=GPU=1",
        "--death-timeout=60",
        "--no-dashboard",
        "--dashboard-address=127.0.0.1:0",
    }


def test_names_with_blanks_quotes_and_percent_signs_arrive_whole():
    tls = {"ca_file": "/home/a b/ca.pem", "cert": "/home/a b/cert.pem", "key": "/home/a b/key.pem"}
    script = job_script("tls://10.0.0.1:1", "w", logs=Path('/50% of "it"/slurm'), tls=tls)
    assert '--output="/50%% of \\"it\\"/slurm/%j.log"' in directives(script)
    assert worker(script)[-3:] == [
        "--tls-ca-file=/home/a b/ca.pem",
        "--tls-cert=/home/a b/cert.pem",
        "--tls-key=/home/a b/key.pem",
    ]


@pytest.mark.parametrize("line", ["", "partition=gpu", "#SBATCH --gres=none", "--a\nrm", " --gres=none"])
def test_a_line_that_sbatch_would_not_read_as_options_is_refused(line):
    with pytest.raises(BadInput, match="--sbatch=--partition=gpu"):
        check_lines([line])


def test_less_than_one_job_is_refused(tmp_path):
    with pytest.raises(BadInput, match="--max-jobs 0: give at least 1"):
        slurm_cluster(tmp_path, max_jobs=0)


def test_without_slurm_the_way_out_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="no sbatch, squeue, scancel here; start hemosweep where jobs are submitted"):
        slurm_cluster(tmp_path / "out", max_jobs=1)
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_its_name_is_told(tmp_path):
    for program in ("sbatch", "scancel", "squeue"):
        (tmp_path / program).touch(mode=0o755)
    code = """
import sys
from pathlib import Path
for name in ["cryptography", "dask", "dask_jobqueue", "distributed"]:
    sys.modules[name] = None
from hemosweep.executors.slurm import slurm_cluster
slurm_cluster(Path(sys.argv[1]), max_jobs=1)
"""
    command, path = [sys.executable, "-c", code, str(tmp_path)], os.environ | {"PATH": str(tmp_path)}
    done = subprocess.run(command, env=path, capture_output=True, text=True, check=False)
    told = "BadInput: --executor slurm needs Dask, which is absent: pip install 'hemosweep[cluster]'"
    assert done.stderr.splitlines()[-1].endswith(told)


@pytest.fixture(scope="module")
def running():
    with slurm() as running:
        yield running


@pytest.fixture
def opened(running, monkeypatch, tmp_path):
    """Opens a cluster that asks SLURM once a second, with a client; both are closed, and no job is left behind."""
    from hemosweep.executors import slurm_jobs

    monkeypatch.setattr(slurm_jobs, "LOOK_EVERY_S", 1.0)
    for name in ("PATH", "SLURM_CONF"):
        monkeypatch.setenv(name, running.environment[name])

    @contextmanager
    def opened(*sbatch, max_jobs=1, out=tmp_path, security=None):
        from distributed import Client

        with (
            slurm_cluster(out, max_jobs=max_jobs, sbatch=sbatch, security=security, host="127.0.0.1") as cluster,
            Client(cluster) as client,
        ):
            yield cluster, client
        wait_for(lambda: not running.jobs(), "the end of the jobs", 40)

    return opened


def note_and_wait(notes, seconds):
    """A task: says in which job it runs, and with which GPU."""
    with open(notes, "a") as file:
        file.write(os.environ["SLURM_JOB_ID"] + "\n")
    time.sleep(seconds)
    return int(os.environ["SLURM_JOB_ID"]), os.environ["CUDA_VISIBLE_DEVICES"]


def submit(client, notes, seconds=0.0, number=0):
    return client.submit(note_and_wait, str(notes), seconds, key=f"task-{number}", resources={"GPU": 1}, retries=2)


def begun_in(notes):
    """The jobs in which tasks began."""
    return [int(line) for line in notes.read_text().split()] if notes.exists() else []


def one_line(error):
    (line,) = str(error).splitlines()
    return line


@needs_slurm
@pytest.mark.slow
def test_a_task_runs_in_a_job_that_has_one_gpu(running, opened, tmp_path):
    out = tmp_path / '50% of "it" all'
    with opened(out=out) as (_, client):
        job, gpu = submit(client, tmp_path / "notes").result(60)
        assert running.jobs() == [job]
        assert gpu in {"0", "1"}
    assert "Registered to" in (out / "slurm" / f"{job}.log").read_text()


@needs_slurm
@pytest.mark.slow
def test_as_many_jobs_as_there_are_tasks_but_no_more_than_allowed(running, opened, tmp_path):
    notes = tmp_path / "notes"
    with opened(max_jobs=2) as (_, client):
        tasks = [submit(client, notes, 10.0, number) for number in range(4)]
        began = time.monotonic()
        jobs = [task.result(90)[0] for task in tasks]
        assert time.monotonic() - began < 40, "tasks waited for a job that had one already"
    assert sorted(map(jobs.count, set(jobs))) == [2, 2]


@needs_slurm
@pytest.mark.slow
def test_a_task_whose_job_is_cancelled_is_done_in_another_one(running, opened, tmp_path):
    notes = tmp_path / "notes"
    with opened() as (_, client):
        task = submit(client, notes, 5.0)
        (first,) = wait_for(lambda: begun_in(notes), "the task", 60)
        running.run("scancel", str(first))
        assert task.result(60)[0] != first
    assert len(begun_in(notes)) == 2


@needs_slurm
@pytest.mark.slow
def test_a_job_that_is_cancelled_while_it_waits_is_replaced(running, opened, tmp_path):
    with opened("--hold") as (cluster, client):
        task = submit(client, tmp_path / "notes")
        (first,) = wait_for(running.jobs, "the job", 30)
        running.run("scancel", str(first))
        (second,) = wait_for(running.jobs, "another job", 30)
        assert second != first
        time.sleep(4)  # Time to give it up, wrongly.
        cluster.check()
        running.run("scontrol", "release", str(second))
        assert task.result(60)[0] == second


@needs_slurm
@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--partition=nope", "invalid partition specified: nope"),
        ("--partiton=main", "unrecognized option '--partiton=main'"),
        ("--gres=gpu:9", "Requested node configuration is not available"),
    ],
)
def test_a_job_that_sbatch_refuses_ends_in_one_line_with_its_words(running, opened, line, words):
    began = time.monotonic()
    with pytest.raises(BadInput, match="sbatch refuses the job: ") as raised, opened(line):
        pass
    assert words in one_line(raised.value)
    assert time.monotonic() - began < 20
    assert running.jobs() == []


@needs_slurm
@pytest.mark.slow
def test_jobs_that_never_come_up_end_the_wait_with_what_the_last_one_said(running, opened, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", "/not/shared/bin/python")
    with opened() as (cluster, _):
        wait_for(lambda: cluster.failure, "the end of hope", 90)
        with pytest.raises(HemosweepError, match="3 times in a row no SLURM job came up; ") as raised:
            cluster.check()
    said = one_line(raised.value)
    assert f"the log of the last, {tmp_path / 'slurm'}/" in said
    assert said.endswith("/not/shared/bin/python: not found")


@needs_slurm
@pytest.mark.slow
def test_jobs_that_leave_no_log_end_the_wait_with_what_may_be_the_matter(running, opened, tmp_path):
    with opened("--output=/no/such/folder/%j.log") as (cluster, _):
        wait_for(lambda: cluster.failure, "the end of hope", 90)
    logs = tmp_path / "slurm"
    assert cluster.failure.endswith(f"the last one left no log in {logs}: do the compute nodes share that folder?")


@needs_slurm
@pytest.mark.slow
def test_a_partition_that_closes_is_asked_again_until_it_opens(running, opened, tmp_path):
    notes = tmp_path / "notes"
    with opened() as (cluster, client):
        try:
            task = submit(client, notes, 5.0)
            (first,) = wait_for(lambda: begun_in(notes), "the task", 60)
            running.run("scontrol", "update", "PartitionName=main", "State=INACTIVE")
            running.run("scancel", str(first))
            wait_for(lambda: any(job.refusal for job in cluster.workers.values()), "a refusal", 60)
            cluster.check()
        finally:
            running.run("scontrol", "update", "PartitionName=main", "State=UP")
        assert task.result(60)[0] != first


@needs_slurm
@pytest.mark.slow
def test_a_partition_that_stays_closed_ends_the_wait_with_the_words_of_sbatch(running, opened, tmp_path):
    with opened("--hold") as (cluster, _):
        try:
            running.run("scontrol", "update", "PartitionName=main", "State=INACTIVE")
            running.run("scancel", *map(str, running.jobs()))
            wait_for(lambda: cluster.failure, "the end of hope", 60)
        finally:
            running.run("scontrol", "update", "PartitionName=main", "State=UP")
        with pytest.raises(HemosweepError, match="sbatch refuses the jobs: ") as raised:
            cluster.check()
    assert "Required partition not available" in one_line(raised.value)


@needs_slurm
@pytest.mark.slow
def test_with_certificates_everything_is_encrypted(running, opened, tmp_path):
    from distributed import Security

    temporary = Security.temporary()
    folder = tmp_path / "my keys"
    folder.mkdir()
    files = {}
    for name in ("tls_ca_file", "tls_client_cert", "tls_client_key"):
        files[name] = folder / f"{name}.pem"
        files[name].write_text(getattr(temporary, name))
    certificate, key = str(files["tls_client_cert"]), str(files["tls_client_key"])
    security = Security(
        require_encryption=True,
        tls_ca_file=str(files["tls_ca_file"]),
        **{f"tls_{role}_cert": certificate for role in ("scheduler", "worker", "client")},
        **{f"tls_{role}_key": key for role in ("scheduler", "worker", "client")},
    )
    with opened(security=security) as (cluster, client):
        assert cluster.scheduler_address.startswith("tls://")
        submit(client, tmp_path / "notes").result(60)
        assert all(address.startswith("tls://") for address in cluster.scheduler_info["workers"])
