"""Ids of cases and patients in one Unicode form.

Programs and file systems write "ü" as one character (NFC) or as two (NFD, as macOS names files). Both are one id.
"""

import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from hemosweep.errors import BadInput

T = TypeVar("T")


def canonical_id(text: str) -> str:
    """An id in Unicode's form NFC, in which ids are compared and written."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def by_id(values: Mapping[str, T]) -> dict[str, T]:
    """Values by canonical ids.

    Raises:
        BadInput: two ids are one.
    """
    if all(map(str.isascii, values)):
        return dict(values)
    canonical: dict[str, T] = {}
    for name, value in values.items():
        case_id = canonical_id(name)
        if case_id in canonical:
            raise BadInput(f"{case_id} is there twice, in two Unicode forms (NFC and NFD); keep one of them")
        canonical[case_id] = value
    return canonical


def stored_path(folder: Path, name: str) -> Path:
    """Path of an entry of a folder, in the Unicode form that its name has on disk; as given where there is none."""
    path = folder / name
    if name.isascii() or os.path.lexists(path):
        return path
    try:
        entries = os.listdir(folder)
    except OSError:
        return path
    return next((folder / entry for entry in sorted(entries) if canonical_id(entry) == canonical_id(name)), path)
