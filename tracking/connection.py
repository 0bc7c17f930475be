"""Connection to another MLflow store through MLflow's public client, with its faults in one line each."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from hemosweep.errors import BadInput, HemosweepError
from hemosweep.sqlite import check_database, database_url, usable
from hemosweep.tracking.address import SCHEME, SQLITE
from hemosweep.tracking.answers import first_line, read_answer
from hemosweep.tracking.backend import MlflowClient, MlflowException
from hemosweep.tracking.revision import check_revision
from hemosweep.tracking.variables import wait_no_longer

_NUM_RETRIES = 2


def connect(uri: str) -> MlflowClient:
    """A client of a server (http or https), or of the store in an SQLite file; nothing is asked yet.

    MLflow takes the user's name and password, or the token, from the environment.

    Raises:
        BadInput: there is no store in the file, or one of another version of MLflow.
    """
    wait_no_longer(num_retries=_NUM_RETRIES)  # Somebody waits for this command.
    if uri.startswith(SQLITE):
        path = Path(uri.removeprefix(SQLITE))
        check_database(path)
        check_revision(path)
        uri = database_url(path)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def one_line_faults(uri: str) -> Iterator[None]:
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
    except (OSError, SQLAlchemyError, MlflowException) as error:
        if uri.startswith(SQLITE) or not isinstance(error, MlflowException):
            raise BadInput(f"{SCHEME}{uri}: cannot be read ({first_line(error)})") from error
        answer = read_answer(error)
        way_out = f"; {answer.way_out}" if answer.way_out else ""
        raise BadInput(f"{SCHEME}{uri}: the server {answer.told}{way_out}") from error
