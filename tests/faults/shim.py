"""The shim of `shim.c` from Python: built, loaded before libc, and told which call to disturb."""

import ctypes
import mmap
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
DRIVER, CHILD = 1, 2
ROLES = {DRIVER: "driver", CHILD: "child"}
MEMORY, ROLE = "HEMOSWEEP_FAULTS", "HEMOSWEEP_FAULTS_ROLE"
"""Environment variables: the file that the processes share, and the role of a process that is not forked from ours."""

(NOTHING, KILL_SELF, KILL_OTHER, KILL_BOTH, FAIL_ONCE, FAIL_ON, STOP, TEAR) = range(8)

_LENGTH, _NUM_RECORDS = 128, 60_000


class _Record(ctypes.Structure):
    _fields_ = [("role", ctypes.c_int32), ("text", ctypes.c_char * _LENGTH)]


class _Shared(ctypes.Structure):
    _fields_ = [
        ("out", ctypes.c_char * 512),
        *((name, ctypes.c_int32) for name in ("role", "ordinal", "action", "error")),
        ("text", ctypes.c_char * _LENGTH),
        ("kinds", ctypes.c_char * _LENGTH),
        *((name, ctypes.c_int32) for name in ("seen", "hit", "stopped")),
        ("process", ctypes.c_int32 * 4),
        ("num_records", ctypes.c_int32),
        ("records", _Record * _NUM_RECORDS),
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One call to the file system: the n-th with this text, such as "fsync mlflow.db", of the processes of a role."""

    role: int
    text: str
    ordinal: int

    @property
    def kind(self) -> str:
        return self.text.split(" ")[0]

    def __str__(self) -> str:
        return f"{ROLES[self.role]}: {self.text} #{self.ordinal + 1}"


class Shim:
    """The memory that the processes of a sweep share with this one, which was started in `environment`."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(None)
        library.fault_size.restype = ctypes.c_size_t
        assert library.fault_size() == ctypes.sizeof(_Shared), "shim.c and shim.py disagree"
        self._library = library
        with path.open("r+b") as file:
            self._shared = _Shared.from_buffer(mmap.mmap(file.fileno(), ctypes.sizeof(_Shared)))

    def take_role(self, role: int) -> None:
        """Make this process count as one of that role, as do those that it forks."""
        self._library.fault_role(role)

    def arm(
        self, out: Path, point: Point | None = None, action: int = NOTHING, error: int = 0, kinds: str = ""
    ) -> None:
        """Count from now on what is done below `out`, and act at a point, once.

        Args:
            error: number of the error that is given.
            kinds: for `FAIL_ON`, the operations that fail from there on, such as "create write ".
        """
        shared = self._shared
        ctypes.memset(ctypes.byref(shared), 0, _Shared.records.offset)
        if point is not None:
            shared.role, shared.ordinal, shared.text = point.role, point.ordinal, point.text.encode()
        shared.action, shared.error, shared.kinds = action, error, kinds.encode()
        shared.out = os.fsencode(out)

    @property
    def hit(self) -> bool:
        """True if the point was reached."""
        return bool(self._shared.hit)

    def take_stopped(self) -> int:
        """Process that stopped itself; 0 for none, and when asked again."""
        process, self._shared.stopped = self._shared.stopped, 0
        return int(process)

    def points(self) -> list[Point]:
        """Every call since `arm`, in their order."""
        number = self._shared.num_records
        assert number <= _NUM_RECORDS, f"{number} calls: make the records of shim.c larger"
        seen: Counter[tuple[int, str]] = Counter()
        points = []
        for record in self._shared.records[:number]:
            name = record.role, record.text.decode()
            points.append(Point(role=record.role, text=name[1], ordinal=seen[name]))
            seen[name] += 1
        return points


def compiler() -> str | None:
    """The C compiler of this machine; None where there is none or the system is another one than Linux."""
    return shutil.which("cc") or shutil.which("gcc") if sys.platform == "linux" else None


def build(folder: Path) -> Path:
    """Compile the shim into a folder."""
    library = folder / "shim.so"
    found = compiler()
    assert found is not None
    options = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run([found, *options, "-o", library, SOURCE, "-ldl"], check=True)
    return library


def environment(library: Path, memory: Path) -> dict[str, str]:
    """Environment variables of a process with the shim; the file that it shares is made."""
    with memory.open("wb") as file:
        file.truncate(ctypes.sizeof(_Shared))
    before = os.environ.get("LD_PRELOAD", "")
    return {"LD_PRELOAD": f"{library} {before}".strip(), MEMORY: str(memory)}
