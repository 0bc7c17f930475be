"""Seal of a fold run: the digests of all that it made, written last. What is read later is compared with it."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hemosweep.errors import BadInput
from hemosweep.files import replacing
from hemosweep.foldrun.spec import (
    DONE_NAME,
    JOURNAL_NAME,
    PREDICTIONS_NAME,
    SCORES_NAME,
    SPEC_NAME,
    WEIGHTS_NAME,
    is_external,
    read_json,
    write_json,
)

RECORDS = (SPEC_NAME, SCORES_NAME, JOURNAL_NAME)
"""The sealed files that a record, a table or a comparison is made from."""
BROKEN = 65
"""Exit code of a process whose fold run has a broken seal (EX_DATAERR)."""
_MEND = {SCORES_NAME: "let `hemosweep score` make the scores anew from the kept predictions"}
_TRAIN_AGAIN = "delete this folder and run its sweep again, which trains it again"
_IMPORT_AGAIN = "delete this folder and import its results again (hemosweep import-results)"


class BrokenSeal(BadInput):
    """A file of a fold run is not the one that was sealed. `names` are all such files that were found."""

    def __init__(self, folder: Path, faults: Mapping[str, str]) -> None:
        (name, fault), *others = faults.items()
        more = f" (also {', '.join(other for other, _ in others[:3])})" if others else ""
        anew = _IMPORT_AGAIN if is_external(folder) else _TRAIN_AGAIN
        way_out = anew if others else _MEND.get(name, anew)
        super().__init__(f"{folder}: {name} {fault}{more}; restore it from a copy, or {way_out}")
        self.names = tuple(faults)
        self.short = f"{name} {fault}{more}"


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedFile:
    """A file as it was sealed: its SHA-256 in hexadecimal digits, and its size."""

    sha256: str
    num_bytes: int

    @classmethod
    def of(cls, path: Path) -> "SealedFile":
        """Digest of a file that exists."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(sha256=digest, num_bytes=file.tell())


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """Seal of a fold run.

    `digest` is the fold run's name, which its weights and predictions share; `scores` are the digests of the metrics
    by name. `files` are by their path in the folder. `replacing` are new versions of such files: during a replacement
    both versions hold. `files` is empty where an earlier version of hemosweep marked the fold run as done.
    """

    digest: str
    seconds: float
    scores: Mapping[str, str | None] = field(default_factory=dict)
    files: Mapping[str, SealedFile] = field(default_factory=dict)
    replacing: Mapping[str, SealedFile] = field(default_factory=dict)

    def versions(self, name: str) -> tuple[SealedFile, ...]:
        """The versions of a file that hold."""
        return tuple(files[name] for files in (self.files, self.replacing) if name in files)


def seal(folder: Path, *, digest: str, seconds: float, test_case_ids: Iterable[str], has_weights: bool = True) -> None:
    """Seal a fold run's folder, whose files are all written: from now on it is done.

    Args:
        digest: the fold run's name.
        seconds: working time of its processes.
        test_case_ids: the cases whose predictions are sealed.
        has_weights: False for a fold run of another program, whose weights are not here.

    Raises:
        FileNotFoundError: a file is missing.
    """
    weights = [WEIGHTS_NAME] if has_weights else []
    names = [SPEC_NAME, SCORES_NAME, *weights, JOURNAL_NAME, *map(prediction_name, test_case_ids)]
    _write(
        folder,
        Seal(
            digest=digest,
            seconds=seconds,
            scores=_metric_digests(folder),
            files={name: SealedFile.of(folder / name) for name in names},
        ),
    )


def replace_sealed(folder: Path, name: str, content: bytes) -> None:
    """Replace a sealed file. A process that is killed meanwhile leaves the old version or the new one, both sealed.

    Only the holder of the folder's lock may call it.
    """
    before = read_seal(folder)
    new = SealedFile(sha256=hashlib.sha256(content).hexdigest(), num_bytes=len(content))
    if before is not None and before.files:
        _write(folder, replace(before, replacing={name: new}))
    with replacing(folder / name) as temporary:
        temporary.write_bytes(content)
    if before is not None and before.files:
        files = {**before.files, name: new}
        _write(folder, replace(before, scores=_metric_digests(folder), files=files, replacing={}))


def read_seal(folder: Path) -> Seal | None:
    """The seal in a fold run's folder; None where it is not done.

    A power cut may leave an empty or half-written seal: such a fold run is not done.
    """
    try:
        values = read_json(folder / DONE_NAME)
        found = Seal(
            digest=str(values["digest"]),
            seconds=float(values["seconds"]),
            scores=dict(values.get("scores", {})),
            files=_files(values.get("files", {})),
            replacing=_files(values.get("replacing", {})),
        )
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return found if math.isfinite(found.seconds) else None


