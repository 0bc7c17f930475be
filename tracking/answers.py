"""Answers of an MLflow server that are no result, and failures to get one: what is wrong, and the way out."""

import os
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import requests
from sqlalchemy.exc import SQLAlchemyError

from hemosweep.tracking.backend import DOES_NOT_EXIST, MLFLOW_VERSION, MlflowException
from hemosweep.tracking.variables import CERTIFICATE, CREDENTIALS, NAME_AND_PASSWORD, TOKEN, USERNAME

_STATUS = re.compile(r"(?:failed with error code|too many) (\d{3})")
_NOT_MLFLOW = "not in a valid JSON format"
_ONLY_THE_STATUS = "API request to "
"""Beginning of a message of MLflow's client about an answer without a message."""
_LONGEST = 200

_WAYS_OUT: dict[type[BaseException], str] = {
    requests.Timeout: "try again later",
    socket.gaierror: "look at the address",
    ssl.SSLError: f"set {CERTIFICATE} to its certificate, or look at the address",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer that is no result. `status` is that of HTTP, None where there was no answer.

    `told` goes on after the name of the server, and may name credentials; `way_out` is "" where the user has none.
    `is_about_record` is True where the server refuses this record alone.
    """

    status: int | None
    told: str
    way_out: str = ""
    is_about_record: bool = False


def read_answer(error: Exception) -> Answer:
    """The answer that an error of MLflow's client, or of a database, stands for."""
    status, line = _status(error), first_line(error)
    if status is None:
        return Answer(status=None, told=f"cannot be reached ({_reason(error)})", way_out=_way_out(error))
    if _NOT_MLFLOW in line:
        return Answer(status=200, told="is another program than MLflow", way_out="look at the address")
    if status == 401:
        if not (os.environ.get(USERNAME) or os.environ.get(TOKEN)):
            return Answer(status=status, told="wants credentials (401)", way_out=f"set {CREDENTIALS}")
        given = NAME_AND_PASSWORD if os.environ.get(USERNAME) else TOKEN
        return Answer(status=status, told=f"refuses the credentials of {given} (401)", way_out="set others")
    if status == 403:
        return Answer(status=status, told="does not let this user do that (403)", way_out="ask its owner for the right")
    if status == 404 and getattr(error, "error_code", None) != DOES_NOT_EXIST:
        told = f"does not know a request of MLflow {MLFLOW_VERSION} (404)"
        return Answer(status=status, told=told, way_out="look at the address, and at the server's version")
    if status in (400, 404, 409):
        return Answer(status=status, told=f"refuses what MLflow {MLFLOW_VERSION} asks ({line})", is_about_record=True)
    if status in (413, 507):
        return Answer(status=status, told=f"has no space for it ({status})")
    said = "" if line.startswith(_ONLY_THE_STATUS) else f" ({line})"
    return Answer(status=status, told=f"answers {status}{said}", way_out="look at its log")


def first_line(error: BaseException) -> str:
    """The first line of an error's message, not too long."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


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
    return told[-1] if told else first_line(causes[-1])


def _way_out(error: BaseException) -> str:
    causes = list(_causes(error))
    for kind, way_out in _WAYS_OUT.items():
        if any(isinstance(cause, kind) for cause in causes):
            return way_out
    return "look at the address, and whether it runs"


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
