"""Content digests: the same content gives the same name, independent of the file's date and place."""

import hashlib
import json
from pathlib import Path
from typing import Any

DIGEST_LENGTH = 16


def digest_json(value: Any) -> str:
    """Digest of a JSON-serialisable value, independent of dictionary order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]


def digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_LENGTH]


def digest_files(paths: list[Path], root: Path) -> str:
    """Digest of several files' names below `root` and contents."""
    return digest_json([[str(path.relative_to(root)), digest_file(path)] for path in sorted(paths)])
