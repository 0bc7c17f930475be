"""The work that this process does at the moment, in words. The command line shows it to a user who waits; nothing is
printed here."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(eq=False, kw_only=True, slots=True)
class Activity:
    """A piece of work, and how far it is, such as "3 of 18". It has no `text` where nobody waits for its end."""

    text: str
    begun: float
    progress: str = ""


_at_work: list[Activity] = []


@contextmanager
def doing(text: str) -> Iterator[Callable[[str], None]]:
    """Context of a piece of work that may take seconds; yields the function that says how far it is."""
    activity = Activity(text=text, begun=time.monotonic())

    def tell(progress: str) -> None:
        activity.progress = progress

    _at_work.append(activity)
    try:
        yield tell
    finally:
        _at_work.remove(activity)


@contextmanager
def serving() -> Iterator[None]:
    """Context in which this process is ready and waits for others, so that nobody waits for it."""
    with doing(""):
        yield


def present() -> Activity | None:
    """The innermost piece of work that has begun and not ended; None where none has a name."""
    return _at_work[-1] if _at_work else None
