"""Content digests: the same content gives the same name, whatever the file's date or place."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hemosweep.data.case import Case
from hemosweep.errors import BadInput

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


def input_digest(case: Case, *, with_cta: bool = False) -> str:
    """Content digest of a case's CT and lesion mask files, and of its angiography where it has one and it counts.

    Raises:
        BadInput: one of them cannot be read.
    """
    paths = (case.ct_path, case.lesion_path, case.cta_path if with_cta else None)
    try:
        return digest_json([digest_file(path) for path in paths if path is not None])
    except OSError as error:
        raise BadInput(
            f"case {case.case_id}: {error.filename} cannot be read ({error.strerror}); check the file and its mode"
        ) from error


def dataset_digest(cases: Sequence[Case]) -> str:
    """Content digest of a data set's images and lesion masks, independent of its place and of its table's order."""
    return digest_json(sorted([case.case_id, input_digest(case, with_cta=True)] for case in cases))
