"""Faults of another MLflow server on the way of a record to it: those that pass, and those that a person must mend."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import requests
from sqlalchemy.exc import SQLAlchemyError

from hemosweep.errors import HemosweepError
from hemosweep.tracking.answers import read_answer
from hemosweep.tracking.backend import MlflowException
from hemosweep.tracking.sync.destination import Destination

T = TypeVar("T")

WAITS_S = (0.5, 2.0)
"""Waits between attempts of one request."""
_FOR_A_PERSON = (401, 403, 404)
"""Statuses of answers that stay as they are until a person does something."""


class Outage(HemosweepError):
    """A server that takes no records now. `passing` is False where only a person can mend it."""

    def __init__(self, message: str, *, passing: bool = True) -> None:
        super().__init__(message)
        self.passing = passing


class Refused(HemosweepError):
    """One record that a server does not take; it takes others."""


@contextmanager
def readable_faults(destination: Destination) -> Iterator[None]:
    """Context in which an error of a server, or on the way to it, is raised as `Outage` or `Refused`.

    No message has a password or a token.
    """
    try:
        yield
    except (MlflowException, requests.RequestException, SQLAlchemyError) as error:
        fault = _read(error, destination)
        # The message of the cause may name credentials.
        raise fault from None


def patiently(destination: Destination, work: Callable[[], T]) -> T:
    """The result of a request that may be served twice, as it is where the first answer was lost.

    Raises:
        Outage: it failed again and again, or only a person can mend it.
        Refused: the server does not take it.
    """
    for wait_s in WAITS_S:
        try:
            with readable_faults(destination):
                return work()
        except Outage as outage:
            if not outage.passing:
                raise
        time.sleep(wait_s)
    with readable_faults(destination):
        return work()


def _read(error: Exception, destination: Destination) -> Outage | Refused:
    answer = read_answer(error)
    told = f"{destination.uri} {destination.without_secrets(answer.told)}"
    if answer.is_about_record:
        return Refused(told)
    passing = answer.status not in _FOR_A_PERSON
    return Outage(told if passing or not answer.way_out else f"{told}: {answer.way_out}", passing=passing)
