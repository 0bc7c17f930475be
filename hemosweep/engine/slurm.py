"""A Dask cluster whose workers are SLURM jobs: one job holds one GPU and trains one fold run at a time."""

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from distributed import Security

    from hemosweep.engine.slurm_jobs import JobCluster

LOGS_NAME = "slurm"
"""Below the output folder: what the jobs say, one file a job."""

DIRECTIVES = ("--job-name=hemosweep", "--ntasks=1", "--no-requeue", "--gres=gpu:1")
"""Options of every job; a later line of the user's replaces an earlier one. A lost job is replaced by the driver, so
SLURM must not start it again under the same name. Time, memory and processors are the partition's defaults."""

WORKER = ("--nthreads=1", "--no-nanny", "--memory-limit=0", "--resources=GPU=1", "--death-timeout=60")
"""A worker without a nanny ends with its only process, and the job with it: nothing is left that looks alive. It gives
up when it cannot reach the driver for a minute."""
NO_PAGES = ("--no-dashboard", "--dashboard-address=127.0.0.1:0")


def slurm_cluster(
    out: Path,
    *,
    max_jobs: int,
    sbatch: Sequence[str] = (),
    security: "Security | None" = None,
    host: str | None = None,
) -> "JobCluster":
    """Submit a first job, and from then on as many as there are fold runs to train, `max_jobs` at most.

    A job that ends early, by whatever hand, is replaced.

    Args:
        out: output folder, on a file system that the compute nodes share.
        sbatch: further options of sbatch, such as `--partition=gpu --time=24:00:00`; each is a line of the job script.
        security: certificates and keys in files that the compute nodes can read; None leaves the connections open to
            everyone who can reach this machine.
        host: this machine's address as the compute nodes know it; by default that of its default route.

    Raises:
        BadInput: Dask or SLURM is not installed here, SLURM refuses the job, or an argument cannot be used.
    """
    if max_jobs < 1:
        raise BadInput(f"--max-jobs {max_jobs}: give at least 1")
    check_lines(sbatch)
    missing = [program for program in ("sbatch", "squeue", "scancel") if shutil.which(program) is None]
    if missing:
        raise BadInput(
            f"--executor slurm: no {', '.join(missing)} here; "
            "start hemosweep where jobs are submitted (a login node), or leave --executor out to train on this machine"
        )
    try:
        from hemosweep.engine.slurm_jobs import open_cluster
    except ModuleNotFoundError as error:
        raise BadInput("--executor slurm needs Dask, which is absent: pip install 'hemosweep[cluster]'") from error
    logs = out.resolve() / LOGS_NAME
    logs.mkdir(parents=True, exist_ok=True)
    return open_cluster(logs, max_jobs=max_jobs, sbatch=sbatch, security=security, host=host)


def check_lines(sbatch: Sequence[str]) -> None:
    """Refuse what sbatch would take for a comment, or for the end of its options.

    Raises:
        BadInput: a line is not one line of options.
    """
    for line in sbatch:
        if not line.startswith("-") or len(line.splitlines()) != 1:
            raise BadInput(f"--sbatch {line!r}: give options as sbatch knows them, such as --sbatch=--partition=gpu")


def job_script(
    scheduler: str, name: str, *, logs: Path, sbatch: Sequence[str] = (), tls: Mapping[str, str] | None = None
) -> str:
    """The job that is one worker of the cluster.

    Args:
        scheduler: the driver's address.
        name: of the worker.
        tls: the names of the certificate files: `ca_file`, `cert`, `key`.
    """
    # SLURM puts a job's number for %j; a percent sign of ours is written twice.
    log = str(logs).replace("%", "%%").replace('"', r"\"")
    directives = (*DIRECTIVES, f'--output="{log}/%j.log"', *sbatch)
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler, f"--name={name}", *WORKER, *NO_PAGES]
    worker += [f"--tls-{key.replace('_', '-')}={file}" for key, file in (tls or {}).items()]
    return "\n".join(
        ["#!/bin/sh", *(f"#SBATCH {directive}" for directive in directives), "", f"exec {shlex.join(worker)}", ""]
    )
