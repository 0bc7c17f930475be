"""Folders that a sweep writes to: whether it can, how much is free, and whether locks hold there."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hemosweep.data.manifest import read_manifest
from hemosweep.errors import BadInput
from hemosweep.files import SHARED_MEMORY, check_writable, is_writable
from hemosweep.sqlite import check_database
from hemosweep.tracking.database import database_path
from hemosweep.workflows.doctoring.finding import GIB, Finding, note, ok, problem

_MOUNTS = Path("/proc/mounts")
LITTLE, TOO_LITTLE = 10 * GIB, GIB // 10
"""Free space below which a study may not fit, and below which nothing can be trained."""
_LITTLE_SHARED = 2**20
_NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph-fuse", "fuse.glusterfs", "fuse.juicefs", "fuse.sshfs",
    "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "panfs", "pvfs2", "smb3", "smbfs", "virtiofs", "wekafs",
})  # fmt: skip
"""File systems that several machines share."""


def check_out(out: Path) -> Iterator[Finding]:
    """The folder of results, which is not made."""
    try:
        check_writable("--out", out)
    except BadInput as error:
        yield problem("folder of results", "cannot be written to", str(error))
        return
    yield _space("folder of results", out, "give another --out, or remove what hemosweep clean lists")
    kind = file_system(out)
    if kind in _NETWORK:
        yield note(
            "file system",
            f"{kind}, which is shared through a network",
            "the locks of SQLite may not hold there: run sweeps of one folder of results from one machine at a time, "
            "or give a local --out",
        )
    elif kind:
        yield ok("file system", f"{kind}, on this machine")
    try:
        check_database(database_path(out))
    except BadInput as error:
        yield problem("record of runs", "cannot be read", str(error))


def check_temporary() -> Iterator[Finding]:
    """Places of temporary files and of shared memory, in which processes of hemosweep meet."""
    try:
        folder = Path(tempfile.gettempdir())
    except OSError:
        yield problem("temporary files", "nowhere to put them", "free some space in /tmp, or set TMPDIR to a folder")
    else:
        yield _space("temporary files", folder, "free some space there, or set TMPDIR to another folder", little=GIB)
    if not SHARED_MEMORY.is_dir():
        return
    state = os.statvfs(SHARED_MEMORY)
    free = state.f_bavail * state.f_frsize
    if not is_writable(SHARED_MEMORY) or free < _LITTLE_SHARED:
        yield problem(
            "shared memory",
            f"{SHARED_MEMORY} is full or cannot be written to",
            "cases and fold runs are worked on by several processes, which need it; free it, or start the container "
            "with more (docker run --shm-size=1g)",
        )
    else:
        yield ok("shared memory", f"{free / GIB:.1f} GiB free")


def check_cache() -> Finding:
    """The folder in which code that is compiled for a GPU is kept."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        check_writable("cache", cache)
    except (BadInput, RuntimeError):
        return note(
            "cache of compiled code",
            "cannot be written to",
            "on a GPU, each sweep compiles its network anew, for a minute or more; set XDG_CACHE_HOME to a folder",
        )
    return _space("cache of compiled code", cache, "free some space there, or set XDG_CACHE_HOME", little=GIB)


def check_data(data: Path) -> Finding:
    """A data set: its table, and whether prepared cases can be kept beside it."""
    try:
        num = len(read_manifest(data))
    except BadInput as error:
        return problem("data set", "cannot be read", str(error))
    if not is_writable(data):
        meaning = "make it writable: prepared cases are kept in its derivatives/"
        return problem("data set", f"{num} cases, in a folder that cannot be written to", meaning)
    return _space("data set", data, "prepared cases are kept there: free some space", found=f"{num} cases, ")


def file_system(path: Path) -> str:
    """Kind of the file system that a folder lies in, or will lie in; empty where it is not known."""
    place = os.path.realpath(path)
    best, kind = "", ""
    try:
        lines = _MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        _, mount, found, *_ = line.split(" ")
        mount = mount.encode().decode("unicode_escape") if "\\" in mount else mount
        inside = place == mount or place.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, found
    return kind


def _space(what: str, folder: Path, way_out: str, *, little: int = LITTLE, found: str = "") -> Finding:
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    state = os.statvfs(existing)
    free = state.f_bavail * state.f_frsize
    text = f"{found}{free / GIB:.1f} GiB free"
    if free < TOO_LITTLE or (state.f_files > 0 and state.f_favail == 0):
        return problem(what, text, f"nothing can be written; {way_out}")
    if free < little:
        return note(what, text, f"a study may not fit; {way_out}")
    return ok(what, text)
