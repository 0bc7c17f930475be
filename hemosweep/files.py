"""Files that are whole or not there, whatever ends the process or the machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """A temporary path to write in place of `path`: on disk first, then renamed. The folder is made.

    An error leaves what was there before.

    Args:
        shared: several processes may write `path` at once, so each does so under a name of its own. Else what a killed
            one has left is overwritten by the next.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{uuid4().hex}-{path.name}" if shared else f".tmp-{path.name}")
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    # Where a file system cannot flush a folder, a power cut may bring the old file back, whole as well.
    with suppress(OSError):
        _flush(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text: whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
