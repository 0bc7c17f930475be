"""The process of one fold run.

The process is forked from a server that has imported this module, and torch with it, once for all of them.
"""

import errno
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from hemosweep.errors import BadInput
from hemosweep.files import system_message
from hemosweep.foldrun.journal import NO_SPACE, UNWRITABLE, Journal
from hemosweep.foldrun.lock import LOCK_NAME, LOCK_PATIENCE_S, TAKEN, Held, hold
from hemosweep.foldrun.pause import PAUSED, Paused, pause_on_sigterm
from hemosweep.foldrun.seal import BROKEN, BrokenSeal, is_sealed
from hemosweep.foldrun.spec import JOURNAL_NAME, places_of
from hemosweep.identity.trusted import read_trusted
from hemosweep.model.device import is_device_lost
from hemosweep.model.memory import OutOfMemory, is_host_full, is_out_of_memory
from hemosweep.privacy import public_failure
from hemosweep.processes import die_with_parent
from hemosweep.training.compiled import GraphFailed
from hemosweep.training.fold_run import run_fold
from hemosweep.training.loop import NonFiniteLoss
from hemosweep.training.scoring import Scoring

FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (NonFiniteLoss, "non_finite_loss"),
    (GraphFailed, "no_graph"),
    (BadInput, "data"),
    (OSError, "system"),
    (Exception, "defect"),
)
_LASTING = (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
"""Of the system's errors, those that come again; a full disk or a file server that is away may pass."""

_SERVER = os.getpid()
"""The process that imported this module: where `run_job` is called, the server."""


def run_job(job: Callable[[Path], int], folder: Path, log: Path, lease: Mapping[str, str]) -> None:
    """Run `job` on a fold run's folder and exit with its code. Only the forked process calls it.

    It leads a session of its own, so that Ctrl-C reaches only the driver. It ends with the server, which ends with the
    driver, and writes its output into `log`. `lease` goes into its environment before a GPU is touched. It holds the
    folder's lock for its life; where another process holds that, it ends at once.
    """
    os.setsid()
    os.environ.update(lease)
    die_with_parent(_SERVER)
    driver = multiprocessing.parent_process()
    if driver is None or not driver.is_alive():  # It died before the server was tied to it.
        os._exit(1)
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), sys.stdout.fileno())
            os.dup2(file.fileno(), sys.stderr.fileno())
    except OSError as error:
        sys.exit(_code(error))
    sys.exit(alone(job, folder))


def alone(job: Callable[[Path], int], folder: Path, *, patience_s: float = LOCK_PATIENCE_S) -> int:
    """Run `job` on a fold run's folder under its lock, and return its code: `TAKEN` where another process holds it.

    Where the folder cannot be written to, it is `NO_SPACE` or `UNWRITABLE`.
    """
    try:
        with hold(folder / LOCK_NAME, patience_s=patience_s):
            return job(folder)
    except OSError as error:
        _log(error)
        return _code(error)
    except Held as held:
        # Into the log alone: the journal is written by the process that works here.
        print(held, file=sys.stderr)
        return TAKEN


def train_fold(folder: Path) -> int:
    """Train the fold run described in `folder`. A failure is recorded in its journal by name, and gives exit code 1.

    A fold run that is sealed is not changed; where its seal is broken the code is `BROKEN`. The first SIGTERM pauses it
    where nothing is lost: the journal records it, and the exit code is `PAUSED`.

    Raises:
        OSError: the journal cannot be written.
    """
    try:
        if is_sealed(folder):
            return 0
    except BrokenSeal as broken:
        print(broken, file=sys.stderr)
        return BROKEN
    journal = Journal(folder / JOURNAL_NAME)
    try:
        with pause_on_sigterm() as should_pause:
            spec = read_trusted(folder)
            run_fold(spec, folder, journal, Scoring.of(spec, folder), should_pause)
    except Paused:
        journal.write("paused")
        return PAUSED
    except Exception as error:
        _log(error)
        journal.write("failed", kind=_kind(error), transient=_may_pass(error), message=_message(error, folder))
        return 1
    return 0


def _kind(error: Exception) -> str:
    if is_out_of_memory(error):
        return "out_of_memory"
    if is_device_lost(error):
        return "device_lost"
    return next(name for failure, name in FAILURES if isinstance(error, failure))


def _may_pass(error: BaseException) -> bool:
    """True for a failure that can pass by itself: one of the host's memory or files, or of a lost GPU.

    A GPU's memory is this fold run's own, and stays too small.
    """
    if isinstance(error, GraphFailed):
        return True  # The next process does without one.
    if isinstance(error, (OutOfMemory, BadInput)) and error.__cause__ is not None:
        return _may_pass(error.__cause__)
    lost = is_device_lost(error) and not is_out_of_memory(error)
    if is_host_full(error) or lost:  # Another process may get another GPU, or this one again.
        return True
    return isinstance(error, OSError) and not isinstance(error, _LASTING) and error.errno != errno.EROFS


def _code(error: OSError) -> int:
    return NO_SPACE if error.errno in (errno.ENOSPC, errno.EDQUOT) else UNWRITABLE


def _log(error: Exception) -> None:
    """Write to the log as far as possible: it may lie on the full disk."""
    try:
        traceback.print_exception(error)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # The rest of the buffer must go somewhere.


def _message(error: Exception, folder: Path) -> str:
    """One line that names files, not their folders: the tracker records the journal, but not the log."""
    places = places_of(folder)
    first = next(iter(str(error).splitlines()), type(error).__name__)
    if isinstance(error, OSError) and error.filename is not None:
        path = Path(os.fsdecode(error.filename))
        places |= {*path.parents} if path.is_absolute() else set()
        first = system_message(error)
    elif is_device_lost(error) and not is_out_of_memory(error):
        first += "; the GPU failed or was taken away, see nvidia-smi and the system's log"
    return public_failure(first, places)
