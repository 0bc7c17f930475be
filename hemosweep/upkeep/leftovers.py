"""Half-written files of processes that were killed, and where in an output folder they lie."""

import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from hemosweep.engine.index import FOLD_RUNS_NAME, INDEX_NAME
from hemosweep.foldrun.lock import LOCK_NAME, holder
from hemosweep.forecast.calibration import FILE_NAME as CALIBRATIONS_NAME
from hemosweep.identity.code import CACHE_NAME as CODE_NAME

DERIVATIVES_NAME = Path("derivatives") / "hemosweep-preproc"
RECENT_S = 900.0
"""Age below which a file may still be being written: preprocessing and drawing hold no lock."""

_OUTPUT_FOLDERS = ("derivatives", "figures", FOLD_RUNS_NAME, "folds", INDEX_NAME, "phantom-*", "predictions")
"""Folders in an output folder where files are written through a temporary name."""
TEMPORARY = ".tmp-"


def remove_leftovers(out: Path) -> None:
    """Delete the files that killed processes left half-written in an output folder, but those that may be in use.

    For a driver that holds the folder's lock: what it cannot delete stays, and costs nothing but space.
    """
    with suppress(OSError):  # Another command may delete it, too.
        for _, path in list(half_written(out, None, ())):
            inside = path.relative_to(out).parts
            if inside[0] == FOLD_RUNS_NAME and holder(out / FOLD_RUNS_NAME / inside[1] / LOCK_NAME) is not None:
                continue  # A worker of a cluster may outlive its driver for a while.
            if is_folder(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def half_written(out: Path, data: Path | None, doomed: Collection[Path]) -> Iterator[tuple[str, Path]]:
    """Name and path of each file or folder that a crash left half-written or half-deleted.

    Args:
        data: the data set that is considered, too.
        doomed: folders that are deleted as a whole; what lies in them is left out.
    """
    left = (path for name in (CALIBRATIONS_NAME, CODE_NAME) for path in sorted(out.glob(f"{TEMPORARY}*-{name}")))
    for path in left:
        if not is_recent(path):
            yield path.name, path
    places = [path for name in _OUTPUT_FOLDERS for path in sorted(out.glob(name)) if is_folder(path)]
    places += [root for root in derivative_roots(out, data) if not root.is_relative_to(out)]
    for place in places:
        for folder, folders, files in os.walk(place):
            parent = Path(folder)
            temporary = [parent / name for name in (*folders, *files) if name.startswith(TEMPORARY)]
            folders[:] = [name for name in folders if parent / name not in doomed and parent / name not in temporary]
            for path in temporary:
                # Fold runs have the locks that keep other processes out during a deletion.
                if place.name == FOLD_RUNS_NAME or not is_recent(path):
                    yield str(path.relative_to(place.parent)), path


def derivative_roots(out: Path, data: Path | None) -> list[Path]:
    """Folders of preprocessed cases: in the output folder, in its phantom data sets, and in the data set given."""
    places = [out, *filter(is_folder, sorted(out.glob("phantom-*"))), *([] if data is None else [data])]
    roots = {place.resolve(): place / DERIVATIVES_NAME for place in places}
    return [root for root in roots.values() if is_folder(root) and is_folder(root.parent)]


def is_folder(folder: Path) -> bool:
    """True if the path is a folder and not a link to one."""
    return folder.is_dir() and not folder.is_symlink()


def is_recent(path: Path) -> bool:
    return time.time() - path.lstat().st_mtime < RECENT_S
