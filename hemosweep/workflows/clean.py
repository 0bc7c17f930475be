"""`hemosweep clean`: the files of an output folder that nothing needs, listed or deleted."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from hemosweep.ablation.catalogue import known_sweeps
from hemosweep.digest import digest_json
from hemosweep.engine.lock import driver_lock
from hemosweep.report.terminal.lines import Name, lines_of
from hemosweep.runs import FoldRecord, RunRecord
from hemosweep.tracking.database import database_path
from hemosweep.tracking.reader import MlflowStore
from hemosweep.upkeep.clean import (
    KINDS,
    FolderContents,
    Recorded,
    Removable,
    find_removable,
    is_digest,
    refuse_in_use,
    remove,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cleaning:
    """Result of a clean-up: the contents of the folder, `deleted` or not, and the command that deletes them."""

    out: Path
    contents: FolderContents
    deleted: bool
    command: str

    def as_json(self) -> dict[str, Any]:
        return {
            "deleted": self.deleted,
            "mb": _mb(self.contents.removable),
            "needed_mb": _mb(self.contents.needed),
            "remarks": list(self.contents.remarks),
            "items": [
                {"kind": item.kind, "name": item.name, "mb": _mb([item]), "paths": [str(path) for path in item.paths]}
                for item in self.contents.removable
            ],
        }

    def as_lines(self, *, styled: bool = False) -> list[str]:
        """The removable items, one by one and by kind, and what became of them."""
        contents, lines = self.contents, []
        if contents.removable:
            lines += [*lines_of(_table(contents.removable), styled=styled), ""]
        for kind, meaning in KINDS.items():
            items = [item for item in contents.removable if item.kind == kind]
            if items:
                lines.append(f"{meaning}: {len(items)}, {_mb(items):.1f} MB")
        lines.append(
            f"{_mb(contents.removable):.1f} MB in all" if contents.removable else f"{self.out}: nothing to delete"
        )
        if contents.needed:
            kept = f"{KINDS['needed_fold_run']}: {len(contents.needed)} stay, {_mb(contents.needed):.1f} MB"
            lines.append(f"{kept} (--force takes them, too)")
        lines += contents.remarks
        if self.deleted:
            lines.append(f"Deleted: {_mb(contents.removable):.1f} MB are free again.")
        elif contents.removable:
            lines += ["Nothing is deleted yet; this deletes it:", f"  {self.command}"]
        return lines


def clean(out: Path, data: Path | None = None, *, confirmed: bool = False, force: bool = False) -> Cleaning:
    """List the items that can be deleted, and delete them if that is confirmed.

    Args:
        data: the data set whose preprocessed cases are considered, besides those in `out`.
        force: also delete the fold runs of recorded and planned runs.

    Raises:
        BadInput: there is no such folder, or it is in use and something was to be deleted.
    """
    if confirmed:
        refuse_in_use(out)
    command = _command(out, data, force=force)
    contents = _find(out, data, force=force)
    if not (confirmed and contents.removable):
        return Cleaning(out=out, contents=contents, deleted=False, command=command)
    with driver_lock(out):
        contents = _find(out, data, force=force)
        for item in contents.removable:
            remove(item)
    return Cleaning(out=out, contents=contents, deleted=True, command=command)


def _find(out: Path, data: Path | None, *, force: bool) -> FolderContents:
    return find_removable(out, data, _recorded(out), sweep_names=known_sweeps(), force=force)


def _recorded(out: Path) -> Recorded:
    """Records of the store. The fold runs of a run that is not whole are kept like those of a finished run."""
    if not database_path(out).is_file():
        return Recorded()
    digests: dict[bool, set[str]] = {True: set(), False: set()}
    store = MlflowStore(out)
    runs, folds, partial = store.list_runs(), store.list_folds(), store.list_partial()
    for run in runs:
        digests[run.is_finished].update(fold.digest for fold in folds.get(run.run_id, ()))
    unclear = [run.described for run in partial if run.is_fold and run.digest is None]
    unclear += [
        f"run {run.full_name} ({run.run_id[:8]}) is not whole: its folds' digests do not make up its own"
        for run in runs
        if run.is_finished and not _makes_up(run, folds.get(run.run_id, ()))
    ]
    for lost in partial:
        digests[True].update(fold.digest for fold in folds.get(lost.run_id, ()))
        if lost.digest is not None:
            digests[True].add(lost.digest)
    return Recorded(
        finished=frozenset(digests[True]),
        unfinished=frozenset(digests[False]),
        sweeps=frozenset({*(run.sweep for run in runs), *(lost.sweep for lost in partial)}),
        unclear=tuple(unclear),
    )


def _makes_up(run: RunRecord, folds: Sequence[FoldRecord]) -> bool:
    """True if the folds are those of the run, whose digest is made of theirs; unknown digests count as such."""
    return not is_digest(run.digest) or run.digest == digest_json([fold.digest for fold in folds])


def _table(items: Sequence[Removable]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("what", no_wrap=True)
    table.add_column("name")
    table.add_column("MB", justify="right", no_wrap=True)
    for item in items:
        table.add_row(KINDS[item.kind], Name(item.name), f"{_mb([item]):.1f}")
    return table


def _command(out: Path, data: Path | None, *, force: bool) -> str:
    words = ["hemosweep", "clean"]
    if out != Path("runs"):
        words += ["--out", str(out)]
    if data is not None:
        words += ["--data", str(data)]
    return shlex.join([*words, *(["--force"] if force else []), "--yes"])


def _mb(items: Sequence[Removable]) -> float:
    return round(sum(item.num_bytes for item in items) / 1e6, 3)
