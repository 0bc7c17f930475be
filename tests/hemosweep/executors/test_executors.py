"""The contract of every executor, on ours and on a lab's, and the processes of ours: this machine, and a Dask cluster
of two workers on loopback."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from hemosweep.executors.dask import DaskExecutor, num_places
from hemosweep.executors.execution import open_executor, read_execution
from hemosweep.executors.local import LocalExecutor
from hemosweep.foldrun.journal import Journal, read_journal
from hemosweep.testing.executors import ExecutorContract
from tests.dask_cluster import dask_cluster
from tests.fold_runs import run_fold
from tests.processes import is_alive, trainings, wait_for

pytestmark = [
    pytest.mark.timeout(900),  # A worker starts a process that imports torch, and a frozen one is missed in its time.
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes the way Linux shows them"),
]

LONG = 100_000
"""Epochs of a fold run that will not end by itself."""
ONE_AT_A_TIME = Path(__file__).parents[2] / "e2e" / "lab" / "one_at_a_time.py"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, one_processor):
    with dask_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def client(cluster):
    from distributed import Client

    with Client(scheduler_file=str(cluster.scheduler_file), timeout=60) as client:
        client.wait_for_workers(2, timeout=60)
        yield client


@pytest.fixture(params=["local", pytest.param("dask", marks=pytest.mark.slow)])
def executor(request, one_processor):
    """An executor with two slots, on the CPU; it must leave no process behind."""
    if request.param == "local":
        executor = LocalExecutor(({"CUDA_VISIBLE_DEVICES": ""},) * 2)
    else:
        executor = DaskExecutor(request.getfixturevalue("client"), num_ahead=1)
    yield executor
    executor.kill()


@pytest.fixture
def fold_run(tiny_spec, tmp_path):
    """Writes a fold run's folder."""

    def write(name="fold run", **training):
        folder = tmp_path / name
        tiny_spec(digest=name, **training).write(folder)
        return folder

    return write


def ends(executor, number=1, timeout_s=120.0):
    """The next so many that end, in their order."""
    ended, deadline = [], time.monotonic() + timeout_s
    while len(ended) < number:
        assert time.monotonic() < deadline, f"{len(ended)} of {number} within {timeout_s} s"
        ended += executor.wait(1.0)
    return ended


def num_epochs(folder):
    return sum(event["event"] == "epoch" for event in read_journal(folder / "events.jsonl"))


def training(folder):
    """The process that trains a fold run, once a few epochs are behind it."""
    wait_for(lambda: num_epochs(folder) > 2, "three epochs", timeout_s=240.0)
    (pid,) = trainings(folder)
    return pid


class TestLocalContract(ExecutorContract):
    @pytest.fixture(autouse=True)
    def _one_processor(self, one_processor):
        pass

    @contextmanager
    def executor(self):
        yield LocalExecutor(({"CUDA_VISIBLE_DEVICES": ""},) * 2)


@pytest.mark.slow
class TestDaskContract(ExecutorContract):
    @pytest.fixture(autouse=True)
    def _cluster(self, client):
        self.client = client

    @contextmanager
    def executor(self):
        yield DaskExecutor(self.client, num_ahead=1)


@pytest.mark.slow
class TestFileContract(ExecutorContract):
    """The executor of a lab's file, as the command line opens it."""

    @pytest.fixture(autouse=True)
    def _one_processor(self, one_processor):
        pass

    def executor(self):
        return open_executor(read_execution(f"{ONE_AT_A_TIME}:cpu"), self.out, num_folds=2)


def test_the_log_of_a_failure_is_named_and_holds_the_traceback(executor, fold_run):
    folder = fold_run()
    spec = json.loads((folder / "spec.json").read_text())
    spec["train"][0]["path"] = str(folder / "lost.npz")
    (folder / "spec.json").write_text(json.dumps(spec))
    executor.start(folder)
    (ended,) = ends(executor)
    assert ended.failure.endswith(f"; details in {folder / 'log.txt'}")
    assert "Traceback" in (folder / "log.txt").read_text()


