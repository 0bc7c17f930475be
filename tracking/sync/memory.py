"""Progress of the record of an output folder on other servers: a small file in the folder, without credentials.

It saves work and tells the user; what a server has is known from the server itself.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hemosweep.digest import digest_json
from hemosweep.files import write_text
from hemosweep.sqlite import left_beside
from hemosweep.tracking.database import database_path
from hemosweep.tracking.schema import ARTIFACTS_FOLDER

FILE_NAME = "mlflow-sync.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """Runs that a server has whole, of those that the output folder had then. `state` is the folder's state if all of
    it was dealt with, else None."""

    recorded: int
    total: int
    state: str | None


def state_of(out: Path) -> str | None:
    """Digest of the sizes and times of the store's files and artifacts; None where there is no store."""
    database = database_path(out)
    if not database.is_file():
        return None
    files = [database, *left_beside(database), *sorted((out / ARTIFACTS_FOLDER).rglob("*"))]
    facts = []
    for path in files:
        with suppress(FileNotFoundError):  # Another process replaces it.
            found = path.stat()
            facts.append([str(path.relative_to(out)), found.st_size, found.st_mtime_ns])
    return digest_json(facts)


def reached(out: Path, uri: str) -> Reached | None:
    """The last that is known of a server; None where nothing is."""
    try:
        return Reached(**_read(out)["servers"][uri])
    except (KeyError, TypeError):
        return None


def last_server(out: Path) -> str | None:
    """Address of the server that was recorded to last."""
    last = _read(out).get("last")
    return last if isinstance(last, str) else None


def remember(out: Path, uri: str, now: Reached) -> None:
    """Note how far a server has come. A folder that cannot be written to is recorded all the same."""
    content = _read(out)
    servers = content.get("servers")
    known = servers if isinstance(servers, dict) else {}
    with suppress(OSError):
        write_text(out / FILE_NAME, json.dumps({"last": uri, "servers": {**known, uri: asdict(now)}}, indent=2) + "\n")


def _read(out: Path) -> dict[str, Any]:
    try:
        content = json.loads((out / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
