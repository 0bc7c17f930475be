"""MLflow's client of another server, and the environment in which it is used."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from hemosweep.sqlite import check_database
from hemosweep.tracking.backend import MlflowClient
from hemosweep.tracking.revision import check_revision
from hemosweep.tracking.sync.destination import Destination
from hemosweep.tracking.variables import MAX_RETRIES, TIMEOUT_S, URI, wait_no_longer

_NO_LINKS = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}


@contextmanager
def client_environment(destination: Destination) -> Iterator[None]:
    """Context in which MLflow's client has the credentials for a server, and tries nothing again by itself.

    It holds for all threads. What it sets is as before at its end.
    """
    changed = (URI, MAX_RETRIES, TIMEOUT_S, *destination.environment, *_NO_LINKS)
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update({**destination.for_process(), **_NO_LINKS})
    # What is tried again is decided here: a request whose answer was lost may have been served.
    wait_no_longer(num_retries=0, always=True)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def open_client(destination: Destination) -> MlflowClient:
    """A client of a server, which is not asked anything yet, or of the store in a database file.

    Raises:
        BadInput: the file is no database, or a store of another version of MLflow.
    """
    if destination.database is not None:
        check_database(destination.database)
        if destination.database.is_file():
            check_revision(destination.database)
    return MlflowClient(tracking_uri=destination.uri, registry_uri=destination.uri)
