"""Starting a sweep over on purpose: its fold runs are taken away, and nothing of them is there to go on from."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from hemosweep.engine.plan import Replicate, fold_run_folder
from hemosweep.upkeep.clean import put_aside, refuse_fold_runs_in_use


def delete_fold_runs(
    replicates: Sequence[Replicate], out: Path, *, gone: Callable[[int], None], warn: Callable[[str], None]
) -> None:
    """Delete every fold run of the replicates that has begun or is done; to be called by the driver of the folder.

    All are out of the way within milliseconds, before the first one is deleted: what is killed during the deletion
    leaves none of them to be reused.

    Args:
        gone: told how many there were, as soon as none of them is a fold run any more.
        warn: told of what could not be deleted then; it takes space, and nothing else.

    Raises:
        BadInput: a process works on one of them; nothing was deleted then.
    """
    folders = dict.fromkeys(fold_run_folder(out, spec) for replicate in replicates for spec in replicate.fold_runs)
    existing = [folder for folder in folders if folder.is_dir()]
    refuse_fold_runs_in_use(existing)
    aside: dict[Path, Path] = {}
    try:
        for folder in existing:
            aside[folder] = put_aside(folder)
    except BaseException:  # A process has just begun to work on one, or the user stopped it: all or none.
        for folder, renamed in aside.items():
            renamed.rename(folder)
        raise
    gone(len(aside))
    for folder in aside.values():
        try:
            _delete(folder)
        except OSError as error:
            reason = error.strerror or error
            warn(f"{folder} could not be deleted ({reason}); it is in nobody's way, and hemosweep clean finds it")


def _delete(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()  # What it leads to is not ours.
    else:
        shutil.rmtree(folder)
