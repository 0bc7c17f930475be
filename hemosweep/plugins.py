"""Objects that others write: in an installed package, behind an entry point, or in a Python file that a user names."""

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from hemosweep.errors import BadInput


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """An entry point of an installed package. `place` names it to a user."""

    name: str
    place: str
    entry: EntryPoint

    def load(self) -> Any:
        """The object behind it.

        Raises:
            BadInput: the package cannot be imported, or lacks the object.
        """
        try:
            return self.entry.load()
        except Exception as error:
            raise BadInput(f"{self.place}: cannot be loaded ({one_line(error)}); mend or remove the package") from error


def installed(group: str) -> Iterator[Installed]:
    """Entry points of a group, sorted by name and place; nothing is imported."""
    found = (Installed(name=entry.name, place=_place(entry), entry=entry) for entry in entry_points(group=group))
    return iter(sorted(found, key=lambda one: (one.name, one.place)))


def _place(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version} ({entry.value})" if entry.dist else f"entry point {entry.value}"


def is_frozen(value: Any) -> bool:
    """True for an instance of a frozen dataclass: an object that is its own configuration."""
    return is_dataclass(value) and not isinstance(value, type) and type(value).__dataclass_params__.frozen  # type: ignore[attr-defined]


def read_from_file(path: Path, name: str) -> Any:
    """Run a Python file, and return its object of that name.

    Raises:
        BadInput: there is no such file, it fails (the message has the line), or it has no such name.
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such file; check its name")
    path = path.resolve()
    # Two files of one name are two modules, and neither hides a package of that name.
    module_name = f"hemosweep_file_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise BadInput(f"{path}: is no Python file; name one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # A dataclass of the file looks its module up there.
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        raise BadInput(f"{path}:{_line(error, path)}: {one_line(error)}; mend the file") from error
    if not hasattr(module, name):
        raise BadInput(f"{path}: has no {name}; write {name} = ... at its end")
    return getattr(module, name)


def one_line(error: BaseException) -> str:
    """Type and message of an error."""
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return " ".join(f"{type(error).__name__}: {message}".split())


def _line(error: BaseException, path: Path) -> int:
    """Line of a file where an error comes from; 1 where that is unknown, as with unreadable text."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return (lines[-1] if lines else None) or 1
