"""A Dask cluster whose workers are SLURM jobs: one job holds one GPU and trains one fold run at a time."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from distributed import Security

    from hemosweep.executors.slurm_jobs import JobCluster

LOGS_NAME = "slurm"
"""Folder below the output folder for the output of the jobs, one file a job."""


def slurm_cluster(
    out: Path,
    *,
    max_jobs: int,
    sbatch: Sequence[str] = (),
    security: "Security | None" = None,
    host: str | None = None,
) -> "JobCluster":
    """Submit a first job, and then one job for each fold run to train, `max_jobs` at most.

    A job that ends early, for any reason, is replaced.

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
        from hemosweep.executors.slurm_jobs import open_cluster
    except ModuleNotFoundError as error:
        raise BadInput("--executor slurm needs Dask, which is absent: pip install 'hemosweep[cluster]'") from error
    logs = out.resolve() / LOGS_NAME
    logs.mkdir(parents=True, exist_ok=True)
    return open_cluster(logs, max_jobs=max_jobs, sbatch=sbatch, security=security, host=host)


def check_lines(sbatch: Sequence[str]) -> None:
    """Refuse a line that sbatch would read as a comment, or as the end of its options.

    Raises:
        BadInput: a line is not one line of options.
    """
    for line in sbatch:
        if not line.startswith("-") or len(line.splitlines()) != 1:
            raise BadInput(f"--sbatch {line!r}: give options as sbatch knows them, such as --sbatch=--partition=gpu")