def is_finished(folder: Path, *read: str, owner: str | None = None) -> bool:
    """True if the fold run in a folder is done, and its files are those that were sealed.

    Args:
        read: files that are read next, such as `RECORDS`: their content is compared, that of the others not. Sizes are
            always compared.
        owner: the fold run's digest; None where the folder may have any.

    Raises:
        BrokenSeal: it is done, and a file is missing or another one, or it is another fold run's.
    """
    found = read_seal(folder)
    return found is not None and _is_whole(folder, found, read, owner)


def is_sealed(folder: Path, *read: str, owner: str | None = None) -> bool:
    """True if this version sealed the fold run in a folder, and its files are those that were sealed.

    The mark of an earlier version, which sealed nothing, does not count: its code gives fold runs other names.
    Arguments and errors as `is_finished`.
    """
    found = read_seal(folder)
    return found is not None and bool(found.files) and _is_whole(folder, found, read, owner)


def _is_whole(folder: Path, found: Seal, read: Iterable[str], owner: str | None) -> bool:
    faults = foreign_owner(found, owner) or find_faults(folder, found, read)
    if faults:
        raise BrokenSeal(folder, faults)
    return bool(found.files) or _is_marked(folder)


def foreign_owner(found: Seal, owner: str | None) -> dict[str, str]:
    """The fault of a seal of another fold run, whose folder was renamed or copied; none where it is its own."""
    if owner in (None, found.digest):
        return {}
    return {DONE_NAME: f"is the seal of another fold run, {found.digest}"}


def find_faults(folder: Path, found: Seal, read: Iterable[str] | None = None) -> dict[str, str]:
    """Files that are not as they were sealed: path in the folder to the fault.

    Args:
        read: those whose content is compared, as well as the size; None for all.
    """
    compared = set(found.files if read is None else read)
    faults = {name: _fault(folder / name, found.versions(name), content=name in compared) for name in found.files}
    return {name: fault for name, fault in faults.items() if fault is not None}


def sealed_content(folder: Path, name: str) -> bytes:
    """Content of a file of a fold run. It is compared with the seal, if there is one that names it.

    Args:
        name: path in the folder.

    Raises:
        BrokenSeal: it is not the file that was sealed.
        FileNotFoundError: it is missing, and no seal names it.
    """
    found = read_seal(folder)
    versions = () if found is None else found.versions(name)
    if not versions:
        return (folder / name).read_bytes()
    try:
        content = (folder / name).read_bytes()
    except FileNotFoundError:
        raise BrokenSeal(folder, {name: "is missing"}) from None
    if hashlib.sha256(content).hexdigest() not in {version.sha256 for version in versions}:
        raise BrokenSeal(folder, {name: "has other content than it was sealed with"})
    return content


def sealed_prediction(folder: Path, case_id: str) -> Path:
    """File of a case's prediction, which is compared with the seal before.

    Raises:
        BrokenSeal: it is not the file that was sealed.
        FileNotFoundError: it is missing, and no seal names it.
    """
    sealed_content(folder, prediction_name(case_id))
    return folder / prediction_name(case_id)


def prediction_name(case_id: str) -> str:
    """Path of a case's prediction in the folder of a fold run."""
    return f"{PREDICTIONS_NAME}/{case_id}.nii.gz"


def _fault(path: Path, versions: tuple[SealedFile, ...], *, content: bool) -> str | None:
    try:
        num_bytes = path.stat().st_size
        if all(num_bytes != version.num_bytes for version in versions):
            return f"has {num_bytes} bytes, and was sealed with {versions[0].num_bytes}"
        if content and SealedFile.of(path) not in versions:
            return "has other content than it was sealed with"
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    return None


def _is_marked(folder: Path) -> bool:
    """True if an earlier version, which did not seal, ended the fold run: marker, scores and spec fit each other."""
    try:
        scores, spec = (read_json(folder / name) for name in (SCORES_NAME, SPEC_NAME))
        rows = scores if isinstance(scores, list) else scores["rows"]
        return [row["case_id"] for row in rows] == [case["case_id"] for case in spec["test"]]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return False


def _metric_digests(folder: Path) -> dict[str, str | None]:
    metrics: dict[str, dict[str, Any]] = json.loads((folder / SCORES_NAME).read_bytes())["metrics"]
    return {name: metric["digest"] for name, metric in metrics.items()}


def _files(values: Mapping[str, Mapping[str, Any]]) -> dict[str, SealedFile]:
    return {
        str(name): SealedFile(sha256=str(entry["sha256"]), num_bytes=int(entry["bytes"]))
        for name, entry in values.items()
    }


def _write(folder: Path, found: Seal) -> None:
    def record(files: Mapping[str, SealedFile]) -> dict[str, Any]:
        return {name: {"sha256": file.sha256, "bytes": file.num_bytes} for name, file in files.items()}

    values = {"digest": found.digest, "seconds": found.seconds, "scores": dict(found.scores)}
    if found.replacing:
        values["replacing"] = record(found.replacing)
    write_json(folder / DONE_NAME, values | {"files": record(found.files)})
