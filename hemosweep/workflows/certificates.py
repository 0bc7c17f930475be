"""`hemosweep cluster-certs`: certificates for a Dask cluster, and the commands that use them."""

import shlex
from pathlib import Path

from hemosweep.executors.certificates import FOLDER_NAME, make_certificates


def make_cluster_certificates(folder: Path | None, out: Path) -> list[str]:
    """Make the certificates in a folder, by default one in the output folder. Return the lines to print.

    Raises:
        BadInput: as `make_certificates`.
    """
    made = make_certificates(folder or out / FOLDER_NAME)
    out.mkdir(parents=True, exist_ok=True)  # Folder of the file with the address of the scheduler.
    scheduler = str(out.resolve() / "scheduler.json")
    # The dashboards have no TLS, so they listen on this machine only.
    shared_options = ["--scheduler-file", scheduler, "--dashboard-address", "127.0.0.1:0", *made.options]
    worker_options = [
        "--nthreads",
        "1",
        "--no-nanny",
        "--memory-limit",
        "0",
        "--resources",
        "GPU=1",
        "--death-timeout",
        "60",
    ]
    sweep = ["hemosweep", "sweep", "NAME", "--executor", f"dask:{scheduler}"]
    if out != Path("runs"):
        sweep += ["--out", str(out)]
    if folder is not None:
        sweep += ["--certs", str(made.key.parent)]
    return [
        f"certificate: {made.certificate}",
        f"key:         {made.key} (whoever can read it can use the cluster, and your account on it)",
        "The cluster's machines read these files and the output folder at the same place. Then, the workers one a GPU:",
        f"  DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL=60s dask scheduler --protocol tls {shlex.join(shared_options)}",
        f"  dask worker {shlex.join([*worker_options, *shared_options])}",
        f"  {shlex.join(sweep)}",
    ]