def test_two_train_at_once_and_a_slot_that_is_free_is_used_again(executor, fold_run):
    assert executor.num_slots == 2
    first, second, third = (fold_run(name, max_epochs=LONG, patience=LONG) for name in ("first", "second", "third"))
    for folder in (first, second):
        executor.start(folder)
    pids = [training(folder) for folder in (first, second)]
    assert executor.wait(0.1) == []
    os.kill(pids[0], signal.SIGKILL)
    (ended,) = ends(executor)
    assert (ended.folder, ended.transient) == (first, True)
    assert ended.failure.startswith("its process was killed by signal 9; ")
    executor.start(third)
    training(third)
    assert is_alive(pids[1])


def test_the_processes_of_killed_fold_runs_are_gone(executor, fold_run):
    folder = fold_run(max_epochs=LONG, patience=LONG)
    executor.start(folder)
    pid = training(folder)
    executor.kill()
    assert not is_alive(pid)


def test_all_paused_fold_runs_stop_and_leave_no_process(executor, fold_run):
    folders = [fold_run(name, max_epochs=LONG, patience=LONG) for name in ("first", "second")]
    for folder in folders:
        executor.start(folder)
    for folder in folders:
        training(folder)
    executor.pause()
    ended = ends(executor, 2)
    assert {end.folder for end in ended} == set(folders)
    assert all(end.paused for end in ended)
    assert [trainings(folder) for folder in folders] == [[], []]


@pytest.mark.slow
class TestDask:
    """Events that only a cluster has: lose a worker, freeze one, and outlive the driver."""

    @pytest.fixture
    def workers(self, tmp_path, one_processor):
        """A cluster of its own, which a test may break: cluster, client, executor."""
        from distributed import Client

        with ExitStack() as stack:
            cluster = stack.enter_context(dask_cluster(tmp_path))
            client = stack.enter_context(Client(scheduler_file=str(cluster.scheduler_file), timeout=60))
            client.wait_for_workers(2, timeout=60)
            yield cluster, client, DaskExecutor(client, num_ahead=1)

    @staticmethod
    def worker_of(cluster, pid):
        """The worker whose child a training is."""
        parent = int(subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True).stdout)
        return next(worker for worker in cluster.workers if worker.pid == parent)

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
    def test_the_fold_run_of_a_worker_that_is_killed_or_frozen_goes_on_at_another(
        self, workers, fold_run, tiny_spec, tmp_path, how
    ):
        cluster, client, executor = workers
        folder, here = fold_run(max_epochs=60, patience=60), tmp_path / "here"
        here.mkdir()
        executor.start(folder)
        pid = training(folder)
        os.kill(self.worker_of(cluster, pid).pid, how)
        (ended,) = ends(executor, timeout_s=600.0)
        assert (ended.folder, ended.failure) == (folder, None)
        assert not is_alive(pid)
        run_fold(tiny_spec(digest="fold run", max_epochs=60, patience=60), here, Journal(here / "events.jsonl"))
        assert (folder / "scores.json").read_bytes() == (here / "scores.json").read_bytes()
        events = [event["event"] for event in read_journal(folder / "events.jsonl")]
        assert events.count("done") == 1, "trained twice to the end"
        if how == signal.SIGKILL:
            assert (events.count("started"), events.count("resumed")) == (2, 1)
        assert num_places(client) == 1

    def test_a_driver_that_dies_takes_its_fold_runs_with_it(self, workers, fold_run):
        cluster, client, _ = workers
        folder = fold_run(max_epochs=LONG, patience=LONG)
        code = (
            "import sys; from pathlib import Path; from distributed import Client; "
            "from hemosweep.executors.dask import DaskExecutor\n"
            "executor = DaskExecutor(Client(scheduler_file=sys.argv[1]), num_ahead=0)\n"
            "executor.start(Path(sys.argv[2])); executor.wait(600)"
        )
        driver = subprocess.Popen([sys.executable, "-c", code, str(cluster.scheduler_file), str(folder)])
        pid = training(folder)
        driver.kill()
        driver.wait()
        wait_for(lambda: not is_alive(pid), "the end of what nobody wants any more", timeout_s=30.0)
        assert num_places(client) == 2

    def test_results_are_forgotten_by_the_cluster_at_once(self, client, fold_run):
        executor = DaskExecutor(client, num_ahead=1)
        for name in ("first", "second"):
            executor.start(fold_run(name))
        ends(executor, 2)

        def num_tasks(dask_scheduler):
            return len(dask_scheduler.tasks)

        wait_for(lambda: client.run_on_scheduler(num_tasks) == 0, "the cluster's forgetting", timeout_s=10.0)
