"""Listings of artifacts: the digest of each file of a run, by the digest of them all.

A copy is marked with the latter alone. A listing of it that was kept says which file has changed since, so that only
that one is sent. It is known by its own digest, so a file of listings can be old or of another folder, but not wrong.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from hemosweep.digest import digest_file, digest_json
from hemosweep.files import write_text

FILE_NAME = "mlflow-sync-files.json"


class Listings:
    """The listings of runs, those of earlier processes included. Digests of files are kept from pass to pass."""

    def __init__(self, out: Path | None = None) -> None:
        self._path = None if out is None else out / FILE_NAME
        self._earlier = {} if self._path is None else _read(self._path)
        self._now: dict[str, dict[str, str]] = {}
        self._digests: dict[tuple[Path, int, int], str] = {}

    def digest(self, files: Mapping[str, Path]) -> str:
        """Digest of the artifacts of a run, whose listing is kept."""
        listing = {name: self.file_digest(path) for name, path in files.items()}
        digest = _digest(listing)
        if len(listing) > 1:  # A single file is sent whenever it changes.
            self._now[digest] = listing
        return digest

    def file_digest(self, path: Path) -> str:
        state = path.stat()
        key = (path, state.st_size, state.st_mtime_ns)
        if key not in self._digests:
            self._digests[key] = digest_file(path)
        return self._digests[key]

    def files(self, digest: str | None) -> Mapping[str, str]:
        """Digests of files, by name, whose common digest this is; none where they are not known."""
        found = self._now.get(digest or "") or self._earlier.get(digest or "", {})
        return found if isinstance(found, dict) and _digest(found) == digest else {}

    def keep(self, *, all_sent: bool) -> None:
        """Keep the listings of this pass for later ones. A folder that cannot be written to has none.

        Args:
            all_sent: no copy has an earlier listing any more.
        """
        known = self._now if all_sent else {**self._earlier, **self._now}
        if self._path is not None and known != self._earlier:
            with suppress(OSError):
                write_text(self._path, json.dumps(known) + "\n")
        self._earlier, self._now = known, {}


def _digest(listing: Mapping[str, str]) -> str:
    return digest_json([[name, digest] for name, digest in listing.items()])


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
