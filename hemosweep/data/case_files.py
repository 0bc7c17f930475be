"""Places of a case's files: `sub-01/ct/sub-01_ct.nii.gz`, packed or not, and those of BIDS sessions and runs."""

import os
import re
from pathlib import Path

from hemosweep.data.found import like_named_folder, named, other_images
from hemosweep.ids import canonical_id, stored_path

SUFFIXES = (".nii.gz", ".nii")
SUBJECT = re.compile(r"sub-[^_/]+")
ADD_OR_REMOVE = "add the file or remove the case's row"
_ENTITIES = re.compile(r"(?P<subject>sub-[^_/]+)(?:_(?P<session>ses-[^_/]+))?(?:_[a-z]+-[^_/]+)*")
_NO_CT = re.compile(r"_(cta|label-[a-z]+_mask)\.nii")
_CT_NAME = re.compile(r"(?P<stem>.+)_ct\.nii(?:\.gz)?")


def case_file(data: Path, case_id: str, suffix: str) -> Path:
    """Path of a case's file; `suffix` is ct, cta, or one of the masks. Names on disk may have another Unicode form.

    It is the existing file, `.nii.gz` before `.nii`, or the place where one is expected. A file of the case's only
    BIDS run stands for one without a run.
    """
    folder = ct_folder(data, case_id)
    paths = [path for stem in _stems(folder, case_id) for path in _paths(folder, stem, suffix)]
    return next((path for path in paths if os.path.isfile(path)), paths[0])


def ct_folder(data: Path, case_id: str) -> Path:
    """Folder of a case's files: that of a BIDS subject or session where the case has no folder of its own name."""
    own = stored_path(data, case_id)
    match = _ENTITIES.fullmatch(case_id)
    if match is None or match["subject"] == case_id or os.path.isdir(own):
        return own / "ct"
    subject = stored_path(data, match["subject"])
    if not os.path.isdir(subject):
        return own / "ct"
    return (stored_path(subject, match["session"]) if match["session"] else subject) / "ct"


def sessions(data: Path, case_id: str) -> tuple[str, ...]:
    """Ids of the cases that the sessions of a BIDS subject are, sorted; none where the subject has a `ct` folder."""
    return () if os.path.isdir(stored_path(data, case_id) / "ct") else own_sessions(data, case_id)


def own_sessions(data: Path, case_id: str) -> tuple[str, ...]:
    """Ids that the sessions of a BIDS subject have as cases, sorted, also beside a `ct` folder of the subject."""
    if not SUBJECT.fullmatch(case_id):
        return ()
    subject = stored_path(data, case_id)
    return tuple(
        f"{case_id}_{canonical_id(name)}"
        for name in _names(subject)
        if name.startswith("ses-") and os.path.isdir(subject / name / "ct")
    )


def ct_fault(ct_path: Path, case_id: str) -> str | None:
    """Reason why there is no CT at a case's place, with the way out; None where there is one."""
    if os.path.isfile(ct_path):
        return None
    return misnamed(ct_path, case_id) or f"no CT at {ct_path}; {_instead_of_ct(ct_path, case_id) or ADD_OR_REMOVE}"


def _instead_of_ct(ct_path: Path, case_id: str) -> str | None:
    """Images in the place of the files of a case without a CT, with the way out; None where nothing does."""
    folder = ct_path.parents[1]
    if not os.path.isdir(folder):
        other = like_named_folder(folder.parent, case_id)
        return None if other is None else f"there is a folder {other}: write its name as participant_id"
    others = [name for name in other_images(folder, ()) if not _NO_CT.search(name)]
    if not others:
        return None
    return f"there is {named(others)} in {folder}: if that is the CT, move it there; else {ADD_OR_REMOVE}"


def misnamed(ct_path: Path, case_id: str) -> str | None:
    """Names that the CTs at a missing one's place have instead, such as several runs, with the way out; None where
    there are none."""
    others = () if os.path.isfile(ct_path) else _longer_names(ct_path.parent, case_id)
    if not others:
        return None
    return (
        f"no CT at {ct_path}, but under longer names: {', '.join(others)}; list the one to use as its own "
        "participant_id, or rename its files"
    )


def doubled(path: Path) -> bool:
    """True if a file is there both packed and unpacked."""
    return path.name.endswith(".nii.gz") and os.path.isfile(path) and os.path.isfile(path.with_suffix(""))


def _stems(folder: Path, case_id: str) -> tuple[str, ...]:
    """Beginnings of a case's file names: its id and, where only that has a CT, the id with its only run. Several runs
    are several scans, and none of them is the case's."""
    if any(os.path.isfile(path) for path in _paths(folder, case_id, "ct")):
        return (case_id,)
    runs = [name for name in _longer_names(folder, case_id) if name.startswith(f"{case_id}_run-")]
    return (case_id, *runs) if len(runs) == 1 else (case_id,)


def _paths(folder: Path, stem: str, suffix: str) -> list[Path]:
    return [stored_path(folder, f"{stem}_{suffix}{ending}") for ending in SUFFIXES]


def _longer_names(folder: Path, case_id: str) -> tuple[str, ...]:
    """Names of CTs in a folder up to `_ct.nii` that begin with a case's id and have more, each once, sorted."""
    matches = (_CT_NAME.fullmatch(canonical_id(name)) for name in _names(folder))
    stems = {match["stem"] for match in matches if match}
    return tuple(sorted(stem for stem in stems if stem.startswith(f"{case_id}_")))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
