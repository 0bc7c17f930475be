"""Check of every fold run of an output folder against its seal. Nothing is changed."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hemosweep.engine.index import damaged_plans, read_plans
from hemosweep.errors import BadInput
from hemosweep.foldrun.external import external_name
from hemosweep.foldrun.journal import DAMAGED_LINE, read_journal
from hemosweep.foldrun.scores import FoldScores, read_scores
from hemosweep.foldrun.seal import Seal, find_faults, foreign_owner, is_finished, read_seal
from hemosweep.foldrun.spec import DONE_NAME, JOURNAL_NAME, SPEC_NAME, is_external, read_json
from hemosweep.upkeep.status import fold_run_folders, planned_by, read_spec

State = Literal["whole", "broken", "earlier", "unfinished"]
"""State of a fold run. `earlier` is one that an earlier version of hemosweep ended, which sealed nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldRunCheck:
    """A fold run that was checked. `faults` name what differs, `remarks` what a later run passes over."""

    name: str
    folder: Path
    state: State
    num_bytes: int = 0
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderCheck:
    """The fold runs of an output folder by their digest, and the plans that cannot be read."""

    fold_runs: Mapping[str, FoldRunCheck] = field(default_factory=dict)
    plan_faults: tuple[str, ...] = ()

    def count(self, state: State) -> int:
        return sum(check.state == state for check in self.fold_runs.values())


def verify_fold_runs(out: Path, *, jobs: int, progress: Callable[[int, int], None]) -> FolderCheck:
    """Compare every sealed file with its seal, several fold runs at once.

    Args:
        jobs: number of fold runs at once.
        progress: called with the number of fold runs that are checked, and the number of all.

    Raises:
        BadInput: there is no such folder.
    """
    if not out.is_dir():
        raise BadInput(f"{out}: no such folder; give the folder of a sweep's results")
    names = {digest: f"{by[0].replicate} fold {by[0].fold}" for digest, by in planned_by(read_plans(out)).items()}
    folders = fold_run_folders(out)
    checks: dict[str, FoldRunCheck] = {}
    progress(0, len(folders))
    with ThreadPoolExecutor(max_workers=jobs) as threads:
        futures = [
            threads.submit(verify_fold_run, folder, names.get(folder.name) or _name_of(folder)) for folder in folders
        ]
        try:
            for number, future in enumerate(as_completed(futures), start=1):
                check = future.result()
                checks[check.folder.name] = check
                progress(number, len(folders))
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    plan_faults = tuple(f"plan {path.name} cannot be read; start its sweep again" for path in damaged_plans(out))
    return FolderCheck(fold_runs=dict(sorted(checks.items())), plan_faults=plan_faults)


def _name_of(folder: Path) -> str:
    """Name of a fold run that no plan has: that of an external arm, or the folder's."""
    return (external_name(read_spec(folder)) if is_external(folder) else None) or folder.name


def verify_fold_run(folder: Path, name: str) -> FoldRunCheck:
    """Compare one fold run with its seal, and its files with each other."""
    seal = read_seal(folder)
    if seal is None:
        return _unfinished(folder, name)
    if not seal.files:
        if is_finished(folder):
            return FoldRunCheck(name=name, folder=folder, state="earlier")
        unfit = f"{DONE_NAME} of an earlier version does not fit the other files"
        return FoldRunCheck(name=name, folder=folder, state="broken", faults=(unfit,))
    found = foreign_owner(seal, folder.name) or find_faults(folder, seal)
    faults = tuple(f"{path} {fault}" for path, fault in found.items()) or tuple(_contradictions(folder, seal))
    return FoldRunCheck(
        name=name,
        folder=folder,
        state="broken" if faults else "whole",
        num_bytes=sum(file.num_bytes for file in seal.files.values()),
        faults=faults,
    )


def kept_scores(check: FoldRunCheck) -> FoldScores | None:
    """Scores of a fold run that was found to be whole; None for any other."""
    return read_scores(check.folder) if check.state == "whole" else None


def _unfinished(folder: Path, name: str) -> FoldRunCheck:
    """A fold run that is not done: nothing is sealed yet, and a later run looks at each file itself."""
    remarks = tuple(
        f"line {event['line']} of its journal is damaged ({event['reason']}) and passed over"
        for event in read_journal(folder / JOURNAL_NAME)
        if event["event"] == DAMAGED_LINE
    )
    if not (folder / DONE_NAME).exists():
        return FoldRunCheck(name=name, folder=folder, state="unfinished", remarks=remarks)
    damaged = f"{DONE_NAME} is damaged; the next run of its sweep goes on from the end of its training"
    return FoldRunCheck(name=name, folder=folder, state="broken", faults=(damaged,), remarks=remarks)


def _contradictions(folder: Path, seal: Seal) -> Iterator[str]:
    """Sealed files that do not fit each other, which only an error of ours or a forged seal can leave."""
    scores, spec = read_scores(folder), read_json(folder / SPEC_NAME)
    if spec["digest"] != seal.digest:
        yield f"{SPEC_NAME} is of another fold run"
    if [row["case_id"] for row in scores.rows] != [case["case_id"] for case in spec["test"]]:
        yield "the scores are not those of its test cases"
    if {name: metric.digest for name, metric in scores.metrics.items()} != dict(seal.scores):
        yield "the metrics of its scores are not those of its seal"
