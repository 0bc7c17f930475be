"""Connection to another MLflow store through MLflow's public client, with its faults in one line each."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from hemosweep.errors import BadInput, HemosweepError
from hemosweep.sqlite import check_database, database_url, usable
from hemosweep.tracking import schema
from hemosweep.tracking.address import SQLITE
from hemosweep.tracking.backend import MLFLOW_VERSION, MlflowClient, MlflowException
from hemosweep.tracking.revision import check_revision

USERNAME, PASSWORD, TOKEN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
"""A command that somebody waits for gives up sooner than MLflow does by itself: after minutes."""
_FAILED = re.compile(r"failed with (?:timeout )?exception (.*)", re.DOTALL)
_STATUS_OF = {"UNAUTHENTICATED": 401, "CUSTOMER_UNAUTHORIZED": 401, "PERMISSION_DENIED": 403}
_STATUS = re.compile(r"failed with error code (\d{3})")


def connect(uri: str) -> MlflowClient:
    """A client of a server (http or https), or of the store in an SQLite file; nothing is asked yet.

    MLflow takes the user's name and password, or the token, from the environment.

    Raises:
        BadInput: there is no store in the file, or one of another version of MLflow.
    """
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    if uri.startswith(SQLITE):
        path = Path(uri.removeprefix(SQLITE))
        check_database(path)
        check_revision(path)
        uri = database_url(path)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def reached(uri: str) -> Iterator[None]:
    """Context of calls of a client, whose errors name the store and the way out. No message has credentials.

    Raises:
        BadInput: the store cannot be reached, or refuses.
    """
    try:
        if uri.startswith(SQLITE):
            with usable(Path(uri.removeprefix(SQLITE))):
                yield
        else:
            yield
    except HemosweepError:
        raise
    except MlflowException as error:
        raise BadInput(f"mlflow:{uri}: {_explained(error)}") from error
    except (OSError, SQLAlchemyError) as error:
        raise BadInput(f"mlflow:{uri}: cannot be read ({_first_line(error)})") from error


def _explained(error: MlflowException) -> str:
    text = str(error)
    if failed := _FAILED.search(text):
        return _unreachable(failed[1])
    status = _STATUS.search(text)
    code = int(status[1]) if status else _STATUS_OF.get(error.error_code, 0)
    if code == 401:
        return f"the server {_credentials()}"
    if code == 403:
        return f"the user of {USERNAME} may not do this there; ask the server's owner"
    if code == 404 and status:
        return (
            f"no MLflow server answers there; look at the address, whose experiment is {schema.EXPERIMENT_PREFIX}SWEEP"
        )
    if code >= 500 and status:
        return f"the server fails (HTTP {code}); look at its log"
    if "valid JSON format" in text:
        return "no MLflow server answers there, but another program; look at the address"
    return f"{_first_line(error)} (asked by MLflow {MLFLOW_VERSION})"


def _credentials() -> str:
    if os.environ.get(USERNAME) or os.environ.get(TOKEN):
        given = f"{USERNAME} and {PASSWORD}" if os.environ.get(USERNAME) else TOKEN
        return f"refuses the credentials of {given}"
    return f"wants credentials; set {USERNAME} and {PASSWORD}, or {TOKEN}"


def _unreachable(reason: str) -> str:
    if "timed out" in reason.lower() or "timeout" in reason.lower():
        return "the server does not answer in time; try again later"
    if "NameResolution" in reason or "getaddrinfo" in reason or "not known" in reason:
        return "there is no such host; look at the address"
    if "SSL" in reason or "certificate" in reason:
        return (
            "its certificate is not trusted, or it speaks no TLS; set MLFLOW_TRACKING_SERVER_CERT_PATH to its "
            "certificate, or look at the address"
        )
    return "the server cannot be reached; look at the address, and whether it runs"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
