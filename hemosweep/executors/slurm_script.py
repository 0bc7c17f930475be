"""Script of a SLURM job that is one worker of a Dask cluster."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

DIRECTIVES = ("--job-name=hemosweep", "--ntasks=1", "--no-requeue", "--gres=gpu:1")
"""Options of every job; a later line of the user's replaces an earlier one. A lost job is replaced by the driver, so
SLURM must not start it again under the same name. Time, memory and processors are the partition's defaults."""

WORKER = ("--nthreads=1", "--no-nanny", "--memory-limit=0", "--resources=GPU=1", "--death-timeout=60")
"""A worker without a nanny ends with its only process, and the job with it: nothing is left that looks alive. It gives
up when it cannot reach the driver for a minute."""
NO_PAGES = ("--no-dashboard", "--dashboard-address=127.0.0.1:0")


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
