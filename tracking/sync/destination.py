"""Address of another MLflow server: found, checked, and printed without its credentials. It does not import MLflow."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from hemosweep.errors import BadInput
from hemosweep.tracking.credentials import shown, without_credentials
from hemosweep.tracking.variables import PASSWORD, TOKEN, URI, USERNAME

OFF = "none"
"""Value of `--tracking` that records in the output folder alone, whatever the environment says."""

_SECRETS = (PASSWORD, TOKEN, "DATABRICKS_TOKEN", "DATABRICKS_CLIENT_SECRET")
_SCHEMES = ("http", "https", "databricks", "sqlite")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """Another MLflow server. `uri` is its address without credentials, `named_by` the option or variable that has it.

    `environment` holds the credentials that stood in the address, as the variables from which MLflow's client takes
    them: for this process, or for one that is started.
    """

    uri: str
    named_by: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_server(self) -> bool:
        """True for a server, which is reached through a network; False for a database file."""
        return not self.uri.startswith("sqlite:")

    @property
    def database(self) -> Path | None:
        """The database file; None for a server."""
        return None if self.is_server else Path(urlsplit(self.uri).path[1:])

    @property
    def is_on_this_machine(self) -> bool:
        return not self.is_server or urlsplit(self.uri).hostname in _LOOPBACK

    def for_process(self) -> dict[str, str]:
        """Environment of a process that records there."""
        return {**os.environ, **self.environment, URI: self.uri}

    def without_secrets(self, text: str) -> str:
        """A text without the password or token, and without the credentials of any address in it."""
        known = {**os.environ, **self.environment}
        secrets = {known[name] for name in _SECRETS if known.get(name)}
        if known.get(PASSWORD):
            secrets.add(base64.b64encode(f"{known.get(USERNAME, '')}:{known[PASSWORD]}".encode()).decode())
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, "[secret]")
        return without_credentials(text)


def find_destination(given: str | None, *, option: str = "--tracking") -> Destination | None:
    """The server of an option, or else of `MLFLOW_TRACKING_URI`; None where neither names one, or the option is `none`.

    Raises:
        BadInput: the address is that of no server.
    """
    named_by, text = (option, given) if given is not None else (URI, os.environ.get(URI, ""))
    text = text.strip()
    if text == OFF or (given is None and not text):
        return None
    try:
        return _checked(text, named_by)
    except (BadInput, ValueError) as error:
        reason = str(error) if isinstance(error, BadInput) else "it is no address"
        way_out = "" if given is not None else f"; or give --tracking {OFF}"
        raise BadInput(
            f"{named_by} {shown(text)}: {reason}; give that of an MLflow server, such as http://HOST:5000{way_out}"
        ) from None


def _checked(text: str, named_by: str) -> Destination:
    """Raises:
    BadInput, ValueError: it is the address of no server.
    """
    parts = urlsplit(text)
    if text in ("databricks", "databricks-uc"):
        return Destination(uri=text, named_by=named_by)
    if parts.scheme not in _SCHEMES:
        raise BadInput("the address has no http://" if "://" not in text else f"{parts.scheme}: is not supported")
    if parts.scheme == "sqlite":
        if not parts.path.startswith("//"):
            raise BadInput("a database file needs its whole path, as in sqlite:////folder/file.db")
        return Destination(uri=text, named_by=named_by)
    if not parts.hostname or parts.query or parts.fragment or "@" in parts.path:
        raise BadInput("an address has a host, and no ? or #; in a password these are %3F and %23, / is %2F, @ is %40")
    _ = parts.port  # ValueError where it is no number
    environment = {
        name: unquote(value) for name, value in ((USERNAME, parts.username), (PASSWORD, parts.password)) if value
    }
    host = parts.netloc.rpartition("@")[2]
    uri = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
    return Destination(uri=uri, named_by=named_by, environment=environment)


def is_own_store(destination: Destination, database: Path) -> bool:
    """True if the destination is the database of an output folder itself."""
    return destination.database is not None and destination.database.resolve() == database.resolve()


def as_known(uri: str) -> Destination:
    """The destination of an earlier recording."""
    return replace(_checked(uri, "the last time"))
