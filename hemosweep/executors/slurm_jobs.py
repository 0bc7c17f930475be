# mypy: disallow-untyped-calls=False
# (dask-jobqueue has no types, and methods of its classes that are called through ours count as ours)
"""dask-jobqueue's SLURMCluster, extended to end with a clear message where it would wait for ever.

By itself it does not resubmit a job that sbatch refused, or a job that ended before its worker started: it counts both
as workers that are still to come.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask.config
from dask_jobqueue.slurm import SLURMCluster, SLURMJob
from distributed import Adaptive, Security, Status

from hemosweep.errors import BadInput, HemosweepError
from hemosweep.executors.slurm_script import job_script

CONFIGURATION = {
    # A fold run takes minutes to hours. With tasks of this length, one job is requested for each fold run.
    "distributed.scheduler.unknown-task-duration": "1h",
    # A worker that is silent for so long (the worker or its node hangs) has lost its fold run.
    "distributed.scheduler.worker-ttl": "60s",
    # Fold runs that only waited at a lost worker count as well. The driver limits the number of attempts.
    "distributed.scheduler.allowed-failures": 10,
    # A lost worker is replaced as soon as it is silent for that time: without a nanny it cannot come back.
    "distributed.deploy.lost-worker-timeout": "1s",
}
ADAPT_EVERY_S = 1.0
IDLE_S = 30
"""Time that a job may be idle before it is ended."""
LOOK_EVERY_S = 30.0
"""Time between two queries to SLURM about the jobs, while workers are awaited."""
NUM_TRIES = 3
"""Number of failed jobs in a row after which the sweep ends."""


class Job(SLURMJob):
    """One worker. `refusal` is the message of sbatch when it refused the job."""

    def __init__(self, scheduler: Any = None, name: Any = None, *, logs: Path, sbatch: Sequence[str], **options: Any):
        super().__init__(scheduler, name, cores=1, memory="1GB", processes=1, **options)
        self.logs, self.sbatch = logs, sbatch
        security = options["security"]
        self.tls = security.get_tls_config_for_role("worker") if security else {}
        self.refusal: str | None = None
        self.came_up = False

    def job_script(self) -> str:
        tls = {key: file for key, file in self.tls.items() if key in ("ca_file", "cert", "key")}
        return job_script(self.scheduler, self.name, logs=self.logs, sbatch=self.sbatch, tls=tls)

    @property
    def log(self) -> Path:
        return self.logs / f"{self.job_id}.log"

    async def start(self) -> None:
        try:
            await super().start()
        except RuntimeError as error:
            self.refusal = _sbatch_words(str(error))
            self.status = Status.running

    async def close(self) -> None:
        await super().close()
        self.status = Status.closed


class JobCluster(SLURMCluster):
    """The scheduler, in this process, and the jobs that are its workers."""

    job_cls: type[SLURMJob] = Job

    def __init__(self, **options: Any) -> None:
        self.failure: str | None = None
        """Reason in one line why no job starts a worker; None as long as one may."""
        self._num_failed_tries = 0
        self._looked = time.monotonic()
        super().__init__(**options)

    def check(self) -> None:
        """Check the jobs while fold runs are awaited.

        Raises:
            HemosweepError: no fold run will be trained, because no job starts a worker.
        """
        if self.failure is not None:
            raise HemosweepError(self.failure)

    async def submit_first(self) -> str | None:
        """Submit one job, and return what sbatch says where it refuses it."""
        self.scale(1)
        await self
        return next((job.refusal for job in self.workers.values()), None)

    async def look_after_jobs(self) -> None:
        """Forget the jobs that will never be workers, so that others are asked for in their place."""
        observed = self.observed
        for name in observed & set(self.workers):
            self.workers[name].came_up = True
        if observed:
            self._num_failed_tries = 0
        awaited = {name: job for name, job in self.workers.items() if not job.came_up}
        if not awaited or time.monotonic() - self._looked < LOOK_EVERY_S:
            return
        self._looked = time.monotonic()
        try:
            listed = await Job._call(["squeue", "--noheader", "--format=%A", f"--user={os.getuid()}"])
        except (OSError, RuntimeError):  # SLURM's controller is busy or unreachable; the next query will tell.
            return
        lost = {name: job for name, job in awaited.items() if str(job.job_id) not in listed.split()}
        if lost and len(lost) == len(awaited) and not self.observed:
            self._num_failed_tries += 1
        if self._num_failed_tries >= NUM_TRIES:
            self.failure = _failure(list(lost.values()))
            return
        for name in lost:
            if self.workers.get(name) is lost[name]:
                del self.workers[name]
                self.worker_spec.pop(name, None)
                await lost[name].close()


class WatchfulAdaptive(Adaptive):
    """Adaptive scaling: requests jobs and ends them, by the number of fold runs."""

    cluster: JobCluster

    async def adapt(self) -> None:
        await self.cluster.look_after_jobs()
        if self.cluster.failure is None:
            await super().adapt()


def open_cluster(
    logs: Path, *, max_jobs: int, sbatch: Sequence[str], security: Security | None, host: str | None
) -> JobCluster:
    """Make the cluster; see `hemosweep.executors.slurm.slurm_cluster`.

    Raises:
        BadInput: SLURM refuses the first job.
    """
    dask.config.set(CONFIGURATION)  # Read by the cluster's thread, for as long as it lives.
    cluster = JobCluster(
        logs=logs,
        sbatch=tuple(sbatch),
        security=security,
        name="hemosweep",
        scheduler_options={"host": host, "dashboard": False, "dashboard_address": "127.0.0.1:0"},
    )
    try:
        refusal = cluster.sync(cluster.submit_first)
        if refusal is not None:
            raise BadInput(f"sbatch refuses the job: {refusal}; give other options with --sbatch")
        cluster.adapt(
            Adaptive=WatchfulAdaptive,
            minimum_jobs=1,
            maximum_jobs=max_jobs,
            interval=ADAPT_EVERY_S,
            wait_count=int(IDLE_S / ADAPT_EVERY_S),
            target_duration="1s",
        )
    except BaseException:
        cluster.close()
        raise
    return cluster


def _sbatch_words(error: str) -> str:
    """Output of sbatch in one line, from dask-jobqueue's account of its failure."""
    lines = [line.strip().removeprefix("sbatch: ") for line in error.partition("stderr:\n")[2].splitlines()]
    return "; ".join(line.removeprefix("error: ") for line in lines if line and not line.startswith("Try ")) or error


def _failure(lost: Sequence[Job]) -> str:
    refusal = next((job.refusal for job in lost if job.refusal is not None), None)
    if refusal is not None:
        return f"sbatch refuses the jobs: {refusal}; the same command goes on from here"
    job = max(lost, key=lambda job: int(str(job.job_id)))
    return f"{NUM_TRIES} times in a row no SLURM job came up; {_last_words(job.log)}"


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return f"the last one left no log in {log.parent}: do the compute nodes share that folder?"
    messages = [words for line in lines if (words := line.strip().rpartition(" - ")[2]) not in ("", "End worker")]
    return f"the log of the last, {log}, ends: {messages[-1] if messages else 'nothing'}"
