"""Executors that others write: `--executor NAME[:ADDRESS]` of an installed package, or `FILE.py[:ADDRESS]`."""

import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from hemosweep.components.project import read_object
from hemosweep.errors import BadInput
from hemosweep.plugins import installed, is_frozen

if TYPE_CHECKING:
    from hemosweep.executors.protocol import Executor

GROUP = "hemosweep.executors"
"""Group of the entry points; an entry point's name is that of the executor."""
OBJECT = "EXECUTOR"
"""Name of the object in a file."""
_FILE = re.compile(r"(?P<file>.+?\.py)(:(?P<address>.*))?", re.DOTALL)


class ExecutorPlugin(Protocol):
    """Way to an executor, as a lab writes it: a frozen dataclass, which a file names `EXECUTOR`.

    An installed package offers it by an entry point of the group `hemosweep.executors`.
    `hemosweep.testing.executors.ExecutorContract` tests what it opens. To train a fold run, an executor starts
    `python -m hemosweep.training FOLDER` (see `hemosweep.training.__main__`), and reads its end with
    `hemosweep.executors.exit_status.read_end`.
    """

    def open(self, out: Path, *, address: str, num_folds: int) -> "AbstractContextManager[Executor]":
        """Context with the executor, for the time of a sweep. It leaves no process behind.

        Args:
            out: the output folder, which holds the folders of the fold runs.
            address: text after the colon of `--executor`; empty where there is none.
            num_folds: number of folds of an arm, such as the number of fold runs that may wait at a cluster.

        Raises:
            BadInput: the address cannot be used, or what is behind it cannot be reached.
        """


def find_plugin(executor: str) -> tuple[ExecutorPlugin, str] | None:
    """The executor that `--executor` names, and its address; None where it is neither a file nor an installed name.

    Raises:
        BadInput: the file or the package cannot be used, or two packages have an executor of that name.
    """
    match = _FILE.fullmatch(executor)
    if match is not None:
        path = Path(match["file"]).expanduser()
        return _checked(read_object(path, OBJECT), f"{path}: {OBJECT}"), match["address"] or ""
    name, _, address = executor.partition(":")
    found = [one for one in installed(GROUP) if one.name == name]
    if not found:
        return None
    if len(found) > 1:
        places = " and of ".join(one.place for one in found)
        raise BadInput(f"two executors are named {name!r}, of {places}; remove one of the packages")
    return _checked(found[0].load(), found[0].place), address


def installed_names() -> tuple[str, ...]:
    """Names of the executors of installed packages."""
    return tuple(dict.fromkeys(one.name for one in installed(GROUP)))


def _checked(value: Any, place: str) -> ExecutorPlugin:
    if not is_frozen(value):
        raise BadInput(f"{place} is no instance of a frozen dataclass; decorate its class with @dataclass(frozen=True)")
    if not callable(getattr(value, "open", None)):
        raise BadInput(f"{place} has no method open; write open(self, out, *, address, num_folds)")
    return cast(ExecutorPlugin, value)
