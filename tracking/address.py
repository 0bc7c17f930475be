"""Addresses of runs in another MLflow store: `mlflow:URI/hemosweep/SWEEP/RUN`, of a server or of an SQLite file."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hemosweep.errors import BadInput
from hemosweep.tracking import schema
from hemosweep.tracking.credentials import shown
from hemosweep.tracking.variables import NAME_AND_PASSWORD

SCHEME = "mlflow:"
SQLITE = "sqlite:///"
_EXPERIMENT = f"/{schema.EXPERIMENT_PREFIX}"
_FORM = f"{SCHEME}http://HOST:PORT{_EXPERIMENT}SWEEP/RUN"


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """A store's URI, without a slash at its end, and the sweep and run that are meant there; None where none is named.

    A run is an id or the first six or more of its characters, a run name, or ARM[@SEED].
    """

    uri: str
    sweep: str | None = None
    run: str | None = None

    @property
    def place(self) -> str:
        return f"{SCHEME}{self.uri}"

    @property
    def database(self) -> Path | None:
        """The SQLite file; None for a server."""
        return Path(self.uri.removeprefix(SQLITE)) if self.uri.startswith(SQLITE) else None

    @property
    def file_name(self) -> str:
        """Name of the store for a file or folder."""
        return re.sub(r"[^\w.-]+", "_", self.uri.partition(":")[2]).strip("_")


def is_address(text: str) -> bool:
    """True if a text means a run, a sweep or all runs of another store; it may lack `mlflow:`."""
    return text.startswith(SCHEME) or "://" in text


def parse_address(text: str) -> Address:
    """The parts of an address, which may lack `mlflow:`. A server's URI may have a path.

    Raises:
        BadInput: it is none, or has a user's name or password in it.
    """
    rest = text.removeprefix(SCHEME).rstrip("/")
    uri, experiment = _split_file(rest) if rest.startswith(SQLITE) else _split_server(rest)
    sweep, _, run = experiment.partition("/")
    return Address(uri=uri, sweep=sweep or None, run=run or None)


def _split_server(text: str) -> tuple[str, str]:
    place = text.rfind(_EXPERIMENT)
    uri, experiment = (text, "") if place < 0 else (text[:place], text[place + len(_EXPERIMENT) :])
    if "@" in uri:  # Anywhere: a password may hold a slash.
        raise BadInput(f"{SCHEME}{shown(uri)}: leave the user's name and password out; set {NAME_AND_PASSWORD}")
    if not _is_server(uri):
        raise BadInput(
            f"{SCHEME}{shown(uri)}: is no address of an MLflow store; give {_FORM}, or {SCHEME}{SQLITE}FILE/..."
        )
    return uri.rstrip("/"), experiment


def _is_server(uri: str) -> bool:
    """True for the address of a server; a query or a fragment has no place in it."""
    try:
        parts = urlsplit(uri)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # such as a port that is no number
        return False
    return known and not (parts.query or parts.fragment)


def _split_file(text: str) -> tuple[str, str]:
    path = Path(text.removeprefix(SQLITE))
    file = next((place for place in (path, *path.parents) if place.is_file()), None)
    if file is None:
        raise BadInput(f"{SCHEME}{text}: there is no such file; give {SCHEME}{SQLITE}FILE{_EXPERIMENT}SWEEP/RUN")
    below = path.relative_to(file).as_posix()
    if below == ".":
        return f"{SQLITE}{file}", ""
    if not below.startswith(schema.EXPERIMENT_PREFIX):
        raise BadInput(
            f"{SCHEME}{text}: after {file} an experiment is due, such as {schema.EXPERIMENT_PREFIX}patchsize"
        )
    return f"{SQLITE}{file}", below.removeprefix(schema.EXPERIMENT_PREFIX)
