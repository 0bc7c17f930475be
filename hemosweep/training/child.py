"""What runs in the process of one fold run.

The process is forked from a server that has imported this module, and torch with it, once for all of them.
"""

import multiprocessing
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import torch

from hemosweep.errors import BadInput
from hemosweep.training.fold_run import run_fold
from hemosweep.training.journal import Journal
from hemosweep.training.loop import NonFiniteLoss
from hemosweep.training.parent import die_with_parent
from hemosweep.training.source import source_digest
from hemosweep.training.spec import JOURNAL_NAME, FoldRunSpec

FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (torch.OutOfMemoryError, "out_of_memory"),
    (MemoryError, "out_of_memory"),
    (NonFiniteLoss, "non_finite_loss"),
    (BadInput, "data"),
    (OSError, "system"),
    (Exception, "defect"),
)


_SERVER = os.getpid()
"""The process that imported this module: where `run_job` is called, the server."""


def run_job(job: Callable[[Path], int], folder: Path, log: Path) -> None:
    """Run `job` on a fold run's folder and exit with its code; to be called in the forked process.

    It leads a session of its own, so that Ctrl-C reaches the driver alone, dies with the server, which dies with the
    driver, and says into `log` whatever it says.
    """
    os.setsid()
    die_with_parent(_SERVER)
    driver = multiprocessing.parent_process()
    if driver is None or not driver.is_alive():  # It died before the server was tied to it.
        os._exit(1)
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    sys.exit(job(folder))


def train_fold(folder: Path) -> int:
    """Train the fold run described in `folder`; a failure goes into its journal with a name, and is exit code 1."""
    journal = Journal(folder / JOURNAL_NAME)
    try:
        spec = FoldRunSpec.read(folder)
        if spec.source is not None and spec.source != source_digest():
            raise BadInput("the source code changed after the sweep began; start the same command again")
        run_fold(spec, folder, journal)
    except Exception as error:
        traceback.print_exc()
        kind = next(name for failure, name in FAILURES if isinstance(error, failure))
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
        journal.write("failed", kind=kind, message=_without_folders(message))
        return 1
    return 0


def _without_folders(message: str) -> str:
    """A message with file names in place of paths: the journal goes into the tracker, the log stays here."""
    return re.sub(r"/(?:[^/\s:]+/)+", "", message)
