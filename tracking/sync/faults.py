"""Faults of another MLflow server, in one line each: what is wrong, and the way out where the user has one."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import requests
from sqlalchemy.exc import SQLAlchemyError

from hemosweep.errors import HemosweepError
from hemosweep.tracking.backend import MLFLOW_VERSION, MlflowException
from hemosweep.tracking.sync.destination import PASSWORD, USERNAME, Destination

T = TypeVar("T")

WAITS_S = (0.5, 2.0)
"""Waits between attempts of one request."""
_STATUS = re.compile(r"(?:failed with error code|too many) (\d{3})")
_LONGEST = 200
_FORGOTTEN = "RESOURCE_DOES_NOT_EXIST"


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
    status, place = _status(error), destination.uri
    if status is None:
        return Outage(f"{place} cannot be reached ({destination.without_secrets(_reason(error))})")
    said = destination.without_secrets(_first_line(error))
    if status == 401:
        return Outage(
            f"{place} takes neither this user nor this password (401): set {USERNAME} and {PASSWORD}", passing=False
        )
    if status == 403:
        return Outage(f"{place} does not let this user write there (403): ask for the right to", passing=False)
    if status == 404 and getattr(error, "error_code", None) != _FORGOTTEN:
        return Outage(
            f"{place} does not know a request of MLflow {MLFLOW_VERSION} (404): is it a server of another version?",
            passing=False,
        )
    if status in (400, 404, 409):
        return Refused(f"{place} refuses a record ({said})")
    if status in (413, 507):
        return Outage(f"{place} has no space for it ({status})")
    return Outage(f"{place} answers {status} ({said})")


def _status(error: BaseException) -> int | None:
    """Status of an answer over HTTP; None where there was no answer."""
    told = _STATUS.search(str(error))
    if told is not None:
        return int(told[1])
    for cause in _causes(error):
        if isinstance(cause, requests.HTTPError) and cause.response is not None:
            return int(cause.response.status_code)
        if isinstance(cause, requests.RequestException | SQLAlchemyError):
            return None
    return int(error.get_http_status_code()) if isinstance(error, MlflowException) else None  # type: ignore[no-untyped-call]


def _reason(error: BaseException) -> str:
    causes = list(_causes(error))
    if any(isinstance(cause, requests.Timeout) for cause in causes):
        return "no answer in time"
    told = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    return told[-1] if told else _first_line(causes[-1])


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _first_line(error: BaseException) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
