"""The `.gitignore` of an output folder, by which pictures and scores of patients stay out of version control."""

import os
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from hemosweep.files import write_text

NAME = ".gitignore"
OWN_NAMES = (
    *("mlflow.db*", "mlflow-sync*", "artifacts", "optuna.db*", "driver.lock"),
    *("fold_runs", "folds", "sweeps", "derivatives", "phantom-*", "calibrations.json", "code.json"),
    *("figures", "report", "predictions", "preview.png", "cohort.png"),
    *("cluster-certs", "slurm", "scheduler.*", "worker-*.log", ".tmp-*"),
)
"""Patterns of what lies in an output folder."""


def keep_out_of_git(out: Path) -> None:
    """Write a `.gitignore` that covers an output folder, which is made where there is none.

    One that is there stays. A folder with anything of others, such as a repository, gets none: they may want that in
    version control. Where nothing can be written, what comes next says so.
    """
    with suppress(OSError):
        out.mkdir(parents=True, exist_ok=True)
        if all(any(fnmatch(name, pattern) for pattern in OWN_NAMES) for name in os.listdir(out)):
            write_text(out / NAME, "*\n")
