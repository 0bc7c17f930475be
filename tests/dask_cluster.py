"""A real Dask cluster on loopback: one scheduler process and two worker processes, each with a place for a fold run."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import wait_for

ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "10s",
    "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "1h",
}
WORKER = ("--nthreads", "1", "--memory-limit", "0", "--resources", "GPU=1", "--dashboard-address", "127.0.0.1:0")


@dataclass
class Cluster:
    """Its processes; a worker can be killed or frozen, and another one added."""

    folder: Path
    options: tuple[str, ...] = ()
    processes: list[subprocess.Popen] = field(default_factory=list)
    workers: list[subprocess.Popen] = field(default_factory=list)

    @property
    def scheduler_file(self):
        return self.folder / "scheduler.json"

    @property
    def address(self):
        return json.loads(self.scheduler_file.read_text())["address"]

    def start(self, program, *arguments):
        with (self.folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{program}", *arguments, *self.options],
                env=ENVIRONMENT | dict(os.environ),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def add_worker(self):
        nanny = ("--no-nanny", "--death-timeout", "60", "--local-directory", str(self.folder))
        worker = self.start("worker", "--scheduler-file", str(self.scheduler_file), *WORKER, *nanny)
        self.workers.append(worker)
        return worker

    def end(self):
        for process in reversed(self.processes):
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def dask_cluster(folder, *options, num_workers=2, protocol="tcp"):
    """A cluster that is there; whatever is left of it is killed at the end."""
    cluster = Cluster(folder=folder, options=options)
    try:
        host = ("--host", f"{protocol}://127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0")
        cluster.start("scheduler", "--scheduler-file", str(cluster.scheduler_file), *host)
        wait_for(lambda: cluster.scheduler_file.exists() and cluster.scheduler_file.read_text().strip(), "a scheduler")
        for _ in range(num_workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.end()
