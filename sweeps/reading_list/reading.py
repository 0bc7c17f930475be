"""One reading of the paper, and the fields of configurations that readings cover."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

from hemosweep.config import ArmConfig

Kind = Literal["printed", "inferred", "changed"]
LABORATORY = "the laboratory's public code (Clèrigues et al. 2019)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One choice.

    `where` is the paper's section. A printed choice has no reason; the others have one, and the inferred ones
    `alternatives`. `covers` are the fields that hold the choice, such as `TrainingConfig.batch_size`.
    """

    choice: str
    value: str
    kind: Kind
    where: str
    reason: str = ""
    alternatives: str = ""
    covers: tuple[str, ...] = ()


def choices_of(value: Any) -> Iterator[str]:
    """Fields of a configuration and of all its components, such as `Window.low_hu`."""
    if isinstance(value, tuple):
        for item in value:
            yield from choices_of(item)
    elif is_dataclass(value):
        for field in fields(value):
            inner = getattr(value, field.name)
            if not (isinstance(value, ArmConfig) and field.name != "network"):
                yield f"{type(value).__name__}.{field.name}"
            yield from choices_of(inner)


def printed(choice: str, value: str, where: str, *covers: str) -> Reading:
    return Reading(choice=choice, value=value, kind="printed", where=where, covers=covers)


def inferred(choice: str, value: str, where: str, reason: str, alternatives: str, *covers: str) -> Reading:
    return Reading(
        choice=choice,
        value=value,
        kind="inferred",
        where=where,
        reason=reason,
        alternatives=alternatives,
        covers=covers,
    )


def changed(choice: str, value: str, where: str, reason: str, *covers: str) -> Reading:
    return Reading(choice=choice, value=value, kind="changed", where=where, reason=reason, covers=covers)


def size(size_HWD: tuple[float, ...]) -> str:
    return " x ".join(f"{size:g}" for size in size_HWD)


def percent(share: float) -> str:
    return f"{100 * share:g}%"
