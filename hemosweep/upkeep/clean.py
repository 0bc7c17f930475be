"""Files of an output folder that nothing needs any more, and their deletion, which may be interrupted at any point.

Only files that hemosweep made and named are considered, and links are never followed.
"""

import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from hemosweep.digest import DIGEST_LENGTH
from hemosweep.engine.index import FOLD_RUNS_NAME, Plan, damaged_plans, live_plans, read_plans
from hemosweep.engine.lock import driver
from hemosweep.errors import BadInput
from hemosweep.foldrun.external import external_name
from hemosweep.foldrun.lock import LOCK_NAME, Held, hold, holder
from hemosweep.identity.present import PresentCode
from hemosweep.preprocessing.preparation_time import SUFFIX as SECONDS_SUFFIX
from hemosweep.upkeep.leftovers import RECENT_S, TEMPORARY, derivative_roots, half_written, is_folder, is_recent
from hemosweep.upkeep.status import at, fold_run_folders, planned_by, read_spec

Kind = Literal["fold_run", "needed_fold_run", "temporary", "derivatives", "figures"]
KINDS: dict[Kind, str] = {
    "fold_run": "fold runs that nothing needs",
    "needed_fold_run": "fold runs of recorded or planned runs",
    "temporary": "half-written files",
    "derivatives": "preprocessed cases that no fold run reads",
    "figures": "figures of sweeps without runs",
}
_DIGEST = re.compile(rf"[0-9a-f]{{{DIGEST_LENGTH}}}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """Records of the tracker: fold runs of finished runs, those of the other runs, and the sweeps that have runs.

    `unclear` are sentences about runs whose fold runs are not known.
    """

    finished: frozenset[str] = frozenset()
    unfinished: frozenset[str] = frozenset()
    sweeps: frozenset[str] = frozenset()
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Removable:
    """One item that can be deleted: files, or a folder with its contents."""

    kind: Kind
    name: str
    paths: tuple[Path, ...]
    num_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderContents:
    """Contents of an output folder: removable files, fold runs that something needs, and remarks on the rest."""

    removable: tuple[Removable, ...]
    needed: tuple[Removable, ...]
    remarks: tuple[str, ...]


def is_digest(text: str) -> bool:
    """True if a text can name a fold run or a replicate."""
    return _DIGEST.fullmatch(text) is not None


def refuse_in_use(out: Path) -> None:
    """Refuse an output folder that a process works in.

    Raises:
        BadInput: a driver runs there, or a fold run does.
    """
    _refuse_at_work({out: driver(out)})
    refuse_fold_runs_in_use(fold_run_folders(out))


def refuse_fold_runs_in_use(folders: Iterable[Path]) -> None:
    """Refuse fold runs' folders before anything is done to them.

    Raises:
        BadInput: a process works on one of them.
    """
    _refuse_at_work({folder: holder(folder / LOCK_NAME) for folder in folders})


def _refuse_at_work(at_work: Mapping[Path, str | None]) -> None:
    for path, process in at_work.items():
        if process is not None:
            raise BadInput(f"{path}: {process} works here; nothing was deleted: wait for it, or end it")


def find_removable(
    out: Path, data: Path | None, recorded: Recorded, *, sweep_names: Iterable[str], force: bool
) -> FolderContents:
    """Find the items that can be deleted.

    A fold run is needed if a finished run has it. It is also needed if it can go on (its source code is the present
    one) and a run or a plan has it. All are needed if it is not clear which of them a run has. A preprocessed case is
    needed if a fold run that stays, or a plan that can go on, reads it. Those of another program are always needed.

    Args:
        data: the data set whose preprocessed cases are considered, besides those in `out`.
        sweep_names: the names of the sweeps: only folders of their figures are considered.
        force: needed fold runs are removable as well.

    Raises:
        BadInput: there is no such folder, or a plan in it that cannot be read.
    """
    for folder in (out, data):
        if folder is not None and not folder.is_dir():
            raise BadInput(f"{folder}: no such folder")
    damaged = [] if force else damaged_plans(out)
    if damaged:
        raise BadInput(
            f"{damaged[0]}: damaged, or of another version, so the fold runs that it needs are unknown; start its "
            "sweep again, which makes it anew, or delete it"
        )
    plans = read_plans(out)
    live = live_plans(out, plans)
    specs = {folder: read_spec(folder) for folder in fold_run_folders(out)}
    named_runs = {
        folder: spec for folder, spec in specs.items() if is_folder(folder) and _DIGEST.fullmatch(folder.name)
    }
    named_runs = named_runs if is_folder(out / FOLD_RUNS_NAME) else {}
    needed, idle = _sort(named_runs, plans, live, recorded, PresentCode(out))
    remarks: list[str] = []
    if recorded.unclear and idle and not force:
        kept_all = "which fold runs it has is not clear, so none is deleted; mend its tags, or delete it (hemosweep ui)"
        remarks += [f"{run}; {kept_all}" for run in recorded.unclear]
        needed, idle = needed | {folder: replace(item, kind="needed_fold_run") for folder, item in idle.items()}, {}
    doomed = idle | needed if force else idle
    stay = [spec for folder, spec in specs.items() if folder not in doomed]
    removable = [
        *doomed.values(),
        *_temporaries(out, data, doomed),
        *_derivatives(out, data, stay, () if force else live, remarks),
        *_figures(out, set(sweep_names) - recorded.sweeps - {plan.sweep for plan in plans}),
    ]
    kept = () if force else tuple(needed.values())
    return FolderContents(removable=tuple(removable), needed=kept, remarks=tuple(remarks))


def remove(item: Removable) -> None:
    """Delete one item. A folder is renamed first, so that a crash leaves a half-written file, not a fold run.

    Raises:
        BadInput: a process has begun to work on the fold run.
    """
    for path in item.paths:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
        elif item.kind in ("fold_run", "needed_fold_run"):
            shutil.rmtree(put_aside(path))
        else:
            shutil.rmtree(_renamed(path))
    if item.kind == "derivatives" and not any(item.paths[0].parent.iterdir()):
        item.paths[0].parent.rmdir()


def put_aside(folder: Path) -> Path:
    """Rename a fold run's folder, so that it is a half-written file and no fold run; returns its new path.

    Raises:
        BadInput: a process has begun to work on the fold run.
    """
    try:
        with hold(folder / LOCK_NAME):
            return _renamed(folder)
    except Held as held:
        raise BadInput(f"{folder}: {held.by} works here; it was not deleted") from None


def _renamed(path: Path) -> Path:
    doomed = path.with_name(f"{TEMPORARY}{path.name.removeprefix(TEMPORARY)}")
    if doomed != path:
        shutil.rmtree(doomed, ignore_errors=True)  # remains of a crash under the same name
        path.rename(doomed)
    return doomed


def _sort(
    specs: Mapping[Path, Any], plans: Sequence[Plan], live: Iterable[Plan], recorded: Recorded, present: PresentCode
) -> tuple[dict[Path, Removable], dict[Path, Removable]]:
    """The fold runs that something needs, and the others, by folder."""
    planned = {fold_run.digest for plan in live for replicate in plan.replicates for fold_run in replicate.fold_runs}
    names = {digest: f"{by[0].replicate} fold {by[0].fold}" for digest, by in planned_by(plans).items()}
    needed: dict[Path, Removable] = {}
    idle: dict[Path, Removable] = {}
    for folder, spec in specs.items():
        digest = folder.name
        can_go_on = present.has_spec(spec)
        of_external = external_name(spec)  # Nothing here could train it again.
        is_needed = (
            digest in recorded.finished
            or of_external is not None
            or (can_go_on and digest in recorded.unfinished | planned)
        )
        (needed if is_needed else idle)[folder] = Removable(
            kind="needed_fold_run" if is_needed else "fold_run",
            name=(of_external or names.get(digest, digest)) + ("" if can_go_on else ", of older source code"),
            paths=(folder,),
            num_bytes=_size(folder),
        )
    return needed, idle


def _derivatives(
    out: Path, data: Path | None, specs: Iterable[Any], plans: Iterable[Plan], remarks: list[str]
) -> Iterator[Removable]:
    """The names of a file and its folder hold digests of all that it depends on, and are known wherever they lie."""
    cases = [case for spec in specs for part in ("train", "validation", "test") for case in at(spec, part) or ()]
    read = {(path.parent.name, path.stem) for path in (Path(at(case, "path") or "") for case in cases)}
    planned = {name for plan in plans for replicate in plan.replicates for name in replicate.derivatives}
    for root in derivative_roots(out, data):
        folders = [path for path in sorted(root.iterdir()) if _DIGEST.fullmatch(path.name) and is_folder(path)]
        files = {folder: [path for path in sorted(folder.iterdir()) if _is_derivative(path)] for folder in folders}
        if any(is_recent(path) for paths in files.values() for path in paths):
            remarks.append(f"{root} was changed within the last {RECENT_S / 60:.0f} minutes and is not deleted")
            continue
        idle = {
            folder: tuple(path for path in paths if (folder.name, path.stem) not in read)
            for folder, paths in files.items()
            if folder.name not in planned
        }
        if any(idle.values()) and data is not None and root.is_relative_to(data):
            remarks.append(f"{data}: fold runs of other output folders may read these cases; they are made again then")
        for folder, paths in idle.items():
            if paths:
                name = f"{folder.name}, {len(paths)} of {len(files[folder])} files"
                yield Removable(kind="derivatives", name=name, paths=paths, num_bytes=sum(map(_size, paths)))


def _is_derivative(path: Path) -> bool:
    return path.suffix in (".npz", ".png", SECONDS_SUFFIX) and not path.name.startswith(".") and not path.is_symlink()


def _temporaries(out: Path, data: Path | None, doomed: Collection[Path]) -> Iterator[Removable]:
    for name, path in half_written(out, data, doomed):
        yield Removable(kind="temporary", name=name, paths=(path,), num_bytes=_size(path))


def _figures(out: Path, names: Iterable[str]) -> Iterator[Removable]:
    for folder in (out / "figures" / name for name in sorted(names)):
        if is_folder(folder) and is_folder(folder.parent):
            yield Removable(kind="figures", name=folder.name, paths=(folder,), num_bytes=_size(folder))


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; a link counts as itself."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum((Path(folder) / name).lstat().st_size for folder, _, files in os.walk(path) for name in files)
