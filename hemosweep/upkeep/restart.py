"""Restart of a sweep: its fold runs are deleted, so that all are trained again from the beginning."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from hemosweep.engine.plan import Replicate, fold_run_folder
from hemosweep.upkeep.clean import put_aside, refuse_fold_runs_in_use


def delete_fold_runs(
    replicates: Sequence[Replicate], out: Path, *, gone: Callable[[int], None], warn: Callable[[str], None]
) -> None:
    """Delete every fold run of the replicates that has begun or is done. Only the driver of the folder may call it.

    All folders are renamed within milliseconds, before the first one is deleted: a process that is killed during the
    deletion leaves no fold run to reuse.

    Args:
        gone: called with the number of fold runs as soon as all of them are renamed.
        warn: called for each folder that could not be deleted then; it only takes space.

    Raises:
        BadInput: a process works on one of them; nothing is deleted then.
    """
    folders = dict.fromkeys(fold_run_folder(out, spec) for replicate in replicates for spec in replicate.fold_runs)
    existing = [folder for folder in folders if folder.is_dir()]
    refuse_fold_runs_in_use(existing)
    aside: dict[Path, Path] = {}
    try:
        for folder in existing:
            aside[folder] = put_aside(folder)
    except BaseException:  # A process took one, or the user interrupted: undo the renaming.
        for folder, renamed in aside.items():
            renamed.rename(folder)
        raise
    gone(len(aside))
    for folder in aside.values():
        try:
            _delete(folder)
        except OSError as error:
            reason = error.strerror or error
            warn(f"{folder} could not be deleted ({reason}); it only takes space, and hemosweep clean can delete it")


def _delete(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()  # The target of a link is not ours.
    else:
        shutil.rmtree(folder)
