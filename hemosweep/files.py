"""Files that are written as a whole or not at all, even if the process or the machine ends."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from hemosweep.errors import BadInput, HemosweepError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_OF_THE_PROCESS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
"""Errors that say nothing of a file."""
_WAYS_OUT = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there",
    errno.EROFS: "make it writable",
    errno.EACCES: "make it writable",
    errno.EPERM: "make it writable",
    errno.EMFILE: "allow more open files, such as with ulimit -n 1024",
    errno.ENFILE: "end programs that have files open",
    errno.EFBIG: "allow larger files, with ulimit -f unlimited",
    errno.ENOMEM: "end programs that take memory",
    errno.EAGAIN: "end other programs, or allow more processes with ulimit -u",
}
SHARED_MEMORY = Path("/dev/shm")
"""Folder of the system's semaphores and shared memory."""
_NO_TEMPORARY_FOLDER = "No usable temporary directory found"
"""Beginning of what `tempfile` says, in an error of a file that is not found, without a file."""


def system_message(error: OSError) -> str:
    """Message of the system, its file and the way out, in one line.

    An error of a full disk without a file names the places of temporary files that are full.
    """
    what = error.strerror or str(error)
    if error.filename is None and what.startswith(_NO_TEMPORARY_FOLDER):
        return f"TMPDIR: {what}; free some space in one of them, or set TMPDIR to a folder that can be written to"
    place = error.filename
    if place is None and error.errno in _FULL:
        place = " and ".join(map(str, _full_places())) or None
    place = place or ("this process" if error.errno in _OF_THE_PROCESS else "system")
    return f"{place}: {what}; {_WAYS_OUT.get(error.errno or 0, 'mend it')}"


def reason_of(error: OSError | HemosweepError) -> str:
    """An error of the system, or one of ours, in one line."""
    return system_message(error) if isinstance(error, OSError) else str(error)


def _full_places() -> list[Path]:
    """Those of the places of temporary files where nothing can be written."""
    places = dict.fromkeys([Path(os.environ.get("TMPDIR") or "/tmp"), Path("/tmp"), Path("/var/tmp"), SHARED_MEMORY])
    return [place for place in places if _is_full(place)]


def _is_full(folder: Path) -> bool:
    try:
        state = os.statvfs(folder)
    except OSError:
        return False
    return state.f_bavail == 0 or (state.f_files > 0 and state.f_favail == 0)


@contextmanager
def naming(path: Path, *, instead_of: Path | None = None) -> Iterator[None]:
    """Context in which an error of the system without a file name, such as that of a full disk, gets the name of
    `path`.

    Args:
        instead_of: a file that the user does not know; an error that names it also gets the name of `path`.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (None, *_OF_THE_PROCESS) and error.filename in (None, instead_of and str(instead_of)):
            error.filename, error.filename2 = str(path), None
        raise


@contextmanager
def replacing(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """Context with a temporary path, which is flushed to disk and then renamed to `path`. The folder is made.

    After an error `path` is unchanged. An error of the system always has a file name, at least that of `path`.

    Args:
        shared: several processes may write `path` at once, so each uses its own temporary name. Otherwise the next
            process overwrites the remains of a killed one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{uuid4().hex}-{path.name}" if shared else f".tmp-{path.name}")
    try:
        with naming(path, instead_of=temporary):
            yield temporary
            _flush(temporary)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    # Where a file system cannot flush a folder, a power cut may bring the old file back, whole as well.
    with suppress(OSError):
        _flush(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text: whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def is_writable(path: Path) -> bool:
    """True if this process may write to an existing file, or make files in an existing folder."""
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def check_writable(option: str, folder: Path) -> None:
    """Refuse an output folder that cannot be made or written to; make nothing yet.

    Args:
        option: the option that it was given with, for the message.

    Raises:
        BadInput: as said, or its path is no text in UTF-8, which cannot be part of an address that MLflow keeps.
    """
    try:
        str(folder.absolute()).encode()
    except UnicodeEncodeError:
        raise BadInput(f"{option} {str(folder)!a}: is no UTF-8 text; give a folder with another name") from None
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    if not os.path.isdir(existing) or not is_writable(existing):
        raise BadInput(f"{option} {folder}: cannot write in {existing}; give another folder")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
