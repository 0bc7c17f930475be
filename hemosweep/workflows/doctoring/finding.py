"""One line of `hemosweep doctor`."""

from dataclasses import dataclass
from typing import Literal

GIB = 2**30


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """State of one thing.

    `level` is "problem" where no sweep can run, and "note" where something is slower or cannot be used. `meaning` says
    so, with the way out; it is empty where all is well.
    """

    level: Literal["ok", "note", "problem"]
    what: str
    found: str
    meaning: str = ""


def ok(what: str, found: str) -> Finding:
    return Finding(level="ok", what=what, found=found)


def note(what: str, found: str, meaning: str) -> Finding:
    return Finding(level="note", what=what, found=found, meaning=meaning)


def problem(what: str, found: str, meaning: str) -> Finding:
    return Finding(level="problem", what=what, found=found, meaning=meaning)
