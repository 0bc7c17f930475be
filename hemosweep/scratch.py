"""Temporary files of this process and of its libraries, in places that carry its lock: what a killed process left
there is known as such, and the next one removes it.

The places are a folder among the system's temporary files, and names of semaphores in shared memory. A lock beside them
is held while the process lives, and released by the system however it ends. So the places of other living processes
are left alone, be they of another output folder, user or container.
"""

import fcntl
import multiprocessing
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from hemosweep.files import SHARED_MEMORY

_PREFIX = "hemosweep-"
_LOCK = ".lock"
_TOKEN_BYTES = 4
_LONGEST_SOCKET = 107
"""Bytes in the name of a socket, such as that of the server that fork runs are forked from."""
_SOCKET = "listener-12345678"

Remover = Callable[[Path, str], None]


@contextmanager
def own_scratch() -> Iterator[None]:
    """Context in which temporary files and semaphores, also those of libraries and of processes that are started, lie
    in places of this process.

    What dead processes of this user left in such places is removed, and this one's own at its end. Where a place cannot
    be made, nothing changes: whoever needs it then says so.
    """
    settings = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    before = settings.get("semprefix"), settings.get("tempdir"), tempfile.tempdir, os.environ.get("TMPDIR")
    with ExitStack() as stack:
        with suppress(OSError):
            token = stack.enter_context(_place(SHARED_MEMORY, _remove_semaphores, _expect_no_semaphores))
            settings["semprefix"] = f"/{_PREFIX}{token}"
        with suppress(OSError):
            folder = stack.enter_context(_folder(Path(tempfile.gettempdir())))
            if folder is not None:
                # multiprocessing would make another folder in there for its sockets, and remove it at its own time.
                settings["tempdir"] = tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
        try:
            yield
        finally:
            _stop_server_in(tempfile.gettempdir())
            settings["semprefix"], settings["tempdir"], tempfile.tempdir, temporary = before
            if temporary is None:
                os.environ.pop("TMPDIR", None)
            else:
                os.environ["TMPDIR"] = temporary


def _stop_server_in(folder: str) -> None:
    """Stop the server that processes are forked from, if its socket lies in a folder that is to be removed: whoever
    starts a process later, in a program that goes on, gets a new one."""
    server: Any = vars(forkserver)["_forkserver"]
    address = server._forkserver_address
    if isinstance(address, str) and address.startswith(folder):
        with suppress(OSError):
            server._stop()


@contextmanager
def _folder(parent: Path) -> Iterator[Path | None]:
    """An own folder in a folder; None where that is so deep that a socket's name would be too long in it."""
    name = f"{_PREFIX}{'0' * 2 * _TOKEN_BYTES}"
    if len(os.fsencode(parent / name / _SOCKET)) > _LONGEST_SOCKET:
        yield None
        return
    with _place(parent, _remove_folder, _remove_folder) as token:
        folder = parent / f"{_PREFIX}{token}"
        folder.mkdir(mode=0o700)
        yield folder


@contextmanager
def _place(parent: Path, remove: Remover, end: Remover) -> Iterator[str]:
    """A new token, whose lock lies in a folder and is held meanwhile; what dead processes left there is removed.

    Args:
        remove: removes what a dead process left.
        end: removes what is this process's own.

    Raises:
        OSError: the lock cannot be made there.
    """
    _remove_dead(parent, remove)
    token, descriptor = _locked(parent)
    try:
        yield token
    finally:
        # As long as the lock is there, what is left is found: by the next process, where this one cannot remove it.
        with suppress(OSError):
            end(parent, token)
            _lock(parent, token).unlink(missing_ok=True)
        os.close(descriptor)


def _locked(parent: Path) -> tuple[str, int]:
    while True:
        token = secrets.token_hex(_TOKEN_BYTES)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(_lock(parent, token), flags, 0o600)
        # Another process may take it for that of a dead one before it is locked, and delete it.
        if _is_free(descriptor) and os.fstat(descriptor).st_nlink:
            return token, descriptor
        os.close(descriptor)


def _remove_dead(parent: Path, remove: Remover) -> None:
    """Remove what dead processes left in a folder; what belongs to another user stays."""
    for path in parent.glob(f"{_PREFIX}*{_LOCK}"):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                found = os.fstat(descriptor)
                if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and _is_free(descriptor):
                    remove(parent, path.name.removeprefix(_PREFIX).removesuffix(_LOCK))
                    path.unlink()
            finally:
                os.close(descriptor)


def _remove_folder(parent: Path, token: str) -> None:
    folder = parent / f"{_PREFIX}{token}"
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)


def _remove_semaphores(parent: Path, token: str) -> None:
    for path in parent.glob(f"sem.{_PREFIX}{token}-*"):
        path.unlink(missing_ok=True)


def _expect_no_semaphores(parent: Path, token: str) -> None:
    """multiprocessing removes them itself, and complains of one that is gone."""
    left = next(parent.glob(f"sem.{_PREFIX}{token}-*"), None)
    if left is not None:
        raise FileExistsError(left)


def _lock(parent: Path, token: str) -> Path:
    return parent / f"{_PREFIX}{token}{_LOCK}"


def _is_free(descriptor: int) -> bool:
    """Take the lock, where no process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
