"""Objects that others write, in an installed package, behind an entry point."""

from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from hemosweep.errors import BadInput

SWEEPS = "hemosweep.sweeps"
"""Group of the entry points of sweeps, and the package of hemosweep's own."""


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


def one_line(error: BaseException) -> str:
    """Type and message of an error."""
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return " ".join(f"{type(error).__name__}: {message}".split())
