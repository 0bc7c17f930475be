"""Options of a sweep, which `hemosweep sweep` and `hemosweep plan` share. It imports the standard library alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepOptions:
    """Options of a sweep. Defaults that are None follow from the profile, the ablation or the machine.

    Without `data` a phantom is made in `out`, and the profile is "demo". With `data` the profile is "paper".

    Args:
        name: an ablation, such as "patchsize", or a search, such as "search-sampling".
        data: the data set's folder.
        profile: "demo" or "paper".
        out: the output folder.
        seeds: number of seeds that every arm is trained with, or "auto": seeds are added where a comparison is open.
        budget: with seeds "auto": no look begins that would take the sweep's training beyond this time, such as "12h".
        repeats: number of splits into folds, each with a seed of its own.
        arms: only these arms; none stands for all.
        folds: number of folds; the profile's by default.
        only_folds: only these folds of the split, for trying, such as ("0", "2").
        trials: of a search: number of arms that are tried, including the start.
        lesion_label: value of the lesion in masks that hold several.
        deterministic: ask CUDA for the same bits each time.
        fresh: start over: the existing fold runs are deleted.
        executor: "local", "slurm", "dask:SCHEDULER.json" or "dask:tls://HOST:PORT", or an executor of a lab:
            "FILE.py[:ADDRESS]", or "NAME[:ADDRESS]" of an installed package.
        per_gpu: local: fold runs at a time on each GPU.
        at_once: local, without a GPU: fold runs at a time, each with its share of the processors; by default as many as
            there are processors in the demo profile, and one in the paper's.
        max_jobs: slurm: jobs at a time.
        sbatch: slurm: options of sbatch for every job.
        host: slurm: this machine's address as the compute nodes know it.
        certs: folder of a cluster's certificates.
        insecure: talk to a cluster without TLS.
        time_limit: stop after this time, such as "1h30m", at the end of an epoch.
        tracking: address of another MLflow server that is recorded to, too. By default that of MLFLOW_TRACKING_URI, if
            it is set; "none" for no other server.
        with_host: name this machine in what is recorded there.
    """

    name: str
    data: Path | None = None
    profile: str | None = None
    out: Path = Path("runs")
    seeds: int | Literal["auto"] | None = None
    budget: str | None = None
    repeats: int | None = None
    arms: tuple[str, ...] = ()
    folds: int | None = None
    only_folds: tuple[str, ...] | None = None
    trials: int | None = None
    lesion_label: int | None = None
    deterministic: bool = False
    fresh: bool = False
    executor: str = "local"
    per_gpu: int | None = None
    at_once: int | None = None
    max_jobs: int | None = None
    sbatch: tuple[str, ...] = ()
    host: str | None = None
    certs: Path | None = None
    insecure: bool = False
    time_limit: str | None = None
    tracking: str | None = None
    with_host: bool = False
