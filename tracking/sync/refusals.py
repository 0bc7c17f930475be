"""Records that another server refuses in one pass. It gets the others."""

from collections.abc import Callable
from typing import TypeVar

from hemosweep.tracking.sync.destination import Destination
from hemosweep.tracking.sync.faults import Refused, readable_faults

T = TypeVar("T")


class Refusals:
    """The reasons why a server does not have some records."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._reasons: list[str] = []

    @property
    def first(self) -> str | None:
        """The first reason; None where there is none."""
        return self._reasons[0] if self._reasons else None

    def add(self, reason: str) -> None:
        self._reasons.append(reason)

    def taken(self, work: Callable[[], T]) -> T | None:
        """The result of requests; None, and one more reason, where the server refuses one of them.

        Raises:
            Outage: the server takes no records now.
        """
        try:
            with readable_faults(self._destination):
                return work()
        except Refused as refused:
            self.add(str(refused))
            return None
