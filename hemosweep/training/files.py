"""Files that are whole or not there, whatever ends the process or the machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write in place of `path`: on disk under a temporary name first, then renamed, the folder flushed too.

    An error leaves what was there before.
    """
    temporary = path.with_name(f".tmp-{path.name}")
    with temporary.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """Put the rename on disk. Where a file system cannot, a power cut may bring the old file back, whole as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
